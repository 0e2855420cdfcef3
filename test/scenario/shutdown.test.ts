import assert from 'node:assert/strict'
import { connect } from 'node:net'
import test from 'node:test'
import { Arrivals, assertNothingLost } from '../support/account.ts'
import { relayConfig } from '../support/config.ts'
import { startDaemon } from '../support/daemon.ts'
import { mail } from '../support/eml.ts'
import { Dialogue, startLoad } from '../support/load.ts'
import { answers, freePort } from '../support/ports.ts'
import { defer } from '../support/scope.ts'
import { startSink } from '../support/sink.ts'
import { submit } from '../support/submit.ts'
import { waitFor } from '../support/wait.ts'

test('SIGTERM in the middle of a load ends the daemon with 0, and nothing acknowledged is lost or sent twice', async (t) => {
  const arrivals = new Arrivals()
  const sink = await startSink(t, { onMessage: arrivals.take, delayMs: 50 })
  const port = await freePort()
  const daemon = await startDaemon(t, relayConfig({ port, nextHop: sink.port }))
  const load = startLoad({ port, sessions: 20 })
  await waitFor(() => load.acknowledged.size > 500, { what: 'the load to run' })
  assert.deepEqual(await daemon.stop(), { code: 0, signal: null })
  await load.stop()

  await daemon.start()
  await waitFor(() => arrivals.missing(load.acknowledged).length === 0, {
    what: 'what had been waiting',
    timeoutMs: 60_000,
    detail: () => daemon.log.slice(-3000),
  })
  assertNothingLost(arrivals, load.acknowledged, 0)
})

test('a delivery that is in flight at SIGTERM is finished, not repeated', async (t) => {
  const sink = await startSink(t, { delayMs: 1500 })
  const port = await freePort()
  const daemon = await startDaemon(t, relayConfig({ port, nextHop: sink.port }))
  await submit({ port, bytes: mail().bytes })
  await waitFor(() => sink.connections > 0, { what: 'the delivery to begin' })
  assert.deepEqual(await daemon.stop(), { code: 0, signal: null })
  assert.equal(sink.messages.length, 1)

  sink.delayMs = 0
  await daemon.start()
  assert.deepEqual(await daemon.queue(), [])
  assert.equal(sink.messages.length, 1)
})

test('a transaction that is open at SIGTERM may finish; new connections are not taken', async (t) => {
  const sink = await startSink(t)
  const port = await freePort()
  const daemon = await startDaemon(t, relayConfig({ port, nextHop: sink.port }))
  const line = new Dialogue(connect({ host: '127.0.0.1', port }))
  defer(t, () => line.close())
  await line.expect('220')
  await line.say('EHLO client.test\r\n', '250')
  await line.say('MAIL FROM:<ward@client.test>\r\n', '250')
  await line.say('RCPT TO:<practice@next.test>\r\n', '250')
  await line.say('DATA\r\n', '354')

  daemon.signal('SIGTERM')
  await waitFor(async () => !(await answers(port)), { what: 'the listener to close' })
  await line.say(`${mail().bytes}.\r\n`, '250')
  assert.deepEqual(await daemon.ended(), { code: 0, signal: null })
})

test('an idle session is told 421 at SIGTERM and does not hold the daemon up', async (t) => {
  const port = await freePort()
  const daemon = await startDaemon(t, relayConfig({ port, nextHop: 9 }))
  const line = new Dialogue(connect({ host: '127.0.0.1', port }))
  defer(t, () => line.close())
  await line.expect('220')
  await line.say('EHLO client.test\r\n', '250')
  const began = performance.now()
  daemon.signal('SIGTERM')
  assert.match(await line.reply(), /^421 4\.3\.2/)
  assert.deepEqual(await daemon.ended(), { code: 0, signal: null })
  assert.ok(performance.now() - began < 5000)
})
