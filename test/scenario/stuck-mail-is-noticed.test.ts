import assert from 'node:assert/strict'
import { join } from 'node:path'
import test from 'node:test'
import Database from 'better-sqlite3'
import { startClamdStub } from '../support/clamd-stub.ts'
import { relayConfig } from '../support/config.ts'
import { type Daemon, startDaemon } from '../support/daemon.ts'
import { mail } from '../support/eml.ts'
import { freePort } from '../support/ports.ts'
import { startSink } from '../support/sink.ts'
import { queueIdIn, submit } from '../support/submit.ts'
import { waitFor } from '../support/wait.ts'

const alarms = { gather: '1h', look: '1s', overdue: '2s' }

/** Alters the spool behind the daemon's back, as a fault of the program or of the machine would. */
function alter(daemon: Daemon, sql: string): void {
  const db = new Database(join(daemon.stateDir, 'spool', 'spool.db'), { timeout: 10_000 })
  try {
    assert.ok(db.prepare(sql).run().changes > 0, sql)
  } finally {
    db.close()
  }
}

const alarm = (daemon: Daemon, text: RegExp) =>
  waitFor(async () => (await daemon.status()).alarms.find((found) => text.test(found)), {
    what: `an alarm that says ${text}`,
    timeoutMs: 40_000,
  })

const silence = (daemon: Daemon, text: RegExp) =>
  waitFor(async () => !(await daemon.status()).alarms.some((found) => text.test(found)), {
    what: `no more alarm that says ${text}`,
  })

test('A message that is due and that delivery does not see is noticed, and an operator sets it going', async (t) => {
  const sink = await startSink(t, {
    fault: ({ phase, before }) => (phase === 'rcpt' && before === 0 ? TRY_LATER : null),
  })
  const port = await freePort()
  const more = { alarms, queue: { schedule: ['1h'], backOff: ['1h'], jitter: '0%' } }
  const daemon = await startDaemon(t, relayConfig({ port, nextHop: sink.port, more }))
  const id = queueIdIn(await submit({ port, bytes: mail().bytes }))
  await waitFor(async () => (await daemon.queue())[0]?.recipients[0]?.attempts === 1, { what: 'the first attempt' })
  const shown = (await daemon.cli('queue', 'show', id)).stdout
  assert.match(shown, /Owner {5}delivery/)
  assert.match(shown, /Cause {5}450/)
  assert.match(shown, /Given up {2}.*, then returned to the sender/)

  alter(daemon, `UPDATE recipient SET due_at = ${Date.now() - 60_000} WHERE state = 0`)
  assert.match(await alarm(daemon, /due and not attempted/), new RegExp(`1 recipient is due .*${id} for next\\.test`))
  assert.equal((await daemon.cli('queue', 'retry', id)).code, 0)
  await waitFor(() => sink.messages.length === 1, { what: 'the message' })
  await silence(daemon, /due and not attempted/)
})

test('A hold whose deadline nobody acts on, and an attempt that a dead daemon left behind, are noticed or put right', async (t) => {
  let answer = 'Eicar-Test-Signature FOUND'
  const clamd = await startClamdStub(t, {
    scanned: ({ id }, connection) => connection.reply(`${id}: stream: ${answer}`),
  })
  const sink = await startSink(t)
  const { port: nextHop } = sink
  await sink.stop()
  const port = await freePort()
  const more = { alarms, inspect: [{ virus: { clamd: clamd.address, action: 'hold' } }] }
  const daemon = await startDaemon(t, relayConfig({ port, nextHop, more }))
  const held = queueIdIn(await submit({ port, bytes: mail().bytes }))
  answer = 'OK'
  await submit({ port, bytes: mail().bytes, to: 'practice@other.test' })
  await daemon.stop()
  alter(daemon, `UPDATE recipient SET hold_until = ${Date.now() - 3_600_000} WHERE state = 2`)
  alter(daemon, 'UPDATE recipient SET state = 1, due_at = 0 WHERE state = 0')

  await sink.listen(nextHop)
  await daemon.start()
  await waitFor(() => sink.messages.length === 1, { what: 'the message whose attempt was left behind' })
  const text = await alarm(daemon, /past the deadline/)
  assert.match(text, new RegExp(`1 hold is past the deadline.*${held}`))
  assert.equal((await daemon.cli('queue', 'remove', held, '--yes')).code, 0)
  await silence(daemon, /past the deadline/)
})

const TRY_LATER = { reply: '450 4.2.1 mailbox busy' } as const
