import type { Connection } from '../../db/database.ts'
import { HELD, LEASED, PENDING } from '../wire.ts'
import { TimeHeap } from './heap.ts'

/** What the thread knows of one destination without asking the database. */
export interface Destination {
  readonly id: number
  readonly name: string
  pending: number
  leased: number
  held: number
  blockedUntil: number
  failures: number
  reason: string | null
  /** No pending recipient is due before this; it may be too early, never too late. */
  due: number
}

interface Change {
  pending: number
  leased: number
  held: number
  due: number
  recheck: boolean
  block: { readonly until: number; readonly failures: number; readonly reason: string | null } | null
}

const NEVER = Number.POSITIVE_INFINITY
const COUNTERS = { [PENDING]: 'pending', [LEASED]: 'leased', [HELD]: 'held' } as const

// A destination without a recipient is forgotten after this, so that a busy one is not written again and again
const FORGET_AFTER_MS = 60_000
const FORGET_AT_ONCE = 200

/**
 * Counts and next due times of every destination, and which of them have work now. Changes made by
 * a batch are gathered and become true with its commit.
 */
export class Destinations {
  readonly #byId = new Map<number, Destination>()
  readonly #byName = new Map<string, Destination>()
  readonly #changes = new Map<Destination, Change>()
  #created: Destination[] = []
  // In the order of their turn
  readonly #ready = new Set<Destination>()
  readonly #waiting = new TimeHeap<Destination>()
  readonly #wakeAt = new Map<Destination, number>()
  readonly #quiet = new Map<Destination, number>()
  readonly #sql

  constructor(db: Connection) {
    this.#sql = {
      // The row may be there already: a rollback brings a forgotten one back
      insert: db
        .prepare<[string], number>(
          'INSERT INTO destination (name) VALUES (?) ON CONFLICT (name) DO UPDATE SET blocked_until = 0 RETURNING id',
        )
        .pluck(),
      block: db.prepare('UPDATE destination SET blocked_until = ?, failures = ?, reason = ? WHERE id = ?'),
      remove: db.prepare('DELETE FROM destination WHERE id = ?'),
      earliest: db
        .prepare<[number], number>(
          'SELECT due_at FROM recipient WHERE state = 0 AND destination = ? ORDER BY due_at LIMIT 1',
        )
        .pluck(),
    }
    this.#load(db)
  }

  get(id: number): Destination | undefined {
    return this.#byId.get(id)
  }

  find(name: string): Destination | undefined {
    return this.#byName.get(name)
  }

  /** The destination of that name, made if there is none. Inside a transaction only. */
  named(name: string): Destination {
    const known = this.#byName.get(name)
    if (known !== undefined) return known
    const made = this.#add(this.#sql.insert.get(name) ?? 0, name)
    this.#created.push(made)
    return made
  }

  all(): Iterable<Destination> {
    return this.#byId.values()
  }

  /** Moves `count` recipients between states; null is outside the spool. */
  move(destination: Destination, from: number | null, to: number | null, count = 1): void {
    const change = this.#change(destination)
    if (from !== null) change[counter(from)] -= count
    if (to !== null) change[counter(to)] += count
  }

  /** A pending recipient is due then. */
  due(destination: Destination, at: number): void {
    const change = this.#change(destination)
    if (at < change.due) change.due = at
  }

  /** Its earliest recipients may have been taken: look anew. */
  recheck(destination: Destination): void {
    this.#change(destination).recheck = true
  }

  /** Blocks until a time. Written at once, true with the commit. */
  block(destination: Destination, until: number, failures: number, reason: string | null): void {
    this.#sql.block.run(until, failures, reason, destination.id)
    this.#change(destination).block = { until, failures, reason }
  }

  /** Lets it be attempted again, and forgets its failures. */
  unblock(destination: Destination): void {
    const changing = this.#changes.get(destination)?.block != null
    if (changing || destination.blockedUntil > 0 || destination.failures > 0) this.block(destination, 0, 0, null)
  }

  /** Destinations with work that is due and not blocked, in the order of their turn. */
  ready(now: number): Iterable<Destination> {
    this.#wake(now)
    return this.#ready
  }

  /** It had its turn: others come first now. */
  toTheBack(destination: Destination): void {
    if (this.#ready.delete(destination)) this.#ready.add(destination)
  }

  /** When work is next due that is not blocked; null if nothing waits. */
  nextDue(now: number): number | null {
    this.#wake(now)
    for (const destination of this.#ready) return destination.due
    return this.#waiting.peek()?.at ?? null
  }

  committed(now: number): void {
    for (const [destination, change] of this.#changes) this.#apply(destination, change, now)
    this.#changes.clear()
    this.#created = []
  }

  rolledBack(): void {
    this.#changes.clear()
    for (const made of this.#created) {
      this.#byId.delete(made.id)
      this.#byName.delete(made.name)
    }
    this.#created = []
  }

  /** Drops destinations that had no recipient for a while. Inside a transaction. */
  forget(now: number): void {
    let dropped = 0
    for (const [destination, since] of this.#quiet) {
      if (now - since < FORGET_AFTER_MS || dropped >= FORGET_AT_ONCE) break
      this.#quiet.delete(destination)
      if (this.#isNeeded(destination, now)) continue
      this.#drop(destination)
      dropped++
    }
  }

  #isNeeded(destination: Destination, now: number): boolean {
    if (destination.blockedUntil > now) this.#quiet.set(destination, now)
    return destination.blockedUntil > now || this.#changes.has(destination)
  }

  #drop(destination: Destination): void {
    this.#sql.remove.run(destination.id)
    this.#byId.delete(destination.id)
    this.#byName.delete(destination.name)
    this.#ready.delete(destination)
    this.#wakeAt.delete(destination)
  }

  #change(destination: Destination): Change {
    let change = this.#changes.get(destination)
    if (change === undefined) {
      change = { pending: 0, leased: 0, held: 0, due: NEVER, recheck: false, block: null }
      this.#changes.set(destination, change)
    }
    return change
  }

  #apply(destination: Destination, change: Change, now: number): void {
    destination.pending += change.pending
    destination.leased += change.leased
    destination.held += change.held
    if (change.due < destination.due) destination.due = change.due
    if (change.block !== null) setBlock(destination, change.block)
    if (destination.pending <= 0) destination.due = NEVER
    else if (change.recheck) destination.due = this.#sql.earliest.get(destination.id) ?? NEVER
    this.#schedule(destination)
    this.#noteQuiet(destination, now)
  }

  #noteQuiet(destination: Destination, now: number): void {
    const idle = destination.pending + destination.leased + destination.held === 0
    if (!idle) this.#quiet.delete(destination)
    else if (!this.#quiet.has(destination)) this.#quiet.set(destination, now)
  }

  #schedule(destination: Destination): void {
    const wakeAt = Math.max(destination.due, destination.blockedUntil)
    if ((this.#wakeAt.get(destination) ?? NEVER) === wakeAt) return
    this.#ready.delete(destination)
    if (wakeAt === NEVER) return void this.#wakeAt.delete(destination)
    this.#wakeAt.set(destination, wakeAt)
    this.#waiting.push(wakeAt, destination)
  }

  #wake(now: number): void {
    for (let next = this.#waiting.peek(); next !== undefined; next = this.#waiting.peek()) {
      const current = this.#wakeAt.get(next.item) === next.at
      if (current && next.at > now) return
      this.#waiting.pop()
      if (current) this.#ready.add(next.item)
    }
  }

  #add(id: number, name: string): Destination {
    const made = {
      id,
      name,
      pending: 0,
      leased: 0,
      held: 0,
      blockedUntil: 0,
      failures: 0,
      reason: null,
      due: NEVER,
    }
    this.#byId.set(id, made)
    this.#byName.set(name, made)
    return made
  }

  #load(db: Connection): void {
    const rows = db.prepare('SELECT id, name, blocked_until, failures, reason FROM destination').raw().all()
    for (const row of rows as [number, string, number, number, string | null][]) {
      const [id, name, until, failures, reason] = row
      setBlock(this.#add(id, name), { until, failures, reason })
    }
    this.#count(db, 'SELECT destination, count(*), min(due_at) FROM recipient WHERE state = 0 GROUP BY 1', PENDING)
    this.#count(db, 'SELECT destination, count(*), NULL FROM recipient WHERE state = 2 GROUP BY 1', HELD)
    for (const destination of this.#byId.values()) {
      this.#schedule(destination)
      this.#noteQuiet(destination, 0)
    }
  }

  #count(db: Connection, sql: string, state: typeof PENDING | typeof HELD): void {
    for (const row of db.prepare(sql).raw().all() as [number, number, number | null][]) {
      const [id, count, due] = row
      const destination = this.#byId.get(id)
      if (destination === undefined) continue
      destination[COUNTERS[state]] = count
      if (due !== null) destination.due = due
    }
  }
}

const counter = (state: number): 'pending' | 'leased' | 'held' =>
  COUNTERS[state as typeof PENDING | typeof LEASED | typeof HELD]

function setBlock(
  destination: Destination,
  block: { readonly until: number; readonly failures: number; readonly reason: string | null },
): void {
  destination.blockedUntil = block.until
  destination.failures = block.failures
  destination.reason = block.reason
}
