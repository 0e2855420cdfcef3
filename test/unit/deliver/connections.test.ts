import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { describe, it, type TestContext } from 'node:test'
import { DELIVER_DEFAULTS } from '../../../src/deliver/options.ts'
import { type Sink, startSink } from '../../support/sink.ts'
import { waitFor } from '../../support/wait.ts'
import { hosts, type RelaySetting, routes, startRelay } from './relay.ts'

const { connections, concurrency } = DELIVER_DEFAULTS

async function setUp(t: TestContext, options: RelaySetting['options'] = {}, fault: Sink['fault'] = () => null) {
  const sink = await startSink(t, { fault })
  const relay = await startRelay(t, { options: { routes: routes({}, hosts(sink.port)), ...options } })
  const send = async (count: number, domain = 'example.org') => {
    for (let i = 0; i < count; i++) {
      await relay.submit({ to: `a@${domain}` })
      await relay.quiet()
    }
  }
  return { sink, relay, send }
}

describe('a connection', () => {
  it('is kept for the next message, also of another domain with the same next hop', async (t) => {
    const { sink, send } = await setUp(t)
    await send(2)
    await send(2, 'example.net')
    assert.deepEqual([sink.messages.length, sink.connections], [4, 1])
  })

  it('carries no more messages than it may', async (t) => {
    const { sink, send } = await setUp(t, { connections: { ...connections, messages: 2 } })
    await send(5)
    assert.deepEqual([sink.messages.length, sink.connections], [5, 3])
  })

  it('is not used any more when it is too old', async (t) => {
    const { sink, relay, send } = await setUp(t, { connections: { ...connections, ageMs: 1000 } })
    await send(2)
    relay.clock.advance(1000)
    await send(1)
    assert.deepEqual([sink.messages.length, sink.connections], [3, 2])
  })

  it('is closed with QUIT when it has been idle for long', async (t) => {
    const { sink, relay, send } = await setUp(t)
    await send(1)
    assert.equal(relay.deliver.status().connections, 1)
    relay.clock.advance(connections.idleMs + 5_000)
    assert.equal(relay.deliver.status().connections, 0)
    await send(1)
    assert.equal(sink.connections, 2)
  })

  it('that the peer closed unseen costs no message an attempt', async (t) => {
    const server = await flightyServer(t)
    const relay = await startRelay(t, { options: { routes: routes({}, hosts(server.port)) } })
    for (let i = 0; i < 3; i++) {
      await relay.submit({ to: 'a@example.org' })
      await relay.quiet()
    }
    assert.equal(server.taken(), 3)
    assert.equal(relay.counted.get('postern_deferred_total{connection}'), undefined)
  })
})

describe('the connections to a next hop', () => {
  it('begin with a few, and grow with each success up to their limit', async (t) => {
    const { relay, sink } = await setUp(t, { concurrency: { initial: 2, perNextHop: 4, total: 100 } })
    sink.delayMs = 30
    const limits: number[] = []
    await Promise.all(Array.from({ length: 12 }, (_, i) => relay.submit({ to: `a${i}@example.org` })))
    await waitFor(
      () => {
        const [hop] = relay.deliver.status().nextHops
        const busy = (hop?.sending ?? 0) + (hop?.opening ?? 0)
        if (busy > 0 && busy !== limits.at(-1)) limits.push(busy)
        return relay.deliver.status().messages === 0
      },
      { what: 'everything to be sent', everyMs: 1 },
    )
    assert.equal(limits[0], 2)
    assert.equal(Math.max(...limits), 4)
    assert.deepEqual([sink.messages.length, sink.connections], [12, 4])
  })

  it('are no more than the peer takes, and the messages go over those', async (t) => {
    let open = 0
    const { relay, sink } = await setUp(t, { concurrency: { ...concurrency, initial: 5 } }, ({ phase }) =>
      phase === 'greeting' && open++ > 0 ? { reply: '421 4.7.0 too many connections' } : null,
    )
    await Promise.all(Array.from({ length: 10 }, (_, i) => relay.submit({ to: `a${i}@example.org` })))
    await relay.quiet()
    assert.equal(sink.messages.length, 10)
    assert.equal(
      (await relay.spool.summary()).destinations.find(({ blockedUntil }) => blockedUntil),
      undefined,
    )
  })

  it('are halved when the host puts messages off', async (t) => {
    const { relay } = await setUp(t, { concurrency: { ...concurrency, initial: 8 } }, ({ phase }) =>
      phase === 'mail' ? { reply: '451 4.3.2 busy' } : null,
    )
    await relay.submit({ to: 'a@example.org' })
    await relay.quiet()
    assert.equal(relay.deliver.status().nextHops[0]?.limit, 4)
  })

  it('share a total, and nobody is left out', async (t) => {
    const slow = await startSink(t, { delayMs: 20 })
    const fast = await startSink(t)
    const relay = await startRelay(t, {
      options: {
        routes: routes({ 'slow.test': hosts(slow.port), 'fast.test': hosts(fast.port) }),
        concurrency: { initial: 5, perNextHop: 20, total: 2 },
      },
    })
    let peak = 0
    const messages = Array.from({ length: 20 }, (_, i) => relay.submit({ to: `a${i}@slow.test` }))
    await Promise.all([...messages, relay.submit({ to: 'a@fast.test' })])
    await waitFor(
      () => {
        peak = Math.max(peak, relay.deliver.status().connections)
        return fast.messages.length === 1
      },
      { what: 'the message to the other host', everyMs: 1 },
    )
    assert.ok(slow.messages.length < 20, 'it did not wait for all of the others')
    await relay.quiet()
    assert.equal(slow.messages.length, 20)
    assert.equal(peak, 2)
  })

  it('to several hosts take turns where the route says so', async (t) => {
    const sinks = await Promise.all([startSink(t), startSink(t)])
    const route = { ...hosts(...sinks.map(({ port }) => port)), order: 'rotated' as const }
    const relay = await startRelay(t, {
      options: { routes: routes({}, route), connections: { ...connections, messages: 1 } },
    })
    for (let i = 0; i < 4; i++) {
      await relay.submit({ to: 'a@example.org' })
      await relay.quiet()
    }
    assert.deepEqual(
      sinks.map(({ messages }) => messages.length),
      [2, 2],
    )
  })
})

/** Takes one message a connection, and resets the connection when the next one begins. */
async function flightyServer(t: TestContext): Promise<{ port: number; taken: () => number }> {
  let taken = 0
  const server = createServer((socket: Socket) => {
    let done = false
    socket.on('error', () => {})
    socket.write('220 flighty\r\n')
    socket.on('data', (chunk: Buffer) => {
      const text = chunk.toString()
      if (done) socket.resetAndDestroy()
      else if (text.startsWith('EHLO')) socket.write('250 flighty\r\n')
      else if (text.startsWith('DATA')) socket.write('354 go\r\n')
      else if (text.endsWith('\r\n.\r\n')) {
        taken++
        done = true
        socket.write('250 taken\r\n')
      } else socket.write('250 ok\r\n')
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => void server.close())
  return { port: (server.address() as { port: number }).port, taken: () => taken }
}
