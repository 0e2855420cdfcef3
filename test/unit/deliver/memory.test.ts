import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createDeliver } from '../../../src/deliver/deliver.ts'
import { DELIVER_DEFAULTS, type DeliverOptions } from '../../../src/deliver/options.ts'
import { silentLog } from '../../../src/log.ts'
import { noMetrics } from '../../../src/metrics.ts'
import { type Outcome, SpoolUnavailable } from '../../../src/spool/contract.ts'
import { manualClock } from '../../support/clock.ts'
import { freePort } from '../../support/ports.ts'
import { scriptedSecurity } from '../../support/security.ts'
import { startSink } from '../../support/sink.ts'
import { waitFor } from '../../support/wait.ts'
import { zoneResolver } from '../../support/zone.ts'
import { address, hosts, newMessage, routes, startRelay } from './relay.ts'

const MINUTE = 60_000
const { memory } = DELIVER_DEFAULTS

const to = (domain: string) => ({ address: address(`a@${domain}`), notify: null, orcpt: null })
const { envelope } = newMessage({ to: 'a@example.org' }, 0)

async function slow(t: Parameters<typeof startSink>[0], options: Partial<DeliverOptions>) {
  const sink = await startSink(t, { fault: ({ phase }) => (phase === 'end' ? 'hang' : null) })
  const relay = await startRelay(t, {
    options: { routes: routes({}, hosts(sink.port)), concurrency: { initial: 1, perNextHop: 1, total: 9 }, ...options },
  })
  const plan = (domain = 'example.org') => relay.deliver.plan(to(domain), envelope)
  return {
    relay,
    sink,
    isFresh: (domain?: string) => (plan(domain) as { leaseUntil: number | null }).leaseUntil !== null,
  }
}

describe('a message that is about to be committed', () => {
  it('is sent from memory, with a lease of its own', async (t) => {
    const { relay } = await slow(t, {})
    assert.deepEqual(relay.deliver.plan(to('example.org'), envelope), {
      do: 'deliver',
      destination: 'example.org',
      dueAt: relay.clock.now(),
      leaseUntil: relay.clock.now() + DELIVER_DEFAULTS.leaseMs,
    })
  })

  it('waits in the spool where its destination has enough in memory', async (t) => {
    const { relay, isFresh } = await slow(t, { memory: { ...memory, firstWindow: 2 } })
    for (let i = 0; i < 3; i++) await relay.submit({ to: 'a@example.org' })
    assert.deepEqual([isFresh(), isFresh('example.net')], [false, true])
  })

  it('waits in the spool where its next hop has enough in memory', async (t) => {
    const { relay, isFresh } = await slow(t, { memory: { ...memory, perNextHop: 2 } })
    for (let i = 0; i < 3; i++) await relay.submit({ to: `a@example${i}.org` })
    assert.equal(isFresh('example2.org'), false)
  })

  it('waits in the spool where memory is full, of messages or of bytes', async (t) => {
    const few = await slow(t, { memory: { ...memory, messages: 2 } })
    for (let i = 0; i < 2; i++) await few.relay.submit({ to: 'a@example.org' })
    assert.equal(few.isFresh('example.net'), false)
    const small = await slow(t, { memory: { ...memory, bytes: 50_000 } })
    await small.relay.submit({ to: 'a@example.org', content: `\r\n${'x'.repeat(50_000)}` })
    assert.equal(small.isFresh('example.net'), false)
  })

  it('waits in the spool while its next hop rests', async (t) => {
    const relay = await startRelay(t, { options: { routes: routes({}, hosts(await freePort())) } })
    await relay.submit({ to: 'a@example.org' })
    await relay.quiet()
    assert.equal((relay.deliver.plan(to('example.org'), envelope) as { leaseUntil: null }).leaseUntil, null)
    await relay.advance(MINUTE - 1)
    assert.equal((relay.deliver.plan(to('example.org'), envelope) as { leaseUntil: null }).leaseUntil, null)
  })

  it('waits in the spool before delivery has begun', async (t) => {
    const relay = await startRelay(t, { asleep: true })
    assert.equal((relay.deliver.plan(to('example.org'), envelope) as { leaseUntil: null }).leaseUntil, null)
  })

  it('is fetched from the spool as memory has room again', async (t) => {
    const sink = await startSink(t)
    const small = { ...memory, firstWindow: 2, perDestination: 8, messages: 20, batch: 4 }
    const relay = await startRelay(t, {
      options: { routes: routes({}, hosts(sink.port)), memory: small },
      asleep: true,
    })
    for (let i = 0; i < 100; i++) await relay.enqueue({ to: `a${i}@example${i % 3}.org` })
    relay.deliver.poke()
    await relay.quiet()
    assert.equal(sink.messages.length, 100)
  })

  it('is found in the spool though nobody says so', async (t) => {
    const sink = await startSink(t)
    const relay = await startRelay(t, {
      options: { routes: routes({}, hosts(sink.port)), memory: { ...memory, messages: 1 } },
    })
    sink.delayMs = 50
    await Promise.all(Array.from({ length: 10 }, (_, i) => relay.submit({ to: `a${i}@example.org` })))
    await relay.quiet()
    await relay.advance(5_000)
    assert.equal(sink.messages.length, 10)
  })
})

describe('a lease', () => {
  it('is renewed while its message is being sent, however long that takes', async (t) => {
    const { relay, sink } = await slow(t, {})
    await relay.submit({ to: 'a@example.org' })
    await waitFor(() => relay.deliver.status().nextHops[0]?.sending === 1, { what: 'it to be under way', everyMs: 1 })
    // Shorter than the time that a peer may take to answer
    for (let i = 0; i < 9; i++) {
      relay.clock.advance(MINUTE)
      await relay.spool.nextDue()
    }
    await relay.spool.nextDue()
    const { states } = await relay.spool.summary()
    assert.deepEqual(states, { pending: 0, leased: 1, held: 0 })
    assert.equal(sink.connections, 1)
  })
})

describe('a lease on a clock that was set back', () => {
  it('is renewed as before: the spool counts by the new time, and would give the message to another', async (t) => {
    const { relay, sink } = await slow(t, { leaseMs: 4 * MINUTE })
    await relay.submit({ to: 'a@example.org' })
    await waitFor(() => relay.deliver.status().nextHops[0]?.sending === 1, { what: 'it to be under way', everyMs: 1 })
    const back = 1440 * MINUTE
    relay.clock.jump(-back)
    await relay.spool.clockWentBack(back)
    relay.deliver.retryNow()
    for (let i = 0; i < 9; i++) {
      relay.clock.advance(MINUTE)
      await relay.spool.nextDue()
    }
    const { states } = await relay.spool.summary()
    assert.deepEqual(states, { pending: 0, leased: 1, held: 0 })
    assert.equal(sink.connections, 1)
  })
})

describe('a lease on a clock that was set back by less than it has left', () => {
  it('is renewed when half of its true time is over, not when it lapses', async (t) => {
    const { relay, sink } = await slow(t, { leaseMs: 4 * MINUTE })
    await relay.submit({ to: 'a@example.org' })
    await waitFor(() => relay.deliver.status().nextHops[0]?.sending === 1, { what: 'it to be under way', everyMs: 1 })
    // Between the tick at which half of it was not quite over, and the next
    relay.clock.advance(2 * MINUTE + 3000)
    await relay.spool.nextDue()
    const back = 2 * MINUTE + 2000
    relay.clock.jump(-back)
    await relay.spool.clockWentBack(back)
    relay.deliver.clockWentBack(back)
    for (let i = 0; i < 60; i++) {
      relay.clock.advance(4000)
      await relay.spool.nextDue()
      assert.deepEqual((await relay.spool.summary()).states, { pending: 0, leased: 1, held: 0 })
    }
    assert.equal(sink.connections, 1)
  })
})

describe('a spool that cannot be written', () => {
  it('gets every outcome in the end, and nothing is begun meanwhile', async (t) => {
    const sink = await startSink(t)
    const relay = await startRelay(t, { asleep: true })
    let broken = true
    const settled: Outcome[] = []
    const clock = manualClock()
    const deliver = createDeliver(
      { ...DELIVER_DEFAULTS, hostname: 'relay.test', helo: 'relay.test', routes: routes({}, hosts(sink.port)) },
      {
        spool: Object.assign(Object.create(relay.spool), {
          settle: async (outcomes: Outcome[]) => {
            if (broken) throw new SpoolUnavailable('disk full')
            settled.push(...outcomes)
          },
          lease: async () => [],
          nextDue: async () => null,
          expired: async () => [],
          undelayed: async () => [],
          overdueHolds: async () => [],
        }),
        resolver: zoneResolver({}),
        security: scriptedSecurity(),
        clock,
        log: silentLog,
        metrics: noMetrics,
        store: null,
      },
    )
    deliver.poke()
    const put = async (index: number) => {
      const message = newMessage({ to: `a${index}@example.org` }, clock.now())
      const plans = [
        { do: 'deliver', destination: 'example.org', dueAt: 0, leaseUntil: clock.now() + 600_000 } as const,
      ]
      deliver.take((await relay.spool.put(message, plans)).leases)
    }
    await put(1)
    await waitFor(() => sink.messages.length === 1, { what: 'the first message', everyMs: 1 })
    const takesNothing = () =>
      (deliver.plan(to('example.org'), envelope) as { leaseUntil: unknown }).leaseUntil === null
    await waitFor(takesNothing, { what: 'the wait for the spool', everyMs: 1 })
    await put(2)
    clock.advance(1000)
    await waitFor(() => clock.waiting >= 3, { what: 'the next wait for the spool', everyMs: 1 })
    assert.equal(sink.messages.length, 1)
    broken = false
    clock.advance(1000)
    await waitFor(() => settled.length === 2, { what: 'both outcomes', everyMs: 1 })
    assert.equal(sink.messages.length, 2)
    await deliver.close(0)
  })
})

describe('an operator who gives fresh content no memory', () => {
  it('gets his mail delivered all the same', async (t) => {
    const sink = await startSink(t)
    const relay = await startRelay(t, {
      options: { routes: routes({}, hosts(sink.port)), memory: { ...memory, bytes: 0 } },
    })
    for (let i = 0; i < 10; i++) await relay.submit({ to: `a${i}@example.org` })
    await relay.quiet()
    await relay.advance(2_000)
    assert.equal(sink.messages.length, 10)
  })
})

describe('a lease that lapsed while the machine slept', () => {
  it('is neither revived nor used: its message goes once', async (t) => {
    let begun = 0
    const count = (phase: string) => {
      if (phase === 'data') begun++
      return null
    }
    const sink = await startSink(t, { delayMs: 500, fault: ({ phase }) => count(phase) })
    const relay = await startRelay(t, {
      options: { routes: routes({}, hosts(sink.port)), concurrency: { initial: 1, perNextHop: 1, total: 9 } },
    })
    for (const name of ['under-way', 'waiting']) await relay.submit({ to: `${name}@example.org` })
    await waitFor(() => begun === 1, { what: 'one under way', everyMs: 1 })
    relay.clock.jump(DELIVER_DEFAULTS.leaseMs + MINUTE)
    relay.clock.advance(5_000)
    await relay.spool.nextDue()
    relay.deliver.poke()
    await relay.quiet()
    await relay.advance(20 * MINUTE)
    assert.equal(sink.messages.filter(({ rcptTo }) => rcptTo[0]?.address === 'waiting@example.org').length, 1)
  })
})
