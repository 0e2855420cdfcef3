import assert from 'node:assert/strict'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import { failDisk } from '../../scripts/lib/prove/disk/faults.ts'
import { flip } from '../../scripts/lib/prove/disk/flips.ts'
import { fillLedger, flipLedger, LEDGER_FILES } from '../../scripts/lib/prove/disk/ledger-flips.ts'
import { flood } from '../../scripts/lib/prove/disk/memory.ts'
import { cannotLimit } from '../../scripts/lib/prove/disk/memory-group.ts'
import { cannotFail, cannotMount } from '../../scripts/lib/prove/disk/mounts.ts'
import { breakDisk, fillDisk } from '../../scripts/lib/prove/disk/real.ts'
import { buildShim } from '../../scripts/lib/prove/disk/shim.ts'
import { fill } from '../../scripts/lib/prove/disk/spool-kit.ts'
import { randomOf } from '../../scripts/lib/prove/random.ts'
import { need } from '../support/components.ts'
import { temporaryFolder } from '../support/folder.ts'

/** Set it to another number to alter other bytes. */
const SEED = Number(process.env.POSTERN_SEED ?? 5)

for (const kind of ['database', 'log', 'content'] as const) {
  test(`Whatever is altered in the ${kind} of a spool, each message goes out as it was stored or is told to be damaged.`, async (t) => {
    const folder = temporaryFolder(t, 'flips')
    const random = randomOf(SEED)
    const filled = await fill(folder, 100, random)
    const { findings } = await flip(filled, join(folder, 'scratch'), kind, 6, random)
    assert.deepEqual(findings, [], `seed ${SEED}`)
  })
}

for (const mode of ['full', 'readonly', 'sync'] as const) {
  test(`A disk that fails for a while (${mode}) costs no acknowledged message and no restart.`, async (t) => {
    if (!need(t, 'gcc')) return
    const { failed, lost, permanent, restarts, last } = await failDisk(
      t,
      buildShim(temporaryFolder(t, 'shim')),
      mode,
      3,
    )
    assert.ok(failed > 0, 'nothing failed')
    assert.deepEqual({ lost, permanent, restarts }, { lost: 0, permanent: 0, restarts: 0 }, last)
  })
}

/** What a machine cannot do is a skip with its reason, and a failure where CI is set. */
function without(t: TestContext, reason: string): void {
  if (process.env.CI) throw new Error(reason)
  t.skip(reason)
}

test('A real disk that is full to the last page costs no acknowledged message, and mail is taken again without a restart.', async (t) => {
  const cannot = cannotMount(t)
  if (cannot !== null) return without(t, cannot)
  const { failed, lost, permanent, restarts, last } = await fillDisk(t, 6)
  assert.ok(failed > 0, 'nothing was refused')
  assert.deepEqual({ lost, permanent, restarts }, { lost: 0, permanent: 0, restarts: 0 }, last)
})

test('A real disk that the kernel makes read-only costs no acknowledged message, and ends no daemon.', async (t) => {
  const cannot = cannotMount(t) ?? cannotFail()
  if (cannot !== null) return without(t, cannot)
  const { failed, lost, permanent, restarts, last } = await breakDisk(t, 1)
  assert.ok(failed > 0, 'nothing was refused')
  assert.deepEqual({ lost, permanent, restarts }, { lost: 0, permanent: 0, restarts: 0 }, last)
})

test('In a flood, a daemon in little memory refuses mail for now; the kernel does not end it, and nothing is lost.', async (t) => {
  const cannot = cannotLimit()
  if (cannot !== null) return without(t, cannot)
  const { killed, refused, acknowledged, lost, resumed } = await flood(t, 256, 3000, 6, { isInside: true })
  assert.ok(refused > 0, 'nothing was refused')
  assert.ok(acknowledged > 0, 'nothing was acknowledged')
  assert.deepEqual({ killed, lost, resumed }, { killed: 0, lost: 0, resumed: true })
})

test('A daemon that the kernel ends for want of memory has lost nothing that it acknowledged.', async (t) => {
  const cannot = cannotLimit()
  if (cannot !== null) return without(t, cannot)
  const { killed, acknowledged, lost } = await flood(t, 40, 500, 8, { isInside: false })
  assert.ok(killed > 0, 'the kernel did not end it')
  assert.ok(acknowledged > 0, 'nothing was acknowledged')
  assert.equal(lost, 0)
})

test('Whatever is altered in a ledger or its log, closed or open, the record is as it was, or is told to be otherwise.', async (t) => {
  const folder = temporaryFolder(t, 'ledger-flips')
  const random = randomOf(SEED)
  const filled = await fillLedger(folder, 600, random)
  for (const file of LEDGER_FILES) {
    for (const running of [false, true]) {
      const ask = { file, running, count: 1, random }
      const { findings } = await flipLedger(filled, join(folder, 'scratch'), ask)
      assert.deepEqual(findings, [], `seed ${SEED}`)
    }
  }
})
