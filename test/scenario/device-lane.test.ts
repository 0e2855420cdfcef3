import assert from 'node:assert/strict'
import test from 'node:test'
import { startDaemon } from '../support/daemon.ts'
import { freePort } from '../support/ports.ts'
import { startSink } from '../support/sink.ts'
import { waitFor } from '../support/wait.ts'
import { Talk } from '../unit/accept/harness.ts'

/** What an analyser from another age sends: no CR, no Date, an odd name. */
const ALERT = 'Subject: reagent low\n\nTray 4 is nearly empty.\nOrder more.\n'

test('a device is taken as it is, its message is mended, and nobody else may speak so', async (t) => {
  const sink = await startSink(t)
  const port = await freePort()
  await startDaemon(t, {
    hostname: 'relay.test',
    listeners: [{ address: '127.0.0.1', port, tls: 'none' }],
    clients: [
      {
        name: 'analysers',
        networks: ['127.0.0.2'],
        tls: 'optional',
        senders: ['analyser@lab.test'],
        device: true,
        addMissing: true,
      },
      { name: 'server', networks: ['127.0.0.3'], tls: 'optional', senders: ['*'] },
    ],
    domains: { 'lab.test': { relayTo: [`127.0.0.1:${sink.port}`] } },
    routes: { default: { hosts: [`127.0.0.1:${sink.port}`] } },
    metrics: { listen: 'off' },
  })

  const device = await Talk.open(t, port, { from: '127.0.0.2' })
  await device.expect(220)
  await device.say('HELO ANALYSER_04 (ward 7)', 250)
  await device.say('MAIL FROM:<someone@lab.test>', 550)
  await device.say('MAIL FROM:<analyser@lab.test>', 250)
  await device.say('RCPT TO:<desk@lab.test>', 250)
  await device.say('DATA', 354)
  device.write(ALERT)
  await device.say('\r\n.', 250)
  const message = await waitFor(() => sink.messages[0], { what: 'the alert' })
  const text = `${message.content}`
  assert.match(text, /^Received: from \[127\.0\.0\.2\] \(\[127\.0\.0\.2\]\s+helo=ANALYSER_04\?\?ward\?7\?\)/)
  assert.match(
    text,
    /\r\nDate: .*\r\nFrom: analyser@lab\.test\r\nMessage-ID: <.*@relay\.test>\r\nSubject: reagent low\r\n/,
  )
  assert.ok(text.endsWith('\r\n\r\nTray 4 is nearly empty.\r\nOrder more.\r\n\r\n'))
  assert.doesNotMatch(text, /(?<!\r)\n/)

  const server = await Talk.ready(t, port, { from: '127.0.0.3' })
  await server.say('MAIL FROM:<a@lab.test>', 250)
  await server.say('RCPT TO:<desk@lab.test>', 250)
  await server.say('DATA', 354)
  server.write(ALERT)
  server.write('\r\n.\r\n')
  assert.match(await server.reply(), /^5\d\d/)
  assert.equal(sink.messages.length, 1)
})
