import type { Connection } from '../../db/database.ts'
import { HELD, LEASED, PENDING } from '../wire.ts'
import { entryData } from './journal.ts'
import type { Removal } from './removal.ts'
import type { SpoolState } from './state.ts'

const KNOWN_STATES: ReadonlySet<unknown> = new Set([PENDING, LEASED, HELD])

/** Copies all that is left of a message to where what is damaged lies. Its recipients' rows. */
export function copyAside(db: Connection, id: number, found: string, now: number): Record<string, unknown>[] {
  const recipients = db
    .prepare<[number], Record<string, unknown>>(
      `SELECT *, (SELECT name FROM destination WHERE id = destination) AS destination_name
       FROM recipient WHERE message_id = ?`,
    )
    .all(id)
  const message = db
    .prepare(
      `SELECT id, received_at, client, mail_from, envid, flags, size, message_id, content_sum, sum
       FROM message WHERE id = ?`,
    )
    .get(id)
  db.prepare(
    `INSERT OR REPLACE INTO damaged SELECT ?, ?, ?, ?, ?,
      (SELECT prefix FROM message WHERE id = ?), (SELECT bytes FROM content WHERE id = ?),
      (SELECT name FROM content_file WHERE id = ?)`,
  ).run(id, now, found, JSON.stringify(message ?? null), JSON.stringify(recipients), id, id, id)
  return recipients
}

/**
 * Messages that cannot be understood: moved with all that is left of them to a table of their own,
 * so that they stop nothing else and nothing is thrown away.
 */
export class Damage {
  readonly #db: Connection
  readonly #state: SpoolState
  readonly #removal: Removal
  // Such that could not even be moved (the page itself is unreadable), or whose files cannot be looked at: passed over until the next start
  readonly #skipped = new Map<number, string>()
  #fresh: { id: number; found: string }[] = []

  constructor(db: Connection, state: SpoolState, removal: Removal) {
    this.#db = db
    this.#state = state
    this.#removal = removal
  }

  has(id: number): boolean {
    return this.#skipped.size > 0 && this.#skipped.has(id)
  }

  /** How many are passed over. */
  get skipped(): number {
    return this.#skipped.size
  }

  list(): { id: number; found: string }[] {
    const rows = this.#db.prepare('SELECT id, found FROM damaged ORDER BY id').all() as { id: number; found: string }[]
    return [...rows, ...[...this.#skipped].map(([id, found]) => ({ id, found }))]
  }

  count(): number {
    return (this.#db.prepare('SELECT count(*) FROM damaged').pluck().get() as number) + this.#skipped.size
  }

  /** Found since the last call. */
  takeFresh(): { id: number; found: string }[] {
    return this.#fresh.splice(0)
  }

  /** Leaves a message where it is until the next start, and reports it. */
  passOver(id: number, found: string): void {
    if (!this.#skipped.has(id)) this.#fresh.push({ id, found })
    this.#skipped.set(id, found)
  }

  /** Inside a transaction. Content files stay where they are. */
  setAside(id: number, found: string, now: number): void {
    try {
      this.#move(id, found, now)
      this.#fresh.push({ id, found })
    } catch {
      this.passOver(id, found)
    }
  }

  #move(id: number, found: string, now: number): void {
    const recipients = copyAside(this.#db, id, found, now)
    this.#removal.message(id)
    this.#uncount(id, recipients)
    this.#state.journal.append(now, id, 'remove', entryData([], JSON.stringify({ damaged: found })))
  }

  #uncount(id: number, recipients: readonly Record<string, unknown>[]): void {
    for (const { n, destination, state } of recipients) {
      this.#state.leases.delete(id, Number(n))
      this.#state.holdLeases.delete(id, Number(n))
      const known = this.#state.destinations.get(Number(destination))
      if (known !== undefined && KNOWN_STATES.has(state)) this.#state.destinations.move(known, Number(state), null)
    }
  }
}
