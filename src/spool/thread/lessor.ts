import type { Connection } from '../../db/database.ts'
import { LEASED, type LeaseWant, PENDING } from '../wire.ts'
import type { Damage } from './damage.ts'
import type { Destination } from './destinations.ts'
import { type Granted, type Granter, RECIPIENT_COLUMNS, type RecipientRow } from './granter.ts'
import type { SpoolState } from './state.ts'

/** Gives out what is due, in turns between destinations, so that a million for one cost another nothing. */
export class Lessor {
  readonly #state: SpoolState
  readonly #granter: Granter
  readonly #damage: Damage
  readonly #due
  readonly #recipients
  readonly #lapse

  constructor(db: Connection, state: SpoolState, granter: Granter, damage: Damage) {
    this.#state = state
    this.#granter = granter
    this.#damage = damage
    this.#due = db
      .prepare<[number, number, number], number>(
        // In the order of the index, so that SQLite stops as soon as it has enough
        `SELECT message_id FROM recipient WHERE state = 0 AND destination = ? AND due_at <= ?
         GROUP BY due_at, message_id ORDER BY due_at, message_id LIMIT ?`,
      )
      .pluck()
    // The plus signs keep SQLite to the primary key: the index of what is due may hold a million here
    this.#recipients = db
      .prepare<[number, number, number], RecipientRow>(
        `SELECT ${RECIPIENT_COLUMNS} FROM recipient WHERE message_id = ? AND +destination = ? AND state = 0 AND +due_at <= ?`,
      )
      .raw()
    this.#lapse = db
      .prepare<[number, number], [number, number]>(
        'UPDATE recipient SET state = 0 WHERE message_id = ? AND n = ? AND state = 1 RETURNING destination, due_at',
      )
      .raw()
  }

  lease(want: LeaseWant, now: number): Granted[] {
    const turns = this.#turns(want, now)
    const granted: Granted[] = []
    const share = Math.max(1, Math.min(want.perDestination, Math.ceil(want.limit / Math.max(1, turns.length))))
    const left = new Map(turns.map((destination) => [destination, want.perDestination]))
    while (left.size > 0 && granted.length < want.limit) {
      for (const [destination, may] of left) {
        const count = Math.min(share, may, want.limit - granted.length)
        if (count <= 0) break
        const got = this.#take(destination, count, want.leasedUntil, now)
        granted.push(...got)
        this.#state.destinations.toTheBack(destination)
        if (got.length < count || may === count) left.delete(destination)
        else left.set(destination, may - count)
      }
    }
    return granted
  }

  /** Leases whose time is over go back to pending; holds that nobody dealt with may be given again. */
  lapse(now: number): void {
    const { leases, holdLeases, destinations } = this.#state
    for (const [id, n] of leases.lapsed(now)) {
      leases.delete(id, n)
      const row = this.#lapse.get(id, n)
      const destination = row === undefined ? undefined : destinations.get(row[0])
      if (row === undefined || destination === undefined) continue
      destinations.move(destination, LEASED, PENDING)
      destinations.due(destination, row[1])
    }
    for (const [id, n] of holdLeases.lapsed(now)) holdLeases.delete(id, n)
  }

  #turns({ except, only, limit }: LeaseWant, now: number): Destination[] {
    const { destinations } = this.#state
    const excluded = new Set(except)
    const wanted = only === null ? null : new Set(only)
    const turns: Destination[] = []
    for (const destination of destinations.ready(now)) {
      if (excluded.has(destination.name) || (wanted !== null && !wanted.has(destination.name))) continue
      turns.push(destination)
      if (turns.length >= limit) break
    }
    return turns
  }

  #take(destination: Destination, count: number, until: number, now: number): Granted[] {
    this.#state.destinations.recheck(destination)
    const granted: Granted[] = []
    for (const id of this.#dueMessages(destination, count, now)) {
      const rows = this.#recipients.all(id, destination.id, now)
      const one = rows.length === 0 ? null : this.#granter.pending(id, destination, rows, until, now)
      if (one !== null) granted.push(one)
    }
    return granted
  }

  #dueMessages(destination: Destination, count: number, now: number): number[] {
    const ids = new Set<number>()
    for (const id of this.#due.all(destination.id, now, count + this.#damage.skipped)) {
      if (ids.size >= count) break
      if (!this.#damage.has(id)) ids.add(id)
    }
    return [...ids]
  }
}
