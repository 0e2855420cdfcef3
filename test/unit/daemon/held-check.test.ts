import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import Database from 'better-sqlite3'
import { HeldCheck } from '../../../src/daemon/held-check.ts'
import type { Inspector } from '../../../src/inspect/plugin.ts'
import { silentLog } from '../../../src/log.ts'
import { reply } from '../../../src/mail/reply.ts'
import { CONTINUE, type Verdict } from '../../../src/mail/verdict.ts'
import type { Hold } from '../../../src/spool/contract.ts'
import { newMessage, startRelay } from '../deliver/relay.ts'
import { chainOf } from '../inspect/harness.ts'

const HOUR = 3_600_000
const REJECT: Verdict = { action: 'reject', reason: 'virus X', reply: reply(554, '5.7.1', 'No') }
const DEFER: Verdict = { action: 'defer', reason: 'no scanner', reply: reply(451, '4.7.1', 'Later') }

test('a deadline releases only what is let pass by those who look again', async (t) => {
  const verdicts: Record<string, Verdict> = {
    clean: CONTINUE,
    bad: REJECT,
    unclear: DEFER,
    theirs: REJECT,
    lost: REJECT,
  }
  const plugin: Inspector = {
    name: 'scan',
    rescan: true,
    data: async ({ rcptTo }) => verdicts[rcptTo[0]?.address.local ?? ''] ?? CONTINUE,
  }
  let check: HeldCheck | null = null
  const relay = await startRelay(t, { holdAgain: async (lease, hold) => check?.holdAgain(lease, hold) ?? null })
  check = new HeldCheck({ clock: relay.clock, log: silentLog })
  check.use(chainOf([plugin]))
  const until = relay.clock.now() + HOUR
  const hold = async (local: string, owner: string) => {
    // biome-ignore lint/suspicious/noThenProperty: the contract's word for what happens at the deadline
    const held: Hold = { reason: 'spam', owner, until, then: 'release' }
    const message = newMessage({ to: `${local}@example.org` }, relay.clock.now())
    return (await relay.spool.put(message, [{ do: 'hold', destination: 'example.org', hold: held }])).queueId
  }
  const ids = {
    clean: await hold('clean', 'plugin:spam'),
    bad: await hold('bad', 'plugin:spam'),
    unclear: await hold('unclear', 'plugin:spam'),
    theirs: await hold('theirs', 'operator:me'),
    lost: await hold('lost', 'component:repair'),
  }
  relay.clock.jump(HOUR + 1)
  await relay.deliver.sweep()
  const holdOf = async (id: typeof ids.bad) => (await relay.spool.show(id))?.recipients[0]?.hold ?? null
  assert.equal(await holdOf(ids.clean), null)
  assert.equal(await holdOf(ids.theirs), null)
  assert.equal(await relay.spool.show(ids.bad), null, 'it was given back')
  assert.equal(await relay.spool.show(ids.lost), null, 'whatever its reason was')
  const unclear = await holdOf(ids.unclear)
  assert.deepEqual([unclear?.reason, unclear?.then], ['not released: no scanner', 'release'])
  assert.ok(unclear && unclear.until > relay.clock.now())

  const db = new Database(join(relay.folder, 'spool.db'), { readonly: true })
  const rows = db.prepare("SELECT data FROM journal WHERE event = 'hold'").pluck().all() as string[]
  db.close()
  const { facts } = rows
    .map((data) => JSON.parse(data))
    .find((entry) => entry.recipients[0].address.startsWith('unclear'))
  // biome-ignore lint/suspicious/noThenProperty: as above
  const now = { reason: 'not released: no scanner', owner: 'plugin:spam', until: unclear?.until, then: 'release' }
  assert.deepEqual(facts, { hold: now, before: 'spam', beforeOwner: 'plugin:spam' })

  verdicts.unclear = CONTINUE
  relay.clock.jump(HOUR)
  await relay.deliver.sweep()
  assert.equal(await holdOf(ids.unclear), null)
})
