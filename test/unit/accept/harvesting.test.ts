import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { systemClock } from '../../../src/clock.ts'
import { client, network, options, type RelayParts, startRelay, Talk } from './harness.ts'

// Whoever guesses addresses learns few, however they spread their guesses.

const HOUR = 3_600_000
const outside = { ...options().outside, unknownRecipients: 2, unknownRate: { count: 3, perMs: HOUR }, penaltyMs: HOUR }

function guarded(t: TestContext, changes: RelayParts['options'] = {}, parts: RelayParts = {}) {
  const recipientList = { has: (_domain: string, key: string) => key === 'b@ours.test' }
  const domains = new Map([['ours.test', { recipients: 'list' as const }]])
  return startRelay(t, { ...parts, options: { domains, outside, ...changes }, ports: { recipientList } })
}

async function guess(talk: Talk, code: number): Promise<string> {
  return talk.say('RCPT TO:<nobody@ours.test>', code)
}

async function session(t: TestContext, port: number, from = '127.0.0.1'): Promise<Talk> {
  const talk = await Talk.ready(t, port, { from })
  await talk.say('MAIL FROM:<a@client.test>', 250)
  return talk
}

test('guesses are counted in a session', async (t) => {
  const { port } = await guarded(t)
  const talk = await session(t, port)
  await guess(talk, 550)
  await talk.say('RCPT TO:<b@ours.test>', 250)
  await guess(talk, 550)
  assert.match(await guess(talk, 421), /4\.7\.0/)
})

test('guesses spread over many sessions are counted together, and the address is sent away', async (t) => {
  const { port } = await guarded(t)
  for (let n = 0; n < 3; n++) {
    const talk = await session(t, port)
    await guess(talk, 550)
    await talk.say('QUIT', 221)
  }
  assert.match(await guess(await session(t, port), 421), /4\.7\.0/)
  assert.match(await (await Talk.open(t, port)).expect(421), /4\.7\.0/)
  // nobody else feels it
  await guess(await session(t, port, '127.0.0.2'), 550)
})

test('an address that was sent away may come back, with less to guess', async (t) => {
  let ahead = 0
  const clock = { ...systemClock, now: () => Date.now() + ahead }
  const { port } = await guarded(t, { outside: { ...outside, penaltyMs: HOUR / 3 } }, { clock })
  for (const code of [550, 550, 550, 421]) await guess(await session(t, port), code)
  ahead = HOUR / 3
  for (const code of [550, 421]) await guess(await session(t, port), code)
})

test('without that rate only the session counts, and of clients nothing does', async (t) => {
  const clients = [client({ networks: [network('127.0.0.9')] })]
  const { port } = await guarded(t, { clients, outside: { ...outside, unknownRate: null } })
  for (let n = 0; n < 5; n++) await guess(await session(t, port), 550)
  const known = await session(t, port, '127.0.0.9')
  for (let n = 0; n < 5; n++) await guess(known, 550)
})
