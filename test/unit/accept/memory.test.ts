import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DEFAULTS } from '../../../src/accept/options.ts'
import { waitFor } from '../../support/wait.ts'
import { message, startRelay, Talk } from './harness.ts'

const limits = { ...DEFAULTS.limits, memoryBytes: 10_000 }

test('messages that arrive at once are refused for now when they hold all the memory that they may, and taken once others are through', async (t) => {
  const relay = await startRelay(t, { options: { limits } })
  const [first, second, third] = [
    await Talk.ready(t, relay.port),
    await Talk.ready(t, relay.port),
    await Talk.ready(t, relay.port),
  ]
  const begin = async (talk: Talk) => {
    await talk.say('MAIL FROM:<a@client.test>', 250)
    await talk.say('RCPT TO:<b@ours.test>', 250)
    await talk.say('DATA', 354)
  }
  await begin(first)
  await begin(second)
  first.write(`Subject: a\r\n\r\n${'x\r\n'.repeat(3000)}`)
  const holds = (bytes: number) => waitFor(() => relay.accept.arrivingBytes() >= bytes, { what: `${bytes} bytes held` })
  await holds(9000)
  second.write(`Subject: b\r\n\r\n${'x\r\n'.repeat(3000)}`)
  assert.match(await second.say('.', 452), /4\.3\.1/)
  first.write('x\r\n'.repeat(1000))
  await holds(10_000)
  assert.match(await third.say('MAIL FROM:<a@client.test>', 452), /4\.3\.1/)
  await first.say('.', 250)
  assert.equal(relay.accept.arrivingBytes(), 0)
  await third.send('a@client.test', ['b@ours.test'], message('', 'small\r\n'), 250)
  assert.equal((await relay.queue()).length, 2)
})

test('a session that breaks off gives back the memory that its message held, and one message alone always fits', async (t) => {
  const relay = await startRelay(t, { options: { limits: { ...limits, memoryBytes: 100 } } })
  const talk = await Talk.ready(t, relay.port)
  await talk.send('a@client.test', ['b@ours.test'], message('', 'x\r\n'.repeat(5000)), 250)
  await talk.say('MAIL FROM:<a@client.test>', 250)
  await talk.say('RCPT TO:<b@ours.test>', 250)
  await talk.say('DATA', 354)
  talk.write('Subject: never ends\r\n')
  await waitFor(() => relay.accept.arrivingBytes() > 0, { what: 'content to arrive' })
  talk.close()
  await waitFor(() => relay.accept.arrivingBytes() === 0, { what: 'its memory to be free' })
})

test('mail is refused for now while the process is short of memory, and a message under way when it is spent', async (t) => {
  const is = { short: false, isSpent: false }
  const memory = {
    admits: () => !is.short,
    get isSpent() {
      return is.isSpent
    },
  }
  const relay = await startRelay(t, { ports: { memory } })
  const talk = await Talk.ready(t, relay.port)
  is.short = true
  assert.match(await talk.say('MAIL FROM:<a@client.test>', 452), /4\.3\.1 Memory is short/)
  is.short = false
  await talk.say('MAIL FROM:<a@client.test>', 250)
  await talk.say('RCPT TO:<b@ours.test>', 250)
  is.short = true
  assert.match(await talk.say('DATA', 452), /4\.3\.1 Memory is short/)
  is.short = false
  await talk.say('DATA', 354)
  is.isSpent = true
  talk.write('Subject: a\r\n\r\nx\r\n')
  assert.match(await talk.say('.', 452), /4\.3\.1/)
  is.isSpent = false
  await talk.send('a@client.test', ['b@ours.test'], message('', 'small\r\n'), 250)
  assert.equal((await relay.queue()).length, 1)
})
