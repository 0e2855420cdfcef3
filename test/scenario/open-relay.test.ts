import assert from 'node:assert/strict'
import test from 'node:test'
import { startDaemon } from '../support/daemon.ts'
import { mail } from '../support/eml.ts'
import { freePort } from '../support/ports.ts'
import { startSink } from '../support/sink.ts'
import { waitFor } from '../support/wait.ts'
import { Talk } from '../unit/accept/harness.ts'

// RCPT arguments that open relays have fallen for, as relay testers send them
const ELSEWHERE = [
  '<victim@else.test>',
  '<"victim@else.test">',
  '<victim%else.test>',
  '<victim%else.test@ours.test>',
  '<victim%else.test@relay.test>',
  '<victim%else.test@[127.0.0.1]>',
  '<"victim%else.test"@ours.test>',
  '<"victim@else.test"@ours.test>',
  '<victim@else.test@ours.test>',
  '<@ours.test:victim@else.test>',
  '<@relay.test:victim@else.test>',
  '<else.test!victim>',
  '<else.test!victim@ours.test>',
  '<victim@[127.0.0.1]>',
  '<victim@else.test.>',
  '<victim@ours.test@else.test>',
  '<victim@else.test:25@ours.test>',
  '<victim@else.test%00@ours.test>',
  '<victim@sub.ours.test>',
]

test('an outsider gets mail to our domains only, whatever trick it tries', async (t) => {
  const sink = await startSink(t)
  const port = await freePort()
  await startDaemon(t, {
    hostname: 'relay.test',
    listeners: [{ address: '127.0.0.1', port, tls: 'none' }],
    clients: [{ name: 'ward', networks: ['127.0.0.9'], tls: 'optional', senders: ['*'] }],
    domains: { 'ours.test': { relayTo: [`127.0.0.1:${sink.port}`] } },
    routes: { default: { hosts: [`127.0.0.1:${sink.port}`] } },
    limits: { errors: 1000, outside: { unknownRecipients: 1000, reverseDns: 'off' } },
    metrics: { listen: 'off' },
  })
  const outsider = await Talk.ready(t, port)
  for (const from of ['<a@client.test>', '<>', '<a@ours.test>', '<postmaster@relay.test>', '<a@[127.0.0.1]>']) {
    await outsider.say(`MAIL FROM:${from}`, 250)
    for (const to of ELSEWHERE) {
      outsider.write(`RCPT TO:${to}\r\n`)
      assert.match(await outsider.reply(), /^5\d\d/, `${from} ${to}`)
    }
    await outsider.say('DATA', 554)
    await outsider.say('RSET', 250)
  }
  await outsider.send('a@client.test', ['b@ours.test'], `${mail().bytes}`)
  await waitFor(() => sink.messages.length === 1, { what: 'the message for our domain' })

  const client = await Talk.ready(t, port, { from: '127.0.0.9' })
  await client.send('a@client.test', ['victim@else.test'], `${mail().bytes}`)
  await waitFor(() => sink.messages.length === 2, { what: "the client's message" })
})
