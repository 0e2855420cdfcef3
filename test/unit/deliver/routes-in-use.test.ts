import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { DELIVER_DEFAULTS } from '../../../src/deliver/options.ts'
import type { MessageStore, StoredMessage } from '../../../src/deliver/store.ts'
import { reply } from '../../../src/mail/reply.ts'
import { temporaryFolder } from '../../support/folder.ts'
import { parseReport } from '../../support/report.ts'
import { startSink } from '../../support/sink.ts'
import { HOSTNAME, hosts, routes, startRelay } from './relay.ts'

const NONE = { pending: 0, leased: 0, held: 0 }

describe('an LMTP server', () => {
  it('on a Unix socket answers for each recipient', async (t) => {
    const { path, taken } = await lmtpServer(t)
    const relay = await startRelay(t, { options: { routes: routes({}, { via: 'socket', path }) } })
    await relay.submit({ to: ['good@example.org', 'full@example.org', 'also@example.org'] })
    await relay.quiet()
    assert.equal(taken(), 1)
    const { entries } = await relay.spool.list({}, { after: null, limit: 10 })
    assert.deepEqual(
      entries.flatMap(({ recipients }) => recipients.map((each) => [each.address, each.lastReply])),
      [['full@example.org', '452 4.2.2 full']],
    )
    assert.equal(relay.counted.get('postern_relayed_total{lmtp}'), 2)
  })
})

describe('the mailboxes of this relay', () => {
  const storing = (store: MessageStore['deliver']) => ({
    options: { routes: routes({}, { via: 'store' }) },
    store: { deliver: store },
  })

  /** Mailboxes that are asked, and never answer. */
  const silent = (asked: PromiseWithResolvers<void>) => () => {
    asked.resolve()
    return new Promise<never>(() => {})
  }

  it('take what is for them, and each recipient has an answer of its own', async (t) => {
    const taken: StoredMessage[] = []
    const relay = await startRelay(
      t,
      storing(async (message) => {
        taken.push(message)
        return [
          { is: 'delivered', reply: reply(250, '2.1.5', 'stored') },
          { is: 'deferred', reply: reply(452, '4.2.2', 'full') },
          { is: 'failed', reply: reply(550, '5.1.1', 'unknown') },
        ]
      }),
    )
    const queueId = await relay.submit({ from: null, to: ['a@example.org', 'b@example.org', 'c@example.org'] })
    await relay.quiet()
    assert.equal(taken[0]?.queueId, queueId)
    assert.match(taken[0]?.content.bytes?.toString() ?? '', /^Received: from test\r\nFrom: /)
    assert.deepEqual((await relay.spool.summary()).states, { ...NONE, pending: 1 })
    assert.deepEqual(relay.counted.get('postern_relayed_total{store}'), 1)
  })

  it('that fail to answer only defer', async (t) => {
    const relay = await startRelay(
      t,
      storing(() => Promise.reject(new Error('no disk'))),
    )
    await relay.submit({ to: 'a@example.org' })
    await relay.quiet()
    assert.deepEqual((await relay.spool.summary()).states, { ...NONE, pending: 1 })
  })

  it('that never answer only defer, after the time for a final dot', async (t) => {
    const asked = Promise.withResolvers<void>()
    const relay = await startRelay(t, storing(silent(asked)))
    await relay.submit({ to: 'a@example.org' })
    await asked.promise
    relay.clock.advance(DELIVER_DEFAULTS.timeouts.end)
    await relay.quiet()
    const { entries } = await relay.spool.list({}, { after: null, limit: 10 })
    assert.deepEqual(
      entries.map(({ recipients: [only] }) => [only?.state, only?.attempts]),
      [['pending', 1]],
    )
  })

  it('that never answer do not hold up a stop', async (t) => {
    const asked = Promise.withResolvers<void>()
    const relay = await startRelay(t, { ...storing(silent(asked)), realTime: true })
    await relay.submit({ to: 'a@example.org' })
    await asked.promise
    await relay.deliver.close(20)
    assert.deepEqual((await relay.spool.summary()).states, { ...NONE, pending: 1 })
  })

  it('that answer for too few recipients defer the others', async (t) => {
    const relay = await startRelay(
      t,
      storing(async () => [{ is: 'delivered', reply: reply(250, null, 'ok') }]),
    )
    await relay.submit({ to: ['a@example.org', 'b@example.org'] })
    await relay.quiet()
    assert.deepEqual((await relay.spool.summary()).states, { ...NONE, pending: 1 })
  })

  it('that are not there keep the mail waiting', async (t) => {
    const relay = await startRelay(t, { options: { routes: routes({}, { via: 'store' }) } })
    await relay.submit({ to: 'a@example.org' })
    await relay.quiet()
    const { states, destinations } = await relay.spool.summary()
    assert.deepEqual(states, { ...NONE, pending: 1 })
    assert.match(destinations[0]?.reason ?? '', /no mailboxes here/)
  })
})

describe('other options', () => {
  it('hold for what waits already, and connections made under the old ones are not used for the new', async (t) => {
    const [before, after] = await Promise.all([startSink(t), startSink(t)])
    const relay = await startRelay(t, { options: { routes: routes({}, hosts(before.port)) } })
    await relay.submit({ to: 'a@example.org' })
    await relay.quiet()
    relay.deliver.update({
      ...DELIVER_DEFAULTS,
      hostname: HOSTNAME,
      helo: HOSTNAME,
      routes: routes({}, hosts(after.port)),
    })
    await relay.submit({ to: 'b@example.org' })
    await relay.quiet()
    assert.deepEqual([before.messages.length, after.messages.length], [1, 1])
    relay.clock.advance(60_000)
    await relay.quiet()
    assert.equal(relay.deliver.status().connections, 0)
  })

  it('keep a connection whose route stayed as it was', async (t) => {
    const sink = await startSink(t)
    const options = () => ({
      ...DELIVER_DEFAULTS,
      hostname: HOSTNAME,
      helo: HOSTNAME,
      routes: routes(
        {},
        { ...hosts(sink.port), tls: { mode: 'opportunistic', verify: false, options: { minVersion: 'TLSv1.2' } } },
      ),
    })
    const relay = await startRelay(t, { options: options() })
    await relay.submit({ to: 'a@example.org' })
    await relay.quiet()
    relay.deliver.update(options())
    await relay.submit({ to: 'b@example.org' })
    await relay.quiet()
    assert.deepEqual([sink.messages.length, sink.connections], [2, 1])
  })

  it('are heard of at the next attempt of what could not go out', async (t) => {
    const sink = await startSink(t)
    const relay = await startRelay(t, { zone: {}, failing: ['mx example.org'] })
    await relay.submit({ to: 'a@example.org' })
    await relay.quiet()
    relay.deliver.update({
      ...DELIVER_DEFAULTS,
      hostname: HOSTNAME,
      helo: HOSTNAME,
      routes: routes({}, hosts(sink.port)),
    })
    await relay.advance(60_000)
    assert.equal(sink.messages.length, 1)
  })
})

describe('the log', () => {
  it('has one line for each attempt, with the queue id and without content or subject', async (t) => {
    const sink = await startSink(t)
    const relay = await startRelay(t, { options: { routes: routes({}, hosts(sink.port)) } })
    const queueId = await relay.submit({ to: 'a@example.org', content: 'Subject: biopsy\r\n\r\nThe result\r\n' })
    await relay.quiet()
    const attempts = relay.log.filter(({ message }) => message === 'attempt')
    assert.equal(attempts.length, 1)
    const { queueId: logged, destination, relayed, host, port } = attempts[0]?.fields ?? {}
    assert.deepEqual([logged, destination, relayed, host, port], [queueId, 'example.org', 1, '127.0.0.1', sink.port])
    assert.doesNotMatch(JSON.stringify(relay.log), /biopsy|The result/)
  })
})

describe('a message for many', () => {
  it('goes to each destination once, and a destination takes it for all of its recipients', async (t) => {
    const sink = await startSink(t)
    const home = await startSink(t)
    const relay = await startRelay(t, {
      options: { routes: routes({ 'royal.example.test': hosts(home.port) }, hosts(sink.port)) },
    })
    await relay.submit({ to: ['a@one.test', 'b@one.test', 'c@two.test'] })
    await relay.quiet()
    assert.deepEqual(sink.messages.map(({ rcptTo }) => rcptTo.map((to) => to.address)).sort(), [
      ['a@one.test', 'b@one.test'],
      ['c@two.test'],
    ])
    assert.deepEqual((await relay.spool.summary()).states, NONE)
    assert.equal(home.messages.map(({ content }) => parseReport(content)).length, 0)
  })
})

/** An LMTP server that is full for `full@`. */
async function lmtpServer(t: TestContext): Promise<{ path: string; taken: () => number }> {
  let taken = 0
  const path = join(temporaryFolder(t), 'lmtp')
  const server = createServer((socket: Socket) => {
    let rcpts: string[] = []
    socket.on('error', () => {})
    socket.write('220 lmtp\r\n')
    socket.on('data', (chunk: Buffer) => {
      const text = chunk.toString()
      if (text.startsWith('LHLO')) socket.write('250 lmtp\r\n')
      else if (text.startsWith('DATA')) socket.write('354 go\r\n')
      else if (text.endsWith('\r\n.\r\n')) {
        taken++
        socket.write(rcpts.map((to) => (to.includes('full') ? '452 4.2.2 full\r\n' : '250 2.1.5 ok\r\n')).join(''))
        rcpts = []
      } else if (text.startsWith('QUIT')) socket.end('221 bye\r\n')
      else {
        if (text.startsWith('RCPT')) rcpts.push(text)
        socket.write('250 ok\r\n')
      }
    })
  })
  server.listen(path)
  await once(server, 'listening')
  t.after(() => void server.close())
  return { path, taken: () => taken }
}

describe('a fault of the program', () => {
  it('costs no message: it goes back, and waits a while', async (t) => {
    const relay = await startRelay(t, {
      options: { routes: routes({}, { via: 'store' }) },
      store: {
        // Breaks its contract: no list of answers
        deliver: async () => null as never,
      },
    })
    await relay.submit({ to: 'a@example.org' })
    await relay.quiet()
    assert.deepEqual((await relay.spool.summary()).states, { ...NONE, pending: 1 })
    assert.ok(relay.log.some(({ level, message }) => level === 'error' && message === 'delivery failed unexpectedly'))
    assert.equal(relay.deliver.status().messages, 0)
  })
})
