import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { QueueId } from '../../../src/mail/queue-id.ts'
import type { Lease, QueueState } from '../../../src/spool/contract.ts'
import { deliver, FAILED, hold, later, message, type Opened, openTestSpool, outcome, RELAYED, want } from './support.ts'

// The spool against a model of it in memory: whatever is done in whatever order, both agree on
// which recipients there are, in which state, and on the counts.

interface Expected {
  state: QueueState
  destination: string
  dueAt: number
  leasedUntil: number
}

interface Model {
  readonly recipients: Map<string, Expected>
  readonly blocked: Map<string, number>
  readonly leases: Lease[]
  bounces: number
}

interface Real {
  readonly opened: Opened
}

type Command = fc.AsyncCommand<Model, Real>

const DESTINATIONS = ['a.test', 'b.test', 'c.test']
const SECOND = 1000
const key = (id: QueueId, index: number) => `${id}/${index}`

const command = (text: string, run: (model: Model, real: Real) => Promise<void>): Command => ({
  check: () => true,
  async run(model, real) {
    lapse(model, real.opened.clock.now())
    await run(model, real)
    await compare(model, real)
  },
  toString: () => text,
})

function lapse(model: Model, now: number): void {
  for (const each of model.recipients.values()) {
    if (each.state === 'leased' && each.leasedUntil <= now) each.state = 'pending'
  }
}

async function compare(model: Model, { opened }: Real): Promise<void> {
  await opened.spool.nextDue()
  const found = new Map<string, string>()
  const { entries } = await opened.spool.list({}, { after: null, limit: 1000 })
  for (const { queueId, recipients } of entries) {
    for (const { index, state, destination } of recipients) found.set(key(queueId, index), `${state} ${destination}`)
  }
  const expected = [...model.recipients].map(([name, { state, destination }]) => [name, `${state} ${destination}`])
  assert.deepEqual([...found].sort(), expected.sort())
  await compareCounts(model, opened)
}

async function compareCounts(model: Model, { spool, clock }: Opened): Promise<void> {
  const all = [...model.recipients.values()]
  const count = (state: QueueState, of = all) => of.filter((each) => each.state === state).length
  const { states, destinations } = await spool.summary()
  assert.deepEqual(states, { pending: count('pending'), leased: count('leased'), held: count('held') })
  for (const { destination, pending, leased } of destinations) {
    const own = all.filter((each) => each.destination === destination)
    assert.deepEqual([pending, leased], [count('pending', own), count('leased', own)], destination)
  }
  const due = all
    .filter(({ state }) => state === 'pending')
    .map(({ dueAt, destination }) => Math.max(dueAt, model.blocked.get(destination) ?? 0))
  const next = await spool.nextDue()
  // It may be early, never late: a wake-up in vain costs little, one that does not come costs mail
  if (due.length === 0) assert.equal(next, null)
  else assert.ok(next !== null && Math.min(next, clock.now()) <= Math.min(...due), `${next} of ${due}`)
}

const put = (plans: readonly { to: number; as: 'pending' | 'leased' | 'held'; inMs: number }[]): Command =>
  command(`put ${JSON.stringify(plans)}`, async (model, { opened }) => {
    const now = opened.clock.now()
    const { queueId, leases } = await opened.spool.put(
      message(plans.map(({ to }, i) => `r${i}@${DESTINATIONS[to]}`)),
      plans.map(({ to, as, inMs }) => {
        const destination = DESTINATIONS[to] ?? ''
        if (as === 'held') return { do: 'hold', destination, hold: hold(now + inMs) }
        return deliver(destination, now + inMs, as === 'leased' ? now + 5 * SECOND : null)
      }),
    )
    plans.forEach(({ to, as, inMs }, index) => {
      const destination = DESTINATIONS[to] ?? ''
      const dueAt = now + inMs
      model.recipients.set(key(queueId, index), { state: as, destination, dueAt, leasedUntil: now + 5 * SECOND })
    })
    model.leases.push(...leases)
  })

const lease = (limit: number, perDestination: number): Command =>
  command(`lease ${limit} ${perDestination}`, async (model, { opened }) => {
    const now = opened.clock.now()
    const leases = await opened.spool.lease(want(now + 5 * SECOND, { limit, perDestination }))
    const due = [...model.recipients].filter(
      ([, { state, dueAt, destination }]) =>
        state === 'pending' && dueAt <= now && (model.blocked.get(destination) ?? 0) <= now,
    )
    assert.ok(leases.length <= limit)
    assert.equal(leases.length === 0, due.length === 0, 'something is given if something is due')
    for (const { queueId, indexes, destination } of leases) {
      for (const index of indexes) {
        const expected = due.find(([name]) => name === key(queueId, index))?.[1]
        assert.equal(expected?.destination, destination, 'only what is due')
        if (expected !== undefined) Object.assign(expected, { state: 'leased', leasedUntil: now + 5 * SECOND })
      }
    }
    model.leases.push(...leases)
  })

type Fate = 'relayed' | 'failed' | 'pending' | 'held'

/** Settles any lease ever given, so also one that has lapsed or was settled before. */
const settle = (which: number, fate: Fate): Command =>
  command(`settle ${which} ${fate}`, async (model, { opened }) => {
    const given = model.leases[which % Math.max(1, model.leases.length)]
    if (given === undefined) return
    const now = opened.clock.now()
    const state = {
      relayed: RELAYED,
      failed: FAILED,
      pending: later(now + SECOND),
      held: { is: 'held', hold: hold(now + SECOND) } as const,
    }[fate]
    await opened.spool.settle([
      outcome(given.queueId, Object.fromEntries(given.indexes.map((index) => [index, state]))),
    ])
    for (const index of given.indexes) expectFate(model, key(given.queueId, index), fate, now)
  })

function expectFate(model: Model, name: string, fate: Fate, now: number): void {
  const expected = model.recipients.get(name)
  if (expected === undefined) return
  if (fate === 'relayed' || fate === 'failed') model.recipients.delete(name)
  else if (fate === 'held') expected.state = 'held'
  else if (expected.state !== 'held') Object.assign(expected, { state: 'pending', dueAt: now + SECOND })
}

const block = (to: number, forMs: number): Command =>
  command(`block ${to} ${forMs}`, async (model, { opened }) => {
    const until = opened.clock.now() + forMs
    const destination = DESTINATIONS[to] ?? ''
    await opened.spool.block(destination, until, { text: 'refused', failures: 1 })
    model.blocked.set(destination, until)
  })

const unblock = (to: number): Command =>
  command(`unblock ${to}`, async (model, { opened }) => {
    await opened.spool.unblock(DESTINATIONS[to] ?? '')
    model.blocked.delete(DESTINATIONS[to] ?? '')
  })

const act = (what: 'hold' | 'release' | 'retry' | 'remove', to: number): Command =>
  command(`${what} ${to}`, async (model, { opened }) => {
    const destination = DESTINATIONS[to] ?? ''
    const now = opened.clock.now()
    const action = what === 'hold' ? { do: what, hold: hold(now + SECOND) } : { do: what }
    const { busy } = await opened.spool.act(action, { destination }, 'ann')
    const own = [...model.recipients].filter(([, each]) => each.destination === destination)
    assert.equal(busy, own.filter(([, { state }]) => state === 'leased').length)
    for (const [name, each] of own) expectAction(model, name, each, what, now)
  })

function expectAction(model: Model, name: string, each: Expected, what: string, now: number): void {
  if (each.state === 'leased') return
  if (what === 'remove') model.recipients.delete(name)
  if (what === 'hold') each.state = 'held'
  if (what === 'release' && each.state === 'held') Object.assign(each, { state: 'pending', dueAt: now })
  if (what !== 'retry' || each.state !== 'pending') return
  each.dueAt = now
  model.blocked.delete(each.destination)
}

const pass = (ms: number): Command =>
  command(`pass ${ms}`, async (model, { opened }) => {
    opened.clock.advance(ms)
    lapse(model, opened.clock.now())
  })

const restart: Command = command('restart', async (model, { opened }) => {
  await opened.reopen()
  for (const each of model.recipients.values()) if (each.state === 'leased') each.state = 'pending'
})

const to = fc.nat(DESTINATIONS.length - 1)
const plan = fc.record({
  to,
  as: fc.constantFrom('pending', 'leased', 'held'),
  inMs: fc.constantFrom(0, SECOND),
} as const)
const fate = fc.constantFrom<Fate>('relayed', 'failed', 'pending', 'held')
const ms = fc.constantFrom(1, SECOND, 5 * SECOND)
const commands = fc.commands(
  [
    fc.array(plan, { minLength: 1, maxLength: 4 }).map(put),
    fc.array(plan, { minLength: 1, maxLength: 4 }).map(put),
    fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 3 })).map(([a, b]) => lease(a, b)),
    fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 3 })).map(([a, b]) => lease(a, b)),
    fc.tuple(fc.nat(20), fate).map(([which, how]) => settle(which, how)),
    fc.tuple(fc.nat(20), fate).map(([which, how]) => settle(which, how)),
    fc.tuple(to, ms).map(([where, time]) => block(where, time)),
    to.map(unblock),
    fc.tuple(fc.constantFrom('hold', 'release', 'retry', 'remove'), to).map(([what, where]) => act(what, where)),
    ms.map(pass),
    fc.constant(restart),
  ],
  { maxCommands: 40 },
)

test('The spool does what a simple model of it does, in any order of calls.', async (t) => {
  const property = fc.asyncProperty(commands, async (list) => {
    const opened = await openTestSpool(t)
    const model: Model = { recipients: new Map(), blocked: new Map(), leases: [], bounces: 0 }
    try {
      await fc.asyncModelRun(() => ({ model, real: { opened } }), list)
    } finally {
      await opened.spool.close()
    }
  })
  await fc.assert(property, { numRuns: 15 })
})
