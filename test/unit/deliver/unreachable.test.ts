import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { freePort } from '../../support/ports.ts'
import { Sink, startSink } from '../../support/sink.ts'
import { hosts, mxAt, routes, startRelay, type TestRelay } from './relay.ts'

const MINUTE = 60_000

const block = async ({ spool }: TestRelay, destination: string) =>
  (await spool.summary()).destinations.find((each) => each.destination === destination)

async function recipientsOf({ spool }: TestRelay) {
  const { entries } = await spool.list({}, { after: null, limit: 1000 })
  return entries.flatMap(({ recipients }) => recipients)
}

describe('a next hop that cannot be reached', () => {
  it('is blocked as one, with one attempt counted and all messages untouched', async (t) => {
    const port = await freePort()
    const relay = await startRelay(t, { options: { routes: routes({}, hosts(port)) }, asleep: true })
    const start = relay.clock.now()
    for (let i = 0; i < 50; i++) await relay.enqueue({ to: `a${i}@example.org` })
    relay.deliver.poke()
    await relay.quiet()
    const found = await recipientsOf(relay)
    assert.equal(found.length, 50)
    assert.equal(
      found.reduce((sum, { attempts }) => sum + attempts, 0),
      1,
    )
    const blocked = await block(relay, 'example.org')
    assert.equal(blocked?.blockedUntil, start + MINUTE)
    assert.match(blocked?.reason ?? '', /\(relay\) \[127\.0\.0\.1\]:\d+: connection refused/)
    const [hop] = relay.deliver.status().nextHops
    assert.deepEqual([hop?.failures, hop?.restsUntil, hop?.waiting], [1, start + MINUTE, 0])
  })

  it('is tried again at growing distances, and everything goes when it is back', async (t) => {
    const port = await freePort()
    const relay = await startRelay(t, { options: { routes: routes({}, hosts(port)) } })
    const start = relay.clock.now()
    for (let i = 0; i < 20; i++) await relay.submit({ to: `a${i}@example.org` })
    await relay.quiet()
    const waits: number[] = []
    for (let i = 0; i < 5; i++) {
      waits.push(((await block(relay, 'example.org'))?.blockedUntil ?? 0) - relay.clock.now())
      await relay.advance(waits.at(-1) ?? 0)
    }
    assert.deepEqual(
      waits.map((ms) => ms / MINUTE),
      [1, 2, 5, 10, 20],
    )
    const sink = new Sink({ port })
    await sink.listen()
    t.after(() => sink.stop())
    await relay.advance(30 * MINUTE)
    assert.equal(sink.messages.length, 20)
    assert.ok(relay.clock.now() - start >= 68 * MINUTE)
    assert.equal((await block(relay, 'example.org'))?.blockedUntil ?? null, null)
    assert.equal(relay.deliver.status().nextHops[0]?.failures, 0)
  })

  it('rests for every destination that leads there, and for no other', async (t) => {
    const sink = await startSink(t)
    const dead = hosts(await freePort())
    const table = routes({ 'one.test': dead, 'two.test': dead, 'live.test': hosts(sink.port) })
    const relay = await startRelay(t, { options: { routes: table } })
    await relay.submit({ to: 'a@one.test' })
    await relay.quiet()
    await relay.submit({ to: 'a@two.test' })
    await relay.submit({ to: 'a@live.test' })
    await relay.quiet()
    assert.equal((await block(relay, 'two.test'))?.blockedUntil, (await block(relay, 'one.test'))?.blockedUntil)
    assert.deepEqual((await recipientsOf(relay)).map(({ attempts }) => attempts).sort(), [0, 1])
    assert.equal(sink.messages.length, 1)
  })

  it('is not even asked while it rests, however much comes in', async (t) => {
    const sink = await startSink(t, {
      fault: ({ phase }) => (phase === 'greeting' ? { reply: '421 4.3.2 closed' } : null),
    })
    const relay = await startRelay(t, { options: { routes: routes({}, hosts(sink.port)) } })
    for (let i = 0; i < 10; i++) {
      await relay.submit({ to: 'a@example.org' })
      await relay.quiet()
    }
    assert.equal(sink.connections, 1)
  })

  it('is tried at once when an operator wants it', async (t) => {
    let closed = true
    const sink = await startSink(t, {
      fault: ({ phase }) => (closed && phase === 'greeting' ? { reply: '554 5.3.2 closed' } : null),
    })
    const relay = await startRelay(t, { options: { routes: routes({}, hosts(sink.port)) } })
    await relay.submit({ to: 'a@example.org' })
    await relay.quiet()
    closed = false
    await relay.spool.act({ do: 'retry' }, {}, 'operator')
    relay.deliver.retryNow()
    await relay.quiet()
    assert.equal(sink.messages.length, 1)
  })

  it('that refuses with 554 at its greeting only defers', async (t) => {
    const sink = await startSink(t, {
      fault: ({ phase }) => (phase === 'greeting' ? { reply: '554 5.7.1 go away' } : null),
    })
    const relay = await startRelay(t, { zone: { 'example.org': { a: ['127.0.0.1'] } }, options: mxAt(sink.port) })
    await relay.submit({ to: 'a@example.org' })
    await relay.quiet()
    assert.match((await recipientsOf(relay))[0]?.lastReply ?? '', /554 5\.7\.1 go away/)
  })

  it('that never takes mail (521) fails the message where the DNS led there', async (t) => {
    const sink = await startSink(t, {
      fault: ({ phase }) => (phase === 'greeting' ? { reply: '521 no mail here' } : null),
    })
    const zone = { 'example.org': { a: ['127.0.0.1'] }, 'royal.example.test': { mx: [[0, '']] as const } }
    const relay = await startRelay(t, { zone, options: mxAt(sink.port) })
    await relay.submit({ from: null, to: 'a@example.org' })
    await relay.quiet()
    assert.equal((await recipientsOf(relay)).length, 0)
  })
})

describe('of several hosts', () => {
  const ZONE = {
    'example.org': {
      mx: [
        [10, 'first.test'],
        [20, 'second.test'],
      ] as const,
    },
    'first.test': { a: ['127.0.0.2'] },
    'second.test': { a: ['127.0.0.1'] },
  }

  it('the next one is tried in the same attempt', async (t) => {
    const sink = await startSink(t)
    const relay = await startRelay(t, { zone: ZONE, options: mxAt(sink.port) })
    await relay.submit({ to: 'a@example.org' })
    await relay.quiet()
    assert.equal(sink.messages.length, 1)
    assert.equal(relay.counted.get('postern_attempts_total{relayed}'), 1)
  })

  it('one that failed comes last for a while', async (t) => {
    const sinks = await Promise.all([startSink(t), startSink(t)])
    const [bad, good] = sinks
    bad.fault = ({ phase }) => (phase === 'mail' ? { reply: '421 4.3.2 going down' } : null)
    const relay = await startRelay(t, { options: { routes: routes({}, hosts(bad.port, good.port)) } })
    for (let i = 0; i < 3; i++) {
      await relay.submit({ to: 'a@example.org' })
      await relay.quiet()
    }
    assert.deepEqual([good.messages.length, bad.connections], [3, 1])
    const attempt = relay.log.find(({ message }) => message === 'attempt')
    assert.match(JSON.stringify(attempt?.fields.tried), /closed by the peer/)
  })

  it('all are tried before the message waits, and one that is avoided too', async (t) => {
    const port = await freePort()
    const relay = await startRelay(t, {
      options: { routes: routes({}, hosts(['127.0.0.2', port], ['127.0.0.3', port])) },
    })
    await relay.submit({ to: 'a@example.org' })
    await relay.quiet()
    await relay.advance(MINUTE)
    const failures = relay.log.filter(({ message }) => message === 'next hop cannot be reached')
    for (const { fields } of failures) assert.match(JSON.stringify(fields.tried), /127\.0\.0\.2.*127\.0\.0\.3/)
    assert.equal(failures.length, 2)
  })

  it('none is tried again with content that was already sent', async (t) => {
    const sinks = await Promise.all([startSink(t), startSink(t)])
    const [first, second] = sinks
    first.fault = ({ phase }) => (phase === 'end' ? 'reset' : null)
    const relay = await startRelay(t, { options: { routes: routes({}, hosts(first.port, second.port)) } })
    await relay.submit({ to: 'a@example.org' })
    await relay.quiet()
    assert.equal(second.messages.length, 0, 'it may have been taken')
    assert.deepEqual(
      (await recipientsOf(relay)).map(({ attempts }) => attempts),
      [1],
    )
    assert.equal((await block(relay, 'example.org'))?.blockedUntil ?? null, null)
    await relay.advance(MINUTE)
    assert.equal(second.messages.length, 1)
  })
})

describe('a host that breaks off every transaction', () => {
  it('counts as one that cannot be reached', async (t) => {
    const sink = await startSink(t, { fault: ({ phase }) => (phase === 'mail' ? 'reset' : null) })
    const relay = await startRelay(t, { options: { routes: routes({}, hosts(sink.port)) } })
    for (let i = 0; i < 5; i++) await relay.submit({ to: `a${i}@example.org` })
    await relay.quiet()
    assert.ok(((await block(relay, 'example.org'))?.blockedUntil ?? 0) > relay.clock.now())
    assert.ok(sink.connections <= 5)
  })
})

describe('a domain whose way cannot be found', () => {
  it('waits as one while the DNS fails, and goes when it is back', async (t) => {
    const sink = await startSink(t)
    const zone = { 'example.org': { a: ['127.0.0.1'] } }
    const relay = await startRelay(t, { zone, failing: ['mx example.org'], options: mxAt(sink.port) })
    for (let i = 0; i < 5; i++) await relay.submit({ to: `a${i}@example.org` })
    await relay.quiet()
    const blocked = await block(relay, 'example.org')
    assert.match(blocked?.reason ?? '', /451 4\.4\.3 \(relay\) the DNS cannot be asked about example\.org/)
    assert.equal(
      (await recipientsOf(relay)).reduce((sum, { attempts }) => sum + attempts, 0),
      1,
    )
    relay.resolver.failing.clear()
    await relay.advance(MINUTE)
    assert.equal(sink.messages.length, 5)
  })

  it('fails at once where it does not exist', async (t) => {
    const relay = await startRelay(t, { zone: {} })
    await relay.submit({ from: null, to: 'a@nowhere.test' })
    await relay.quiet()
    assert.equal((await recipientsOf(relay)).length, 0)
    assert.equal(relay.counted.get('postern_failed_total{address}'), 1)
  })

  it('is led anew when its exchangers change', async (t) => {
    const sink = await startSink(t)
    const zone: Record<string, { a?: string[]; mx?: [number, string][] }> = {
      'example.org': { mx: [[10, 'old.test']] },
      'old.test': { a: ['127.0.0.1'] },
      'new.test': { a: ['127.0.0.1'] },
    }
    const relay = await startRelay(t, { zone, options: mxAt(sink.port) })
    await relay.submit({ to: 'a@example.org' })
    await relay.quiet()
    zone['example.org'] = { mx: [[10, 'new.test']] }
    await relay.advance(6 * MINUTE)
    await relay.submit({ to: 'b@example.org' })
    await relay.quiet()
    await relay.submit({ to: 'c@example.org' })
    await relay.quiet()
    assert.equal(sink.messages.length, 3)
    assert.ok(relay.deliver.status().nextHops.some(({ name }) => name === 'new.test'))
  })
})
