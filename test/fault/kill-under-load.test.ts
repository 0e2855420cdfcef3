import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import test from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Arrivals, assertNothingLost } from '../support/account.ts'
import { relayConfig } from '../support/config.ts'
import { type Daemon, startDaemon } from '../support/daemon.ts'
import { startLoad } from '../support/load.ts'
import { freePort } from '../support/ports.ts'
import { startSink } from '../support/sink.ts'
import { waitFor } from '../support/wait.ts'

/** SIGKILLs in one run. Set it to hundreds before a release. */
const ROUNDS = Number(process.env.POSTERN_KILL_ROUNDS ?? 8)
/** A kill comes at a random moment after so many more acknowledgements. */
const PER_ROUND = 2000
const LONGEST_LIFE_MS = 1000

test(`${ROUNDS} SIGKILLs under load lose no acknowledged message and send under 1 % twice`, async (t) => {
  const arrivals = new Arrivals()
  const sink = await startSink(t, { onMessage: arrivals.take })
  const port = await freePort()
  const daemon = await startDaemon(t, relayConfig({ port, nextHop: sink.port }))
  // Some large ones, whose content lies in files
  const load = startLoad({ port, sessions: 20, bytes: 3000 })
  const large = startLoad({ port, sessions: 2, bytes: 200_000 })
  for (let round = 1; round <= ROUNDS; round++) {
    await killAtRandom(daemon, load.acknowledged)
    await daemon.start()
  }
  await Promise.all([load.stop(), large.stop()])
  const acknowledged = new Set([...load.acknowledged, ...large.acknowledged])
  await drained(daemon, arrivals, acknowledged)
  t.diagnostic(`${acknowledged.size} acknowledged, ${arrivals.duplicates} twice`)
  assertNothingLost(arrivals, acknowledged, 0.01)
  assert.deepEqual(arrivals.others, [], 'a message was bounced')
  assert.equal((await daemon.stop())?.code, 0)
})

async function killAtRandom(daemon: Daemon, acknowledged: ReadonlySet<string>): Promise<void> {
  const goal = acknowledged.size + PER_ROUND
  await waitFor(() => acknowledged.size >= goal, { what: 'the load to go on', detail: () => daemon.log.slice(-3000) })
  await sleep(randomInt(LONGEST_LIFE_MS))
  await daemon.kill9()
}

/** Waits until nothing is left in the spool: leases of the killed process lapse only after a while. */
async function drained(daemon: Daemon, arrivals: Arrivals, acknowledged: ReadonlySet<string>): Promise<void> {
  await waitFor(() => arrivals.missing(acknowledged).length === 0, {
    what: 'every acknowledged message',
    timeoutMs: 60_000,
    everyMs: 200,
    detail: () =>
      `${arrivals.missing(acknowledged).length} of ${acknowledged.size} missing\n${daemon.log.slice(-3000)}`,
  })
  await waitFor(async () => (await daemon.queue()).length === 0, {
    what: 'an empty spool',
    timeoutMs: 60_000,
    everyMs: 500,
  })
}
