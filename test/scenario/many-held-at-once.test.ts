import assert from 'node:assert/strict'
import test from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { startClamdStub } from '../support/clamd-stub.ts'
import { relayConfig } from '../support/config.ts'
import { startDaemon } from '../support/daemon.ts'
import { mail } from '../support/eml.ts'
import { freePort } from '../support/ports.ts'
import { startSink } from '../support/sink.ts'
import { submit } from '../support/submit.ts'
import { waitFor } from '../support/wait.ts'

const MANY = 60

test('A plugin that suddenly holds sixty messages is one alarm: in the log, the metrics, the status, and one mail', async (t) => {
  const clamd = await startClamdStub(t, {
    scanned: ({ id }, connection) => connection.reply(`${id}: stream: Heuristics.Wrong.Signature FOUND`),
  })
  const sink = await startSink(t)
  const [port, watch] = [await freePort(), await freePort()]
  const more = {
    metrics: { listen: `127.0.0.1:${watch}` },
    inspect: [{ virus: { clamd: clamd.address, action: 'hold' } }],
    alarms: { mailTo: ['operators@ops.test', 'night@ops.test'], gather: '1s', look: '1s' },
  }
  const daemon = await startDaemon(t, relayConfig({ port, nextHop: sink.port, more }))
  const hold = async (count: number) => {
    for (let i = 0; i < count; i++) await submit({ port, bytes: mail().bytes })
  }
  const surges = async () => (await daemon.status()).alarms.filter((text) => /held by plugin virus/.test(text))
  await hold(MANY - 11)
  assert.deepEqual(await surges(), [], 'so many may happen')
  await hold(11)

  const [text = ''] = await waitFor(async () => (await surges()).length > 0 && surges(), { what: 'the alarm' })
  const [, example = ''] = /such as (\w+);/.exec(text) ?? []
  const [held] = (await daemon.cli('queue', 'show', example)).stdout.match(/State {5}\w+/) ?? []
  assert.equal(held, 'State     held', 'the example can be looked at')
  assert.match((await daemon.cli('status')).stdout, /^ALARM {10}\d+ messages held by plugin virus .*Wrong\.Signature/m)
  await waitFor(() => sink.messages.length === 2, { what: 'a mail to each operator' })

  await hold(5)
  await waitFor(async () => /^6\d messages/.test((await surges())[0] ?? ''), { what: 'the alarm to count on' })
  const metrics = await (await fetch(`http://127.0.0.1:${watch}/metrics`)).text()
  assert.match(metrics, /^postern_alarms\{kind="surge"\} 1$/m)
  assert.match(metrics, /^postern_metrics_misused_total 0$/m)
  const letters = sink.messages.map(({ content }) => content.toString())
  assert.equal(letters.length, 2, 'one mail to each, however many are held')
  for (const letter of letters) {
    assert.match(letter, /^Subject: \[postern\.test\] alarm: \d+ messages held by/m)
    assert.match(letter, /^Auto-Submitted: auto-generated/m)
  }
  const told = daemon.logLines.filter(({ msg }) => /^alarm: \d+ messages held by plugin virus/.test(String(msg)))
  assert.equal(told.length, 1, 'one line in the log')

  await daemon.restart()
  assert.equal((await surges()).length, 1, 'a restart does not forget it')
  // longer than a mail would take: three looks, and the time in which alarms gather
  await sleep(4_000)
  assert.equal(sink.messages.length, 2, 'nor is it mailed again')
})
