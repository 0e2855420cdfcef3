import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../../../src/clock.ts'
import { createChain } from '../../../src/inspect/chain.ts'
import type { Inspector, Mode, Plugin } from '../../../src/inspect/plugin.ts'
import { silentLog } from '../../../src/log.ts'
import { reply } from '../../../src/mail/reply.ts'
import { CONTINUE, type Verdict } from '../../../src/mail/verdict.ts'
import { noMetrics } from '../../../src/metrics.ts'
import { waitFor } from '../../support/wait.ts'
import { client, message, options, startRelay, Talk } from './harness.ts'

const chainOf = (plugins: readonly Plugin[], mode: Mode = 'enforce') =>
  createChain(
    plugins.map((plugin) => ({ plugin, mode, deadlineMs: 10_000 })),
    { bytes: 65_536, fields: 1000, content: 1_000_000 },
    { clock: systemClock, log: silentLog, metrics: noMetrics },
  )

const says = (hook: 'connect' | 'mail' | 'rcpt' | 'data', verdict: Verdict): Inspector => ({
  name: 'judge',
  [hook]: async () => verdict,
})

const REJECT: Verdict = { action: 'reject', reason: 'bad', reply: reply(554, '5.7.1', 'No') }
const DEFER: Verdict = { action: 'defer', reason: 'later', reply: reply(451, '4.7.1', 'Later') }
const HOLD: Verdict = { action: 'hold', reason: 'odd' }
const TAG: Verdict = { action: 'tag', reason: 'odd', fields: [['X-Odd', 'yes']] }

test('a plugin may refuse the connection, the sender, a recipient and the message', async (t) => {
  const relay = await startRelay(t, { ports: { chain: chainOf([says('connect', REJECT)]) } })
  assert.match(await (await Talk.open(t, relay.port)).expect(554), /5\.7\.1 No/)

  relay.accept.update(options(), chainOf([says('mail', DEFER)]))
  await (await Talk.ready(t, relay.port)).say('MAIL FROM:<a@client.test>', 451)

  relay.accept.update(options(), chainOf([says('rcpt', REJECT)]))
  const third = await Talk.ready(t, relay.port)
  await third.say('MAIL FROM:<a@client.test>', 250)
  await third.say('RCPT TO:<b@ours.test>', 554)

  relay.accept.update(options({ support: 'Ask us' }), chainOf([says('data', REJECT)]))
  const fourth = await Talk.ready(t, relay.port)
  const said = await fourth.send('a@client.test', ['b@ours.test'], message(), 554)
  assert.match(said, /^554-5\.7\.1 No\r\n554 5\.7\.1 Ask us$/)
  assert.deepEqual(await relay.queue(), [])
  assert.equal(relay.metrics.counts.get('postern_refused_total plugin:judge'), 4)
  const line = relay.log.lines.findLast((each) => each.message === 'refused')
  assert.equal(line?.why, 'bad')
})

test('a message that a plugin holds is in the queue with its reason, owner and deadline', async (t) => {
  const holds = { deadlineMs: 3_600_000, afterwards: 'discard' } as const
  const chain = chainOf([says('data', HOLD)])
  const relay = await startRelay(t, { options: { holds }, ports: { chain } })
  const talk = await Talk.ready(t, relay.port)
  const before = Date.now()
  await talk.send('a@client.test', ['b@ours.test', 'c@ours.test'], message())
  const { entry } = await relay.only()
  for (const { state, hold } of entry.recipients) {
    assert.equal(state, 'held')
    assert.deepEqual([hold?.reason, hold?.owner, hold?.then], ['odd', 'plugin:judge', 'discard'])
    assert.ok(hold && hold.until >= before + holds.deadlineMs && hold.until <= Date.now() + holds.deadlineMs)
  }
})

test('a verdict on the connection or the sender counts for the message', async (t) => {
  const relay = await startRelay(t, { ports: { chain: chainOf([says('connect', HOLD)]) } })
  await (await Talk.ready(t, relay.port)).send('a@client.test', ['b@ours.test'], message())
  relay.accept.update(options(), chainOf([says('mail', HOLD)]))
  await (await Talk.ready(t, relay.port)).send('a@client.test', ['b@ours.test'], message())
  const states = (await relay.queue()).flatMap(({ recipients }) => recipients.map(({ state }) => state))
  assert.deepEqual(states, ['held', 'held'])
})

test('a verdict on a recipient counts for that recipient alone', async (t) => {
  const judge: Inspector = {
    name: 'judge',
    async rcpt(_transaction, { address }) {
      if (address.local === 'held') return HOLD
      return address.local === 'gone' ? { action: 'discard', reason: 'unwanted' } : CONTINUE
    },
  }
  const relay = await startRelay(t, { ports: { chain: chainOf([judge]) } })
  const talk = await Talk.ready(t, relay.port)
  await talk.send('a@client.test', ['held@ours.test', 'gone@ours.test', 'b@ours.test'], message())
  const { entry } = await relay.only()
  assert.deepEqual(
    entry.recipients.map(({ address, state }) => [address, state]),
    [
      ['held@ours.test', 'held'],
      ['b@ours.test', 'pending'],
    ],
  )
})

test('a discarded message is answered 250, and is not delivered', async (t) => {
  const chain = chainOf([says('data', { action: 'discard', reason: 'a test' })])
  const relay = await startRelay(t, { ports: { chain } })
  await (await Talk.ready(t, relay.port)).send('a@client.test', ['b@ours.test'], message())
  assert.deepEqual(await relay.queue(), [])
})

test('header fields of plugins stand under the trace field, wherever the plugin spoke', async (t) => {
  for (const hook of ['connect', 'mail', 'rcpt', 'data'] as const) {
    const relay = await startRelay(t, { ports: { chain: chainOf([says(hook, TAG)]) } })
    await (await Talk.ready(t, relay.port)).send('a@client.test', ['b@ours.test'], message())
    const { text } = await relay.only()
    assert.match(text, /^Received: [^\r]*\r\n(\t[^\r]*\r\n)*X-Odd: yes\r\nFrom: <a@client\.test>\r\n/, hook)
    assert.equal(text.match(/X-Odd/g)?.length, 1)
  }
})

test('new content takes the place of what came, and what came is not kept', async (t) => {
  const shout: Plugin = {
    name: 'shout',
    async modify({ content }) {
      const bytes = Buffer.from(`${content.bytes}`.replace('results are', 'RESULTS ÄRE'))
      return [
        {
          do: 'replaceContent',
          content: {
            size: bytes.length,
            bytes,
            stream: async function* () {
              yield bytes
            },
          },
        },
      ]
    },
  }
  const relay = await startRelay(t, { ports: { chain: chainOf([shout]) } })
  await (await Talk.ready(t, relay.port)).send('a@client.test', ['b@ours.test'], message())
  const { text } = await relay.only()
  assert.match(text, /^Received: /)
  assert.match(text, /The RESULTS ÄRE in\.\r\n$/)
  const [lease] = await relay.spool.lease({
    limit: 1,
    perDestination: 1,
    leasedUntil: Date.now() + 60_000,
    except: new Set(),
  })
  assert.equal(lease?.envelope.body, '8bitmime')
})

test('plugins see the fields that are added for a device', async (t) => {
  let seen: readonly string[] = []
  const spy: Inspector = {
    name: 'spy',
    async data({ header, content, direction, session }) {
      seen = header.map(({ name }) => name)
      assert.match(`${content.bytes}`, /^Date: .*\r\nFrom: a@client\.test\r\nMessage-ID: /)
      assert.deepEqual([direction, session.client], ['internal', 'ward'])
      return CONTINUE
    },
  }
  const relay = await startRelay(t, {
    options: { clients: [client({ addMissing: true })] },
    ports: { chain: chainOf([spy]) },
  })
  await (await Talk.ready(t, relay.port)).send('a@client.test', ['b@ours.test'], 'Subject: x\r\n\r\nbody\r\n')
  assert.deepEqual(seen, ['Date', 'From', 'Message-ID', 'Subject'])
})

test('the direction is outbound as soon as one recipient is elsewhere, and inbound for outsiders', async (t) => {
  const seen: string[] = []
  const spy: Inspector = {
    name: 'spy',
    async rcpt({ direction }) {
      seen.push(direction)
      return CONTINUE
    },
    async data({ direction }) {
      seen.push(`data ${direction}`)
      return CONTINUE
    },
  }
  const relay = await startRelay(t, { options: { clients: [client()] }, ports: { chain: chainOf([spy]) } })
  await (await Talk.ready(t, relay.port)).send('a@client.test', ['c@else.test', 'b@ours.test'], message())
  relay.accept.update(options(), chainOf([spy]))
  await (await Talk.ready(t, relay.port)).send('a@client.test', ['b@ours.test'], message())
  assert.deepEqual(seen, ['outbound', 'internal', 'data outbound', 'inbound', 'data inbound'])
})

test('a client that leaves while its message is inspected gets nothing, and the message is not kept', async (t) => {
  const asked = Promise.withResolvers<AbortSignal>()
  const slow: Inspector = {
    name: 'slow',
    data: ({ signal }) => {
      asked.resolve(signal)
      return new Promise(() => {})
    },
  }
  const relay = await startRelay(t, { ports: { chain: chainOf([slow]) } })
  const talk = await Talk.ready(t, relay.port)
  void talk.send('a@client.test', ['b@ours.test'], message()).catch(() => {})
  const signal = await asked.promise
  talk.close()
  await waitFor(() => signal.aborted, { what: 'the signal' })
  await waitFor(() => relay.log.lines.some((line) => line.reason === 'plugin:slow'), { what: 'the refusal' })
  assert.deepEqual(await relay.queue(), [])
})

test('a transaction keeps the chain that it began under', async (t) => {
  const relay = await startRelay(t, { ports: { chain: chainOf([says('data', REJECT)]) } })
  const talk = await Talk.ready(t, relay.port)
  await talk.say('MAIL FROM:<a@client.test>', 250)
  relay.accept.update(options(), chainOf([]))
  await talk.say('RCPT TO:<b@ours.test>', 250)
  await talk.say('DATA', 354)
  await talk.say(`${message()}.`, 554)
  await talk.send('a@client.test', ['b@ours.test'], message())
})
