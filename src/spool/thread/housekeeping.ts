import type { Connection } from '../../db/database.ts'
import { idAt } from '../../mail/queue-id.ts'
import { isHold } from '../decode.ts'
import type { Damage } from './damage.ts'
import { type Granted, type Granter, RECIPIENT_COLUMNS, RECIPIENT_WIDTH, type RecipientRow } from './granter.ts'
import type { SpoolState } from './state.ts'

type AgedRow = readonly [...RecipientRow, id: number, destination: number, receivedAt: number]

type HeldRow = readonly [...RecipientRow, id: number, destination: number, hold: string, holdUntil: number]

export interface OverdueHold {
  readonly granted: Granted
  readonly hold: string
  readonly holdUntil: number
}

// Ids may run ahead of the clock after a restart (thread/ids.ts); the received_at of the row decides
const SLACK_MS = 60_000
// An id may be given before its message is stored, but not longer before than this
const LATEST_PUT_MS = 3_600_000
// Holds that somebody is dealing with come up again and are passed over
const SCAN = 20_000

const COLUMNS = RECIPIENT_COLUMNS.split(', ')
  .map((name) => `r.${name}`)
  .join(', ')
const AGED = `SELECT ${COLUMNS}, r.message_id, r.destination, m.received_at`
// CROSS keeps SQLite to this order of the tables
const FROM = 'FROM recipient r CROSS JOIN message m ON m.id = r.message_id'

/** Finds what has grown old: for bounces, delay notices, and holds past their deadline. */
export class Housekeeping {
  readonly #state: SpoolState
  readonly #granter: Granter
  readonly #damage: Damage
  readonly #aging
  readonly #expired
  readonly #released
  readonly #open
  readonly #unnoticed
  readonly #overdue
  readonly #watermark
  readonly #setWatermark

  constructor(db: Connection, state: SpoolState, granter: Granter, damage: Damage) {
    this.#state = state
    this.#granter = granter
    this.#damage = damage
    this.#aging = db
      .prepare<[number, number], number>(
        `SELECT message_id FROM recipient WHERE message_id >= ? AND message_id < ? AND tried_until IS NULL
         AND state IN (0, 1) ORDER BY message_id LIMIT 1`,
      )
      .pluck()
    this.#expired = db
      .prepare<[number, number, number, number], AgedRow>(
        `${AGED} ${FROM} WHERE r.message_id >= ? AND r.message_id < ? AND r.state = 0 AND r.tried_until IS NULL
         AND m.received_at < ? ORDER BY r.message_id LIMIT ?`,
      )
      .raw()
    this.#released = db
      .prepare<[number, number, number], AgedRow>(
        `${AGED} FROM recipient r INDEXED BY recipient_released CROSS JOIN message m ON m.id = r.message_id
         WHERE r.state = 0 AND r.tried_until <= ? AND m.received_at < ? ORDER BY r.tried_until LIMIT ?`,
      )
      .raw()
    // A held one gets no notice: somebody knows of it
    this.#open = db
      .prepare<[number, number], number>(
        `SELECT message_id FROM recipient WHERE message_id >= ? AND message_id < ? AND noticed = 0 AND state IN (0, 1)
         ORDER BY message_id LIMIT 1`,
      )
      .pluck()
    this.#unnoticed = db
      .prepare<[number, number, number, number], AgedRow>(
        `${AGED} ${FROM} WHERE r.message_id >= ? AND r.message_id < ? AND r.noticed = 0 AND r.state = 0
         AND m.received_at < ? ORDER BY r.message_id LIMIT ?`,
      )
      .raw()
    this.#overdue = db
      .prepare<[number, number], HeldRow>(
        `SELECT ${RECIPIENT_COLUMNS}, message_id, destination, hold, hold_until FROM recipient
         WHERE state = 2 AND hold_until <= ? ORDER BY hold_until LIMIT ?`,
      )
      .raw()
    this.#watermark = db.prepare<[], number>("SELECT value FROM meta WHERE name = 'noticed'").pluck()
    this.#setWatermark = db.prepare("INSERT OR REPLACE INTO meta VALUES ('noticed', ?)")
  }

  expired({ before, limit, until }: { before: number; limit: number; until: number }, now: number): Granted[] {
    const rows = this.#aged(before, limit, now)
    if (rows.length < limit) rows.push(...this.#released.all(now, before, limit - rows.length))
    return this.#grant(rows, until, now)
  }

  /** From the mark below which nothing has a lifetime of its own any more. */
  #aged(before: number, limit: number, now: number): AgedRow[] {
    const { aged } = this.#state
    const from = aged.from(before)
    const end = idAt(before + SLACK_MS)
    const first = this.#aging.get(from, end)
    aged.reached(first ?? Math.min(idAt(before - SLACK_MS), idAt(now - LATEST_PUT_MS)))
    return first === undefined ? [] : this.#expired.all(first, end, before, limit)
  }

  /**
   * Walks on from a watermark below which every notice was sent or waived. It stops at the first
   * message with a recipient whose notice is still open, be it that somebody is sending it.
   */
  undelayed({ before, limit, until }: { before: number; limit: number; until: number }, now: number): Granted[] {
    const from = this.#watermark.get() ?? 0
    const end = idAt(before + SLACK_MS)
    const first = this.#open.get(from, end)
    const mark = first ?? Math.min(idAt(before - SLACK_MS), idAt(now - LATEST_PUT_MS))
    if (mark > from) this.#setWatermark.run(mark)
    return first === undefined ? [] : this.#grant(this.#unnoticed.all(first, end, before, limit), until, now)
  }

  overdueHolds({ limit, until }: { limit: number; until: number }, now: number): OverdueHold[] {
    const found: OverdueHold[] = []
    for (const row of this.#overdue.all(now, SCAN)) {
      if (found.length >= limit) break
      const [n, id] = [row[0], row[RECIPIENT_WIDTH]]
      if (this.#state.holdLeases.until(id, n) > 0 || this.#damage.has(id)) continue
      const overdue = this.#grantHeld(row, until, now)
      if (overdue !== null) found.push(overdue)
    }
    return found
  }

  #grantHeld(row: HeldRow, until: number, now: number): OverdueHold | null {
    const [, , , , , , , , , , id, destination, hold, holdUntil] = row
    const to = this.#state.destinations.get(destination)
    if (to === undefined || !isHold(hold)) {
      this.#damage.setAside(id, 'a hold that cannot be read', now)
      return null
    }
    const granted = this.#granter.held(id, to, row.slice(0, RECIPIENT_WIDTH) as unknown as RecipientRow, until, now)
    return granted === null ? null : { granted, hold, holdUntil }
  }

  /** One lease for each message and destination. */
  #grant(rows: readonly AgedRow[], until: number, now: number): Granted[] {
    const groups = new Map<string, AgedRow[]>()
    for (const row of rows) {
      const key = `${row[10]} ${row[11]}`
      const group = groups.get(key)
      if (group === undefined) groups.set(key, [row])
      else group.push(row)
    }
    return [...groups.values()].flatMap((group) => this.#grantOne(group, until, now))
  }

  #grantOne(group: readonly AgedRow[], until: number, now: number): Granted[] {
    const [first] = group
    if (first === undefined || this.#damage.has(first[10])) return []
    const to = this.#state.destinations.get(first[11])
    if (to === undefined) {
      this.#damage.setAside(first[10], 'a destination that is not known', now)
      return []
    }
    this.#state.destinations.recheck(to)
    const rows = group.map((row) => row.slice(0, RECIPIENT_WIDTH) as unknown as RecipientRow)
    const granted = this.#granter.pending(first[10], to, rows, until, now)
    return granted === null ? [] : [granted]
  }
}
