import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../../../src/clock.ts'
import { client, network, options, startRelay, Talk } from './harness.ts'

const perMinute = (count: number) => ({ count, perMs: 60_000 })

/** The system's clock, which the test can also put forward. */
function forwardClock() {
  let ahead = 0
  return {
    ...systemClock,
    now: () => Date.now() + ahead,
    forward: (ms: number) => {
      ahead += ms
    },
  }
}

async function mail(talk: Talk, code: number): Promise<string> {
  const reply = await talk.say('MAIL FROM:<a@client.test>', code)
  if (code === 250) await talk.say('RSET', 250)
  return reply
}

test("a client's messages over its rate are deferred until there is room again", async (t) => {
  const clock = forwardClock()
  const rates = { messages: perMinute(2), recipients: null }
  const relay = await startRelay(t, { clock, options: { clients: [client({ rates })] } })
  const talk = await Talk.ready(t, relay.port)
  await mail(talk, 250)
  await mail(talk, 250)
  assert.match(await mail(talk, 450), /4\.7\.1/)
  clock.forward(30_000)
  await mail(talk, 250)
  await mail(talk, 450)
})

test('a client has one rate, however many addresses it comes from', async (t) => {
  const rates = { messages: perMinute(1), recipients: null }
  const relay = await startRelay(t, { options: { clients: [client({ rates })] } })
  await mail(await Talk.ready(t, relay.port, { from: '127.0.0.1' }), 250)
  await mail(await Talk.ready(t, relay.port, { from: '127.0.0.2' }), 450)
})

test('outsiders have a rate for each address, which clients do not feel', async (t) => {
  const outside = { ...options().outside, rates: { messages: perMinute(1), recipients: null } }
  const clients = [client({ networks: [network('127.0.0.9')] })]
  const relay = await startRelay(t, { options: { outside, clients } })
  const one = await Talk.ready(t, relay.port, { from: '127.0.0.1' })
  await mail(one, 250)
  await mail(one, 450)
  await mail(await Talk.ready(t, relay.port, { from: '127.0.0.2' }), 250)
  const known = await Talk.ready(t, relay.port, { from: '127.0.0.9' })
  await mail(known, 250)
  await mail(known, 250)
})

test('recipients over the rate are deferred one by one, and the message goes to the others', async (t) => {
  const rates = { messages: null, recipients: perMinute(2) }
  const relay = await startRelay(t, { options: { clients: [client({ rates })] } })
  const talk = await Talk.ready(t, relay.port)
  await talk.say('MAIL FROM:<a@client.test>', 250)
  await talk.say('RCPT TO:<a@ours.test>', 250)
  await talk.say('RCPT TO:<b@ours.test>', 250)
  assert.match(await talk.say('RCPT TO:<c@ours.test>', 450), /4\.7\.1/)
})

test('what is refused anyway does not use up the rate', async (t) => {
  const rates = { messages: perMinute(1), recipients: perMinute(1) }
  const senders = [{ is: 'domain', domain: 'client.test', below: false }] as const
  const relay = await startRelay(t, { options: { clients: [client({ rates, senders, relay: false })] } })
  const talk = await Talk.ready(t, relay.port)
  await talk.say('MAIL FROM:<a@else.test>', 550)
  await talk.say('MAIL FROM:<a@client.test>', 250)
  await talk.say('RCPT TO:<c@else.test>', 550)
  await talk.say('RCPT TO:<b@ours.test>', 250)
})

test('a reload leaves what was used up used up', async (t) => {
  const rates = { messages: perMinute(1), recipients: null }
  const relay = await startRelay(t, { options: { clients: [client({ rates })] } })
  const talk = await Talk.ready(t, relay.port)
  await mail(talk, 250)
  relay.accept.update(options({ clients: [client({ rates })] }))
  await mail(talk, 450)
})
