import assert from 'node:assert/strict'
import test from 'node:test'
import { startDaemon } from '../support/daemon.ts'
import { mail } from '../support/eml.ts'
import { freePort } from '../support/ports.ts'
import { startSink } from '../support/sink.ts'
import { waitFor } from '../support/wait.ts'
import { Talk } from '../unit/accept/harness.ts'

const hop = (name: string): string =>
  `Received: from a.test (a.test [192.0.2.1])\r\n\tby ${name} (Postern)\r\n\twith ESMTP id 1; Mon, 2 Nov 2026 09:00:00 +0000\r\n`

test('a message that goes round in circles is refused, one that took a long way is not', async (t) => {
  const sink = await startSink(t)
  const port = await freePort()
  await startDaemon(t, {
    hostname: 'relay.test',
    listeners: [{ address: '127.0.0.1', port, tls: 'none' }],
    clients: [{ name: 'server', networks: ['127.0.0.0/8'], tls: 'optional', senders: ['*'] }],
    routes: { default: { hosts: [`127.0.0.1:${sink.port}`] } },
    limits: { hops: 20, ownHops: 2 },
    metrics: { listen: 'off' },
  })
  const talk = await Talk.ready(t, port)
  const send = (hops: string, code: number) =>
    talk.send('a@client.test', ['b@next.test'], `${hops}${mail().bytes}`, code)
  assert.match(await send(hop('else.test').repeat(21), 554), /5\.4\.6/)
  assert.match(await send(hop('RELAY.test').repeat(3), 554), /5\.4\.6/)
  await send(hop('else.test').repeat(20), 250)
  await send(hop('relay.test').repeat(2) + hop('relay.test.else.test').repeat(5) + hop('xrelay.test').repeat(5), 250)
  await waitFor(() => sink.messages.length === 2, { what: 'the two messages' })
})

test('two relays that send a message to each other stop after a few rounds, and its sender is told', async (t) => {
  const sink = await startSink(t)
  const [one, two] = [await freePort(), await freePort()]
  const relay = (hostname: string, port: number, other: number) => ({
    hostname,
    listeners: [{ address: '127.0.0.1', port, tls: 'none' }],
    clients: [{ name: 'all', networks: ['127.0.0.0/8'], tls: 'optional', senders: ['*'] }],
    routes: {
      default: { hosts: [`127.0.0.1:${other}`] },
      domains: { 'client.test': { hosts: [`127.0.0.1:${sink.port}`] } },
    },
    limits: { ownHops: 2 },
    metrics: { listen: 'off' },
  })
  await startDaemon(t, relay('one.test', one, two))
  await startDaemon(t, relay('two.test', two, one))
  const talk = await Talk.ready(t, one)
  const { id, bytes } = mail()
  await talk.send('a@client.test', ['b@next.test'], `${bytes}`)
  const bounce = await waitFor(() => sink.messages[0], { what: 'the notification' })
  const text = `${bounce.content}`
  assert.match(text, /5\.4\.6/)
  assert.ok(text.includes(id))
})
