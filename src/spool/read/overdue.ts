import type { Connection } from '../../db/database.ts'
import { idAt } from '../../mail/queue-id.ts'
import type { BacklogRow, OverdueRow, OverdueRows, OverdueWant } from './rows.ts'

// Ids may run ahead of the clock a little; the received_at of the row decides
const SLACK_MS = 60_000
// Destinations that one look goes through, and recipients: what lies behind has its turn when these are done
const DESTINATIONS = 20_000
const RECIPIENTS = 20_000
// Reasons are few; each comes with an example
const REASONS = 1000

type DestinationRow = readonly [
  id: number,
  name: string,
  blockedUntil: number,
  reason: string | null,
  first: number | null,
]
type FirstRow = readonly [id: number, destination: string | null, since: number]

/**
 * Finds what is later than it may be, without looking through the queue: by the index of what is due,
 * destination by destination, by the index of holds, and by the oldest ids.
 */
export class OverdueLook {
  readonly #sql

  constructor(db: Connection) {
    this.#sql = {
      destinations: db
        .prepare<[number], DestinationRow>(
          `SELECT d.id, d.name, d.blocked_until, d.reason, (SELECT due_at FROM recipient r
             WHERE r.state = 0 AND r.destination = d.id ORDER BY due_at LIMIT 1) AS first
           FROM destination d ORDER BY d.id LIMIT ?`,
        )
        .raw(),
      waiting: db
        .prepare<[number, number, number], number>(
          `SELECT count(*) FROM (SELECT 1 FROM recipient
             WHERE state = 0 AND destination = ? AND due_at < ? LIMIT ?)`,
        )
        .pluck(),
      example: db
        .prepare<[number], number>(
          'SELECT message_id FROM recipient WHERE state = 0 AND destination = ? ORDER BY due_at LIMIT 1',
        )
        .pluck(),
      hold: db
        .prepare<[number], FirstRow>(
          `SELECT r.message_id, d.name, r.hold_until FROM recipient r LEFT JOIN destination d ON d.id = r.destination
           WHERE r.state = 2 AND r.hold_until < ? ORDER BY r.hold_until LIMIT 1`,
        )
        .raw(),
      holds: db
        .prepare<[number, number], number>(
          'SELECT count(*) FROM (SELECT 1 FROM recipient WHERE state = 2 AND hold_until < ? LIMIT ?)',
        )
        .pluck(),
      old: db
        .prepare<[number, number, number, number, number, number], FirstRow>(
          `SELECT o.message_id, d.name, ifnull(o.tried_until - ?, m.received_at)
           FROM (SELECT message_id, destination, state, tried_until FROM recipient WHERE message_id < ?
                 ORDER BY message_id LIMIT ?) o
           CROSS JOIN message m ON m.id = o.message_id LEFT JOIN destination d ON d.id = o.destination
           WHERE o.state IN (0, 1) AND m.received_at < ? AND ifnull(o.tried_until, 0) < ? LIMIT ?`,
        )
        .raw(),
      unnoticed: db
        .prepare<[number, number, number, number, number], FirstRow>(
          `SELECT o.message_id, d.name, m.received_at
           FROM (SELECT message_id, destination, state, noticed FROM recipient WHERE message_id >= ? AND message_id < ?
                 ORDER BY message_id LIMIT ?) o
           CROSS JOIN message m ON m.id = o.message_id LEFT JOIN destination d ON d.id = o.destination
           WHERE o.noticed = 0 AND o.state IN (0, 1) AND m.received_at < ? LIMIT ?`,
        )
        .raw(),
      watermark: db.prepare<[], number>("SELECT value FROM meta WHERE name = 'noticed'").pluck(),
      journal: db
        .prepare<[], readonly [first: number | null, last: number | null]>(
          'SELECT (SELECT min(seq) FROM journal), (SELECT max(seq) FROM journal)',
        )
        .raw(),
      entryAt: db.prepare<[number], number>('SELECT at FROM journal WHERE seq = ?').pluck(),
      damaged: db.prepare<[], readonly [number, number | null]>('SELECT count(*), max(id) FROM damaged').raw(),
    }
  }

  look(want: OverdueWant): OverdueRows {
    const destinations = this.#sql.destinations.all(DESTINATIONS)
    const { before, noticeBefore, most } = want
    return {
      pending: this.#pending(destinations, want),
      holds: this.#holds(before, most),
      expired: this.#expired(want),
      notices: noticeBefore === null ? null : this.#notices(noticeBefore, most),
      journal: this.#journal(before),
      damaged: this.#damaged(),
      backlogs: this.#backlogs(destinations, want),
    }
  }

  /** `since` is as if what was released had been received anew. */
  #expired({ before, expiredBefore, most }: OverdueWant): OverdueRow | null {
    const lifetime = before - expiredBefore
    const upTo = idAt(expiredBefore + SLACK_MS)
    return first(this.#sql.old.all(lifetime, upTo, RECIPIENTS, expiredBefore, before, most))
  }

  /** A recipient is late from when it was due and its destination was free again. */
  #pending(destinations: readonly DestinationRow[], { before, most }: OverdueWant): OverdueRow | null {
    let count = 0
    let worst: { readonly row: DestinationRow; readonly since: number } | null = null
    for (const row of destinations) {
      const [id, , blockedUntil, , due] = row
      const since = due === null ? null : Math.max(due, blockedUntil)
      if (since === null || since >= before) continue
      if (count < most) count += this.#sql.waiting.get(id, before, most - count) ?? 0
      if (worst === null || since < worst.since) worst = { row, since }
    }
    if (worst === null) return null
    const { row, since } = worst
    return { count, id: this.#sql.example.get(row[0]) ?? 0, destination: row[1], since }
  }

  #holds(before: number, most: number): OverdueRow | null {
    const found = this.#sql.hold.get(before)
    if (found === undefined) return null
    const [id, destination, since] = found
    return { count: this.#sql.holds.get(before, most) ?? 1, id, destination, since }
  }

  /** From the mark below which every notice was sent or waived (thread/housekeeping.ts). */
  #notices(noticeBefore: number, most: number): OverdueRow | null {
    const from = this.#sql.watermark.get() ?? 0
    return first(this.#sql.unnoticed.all(from, idAt(noticeBefore + SLACK_MS), RECIPIENTS, noticeBefore, most))
  }

  /** The last entry always stays, and some that the ledger has: what is old and not the last waits for it. */
  #journal(before: number): OverdueRows['journal'] {
    const [oldest = null, last = null] = this.#sql.journal.get() ?? []
    if (oldest === null || last === null || oldest === last) return null
    const since = this.#sql.entryAt.get(oldest) ?? before
    return since < before ? { entries: last - oldest, since } : null
  }

  #damaged(): OverdueRows['damaged'] {
    const [count = 0, id = null] = this.#sql.damaged.get() ?? []
    return id === null ? null : { count, id }
  }

  #backlogs(destinations: readonly DestinationRow[], { now, most }: OverdueWant): BacklogRow[] {
    const found = new Map<string, BacklogRow>()
    for (const [id, destination, blockedUntil, reason, due] of destinations) {
      if (due === null || reason === null || blockedUntil <= now) continue
      const before = found.get(reason)
      if (before === undefined && found.size >= REASONS) continue
      const waiting = this.#sql.waiting.get(id, Number.MAX_SAFE_INTEGER, most) ?? 0
      found.set(reason, {
        ...(before ?? { reason, id: this.#sql.example.get(id) ?? 0, destination }),
        destinations: (before?.destinations ?? 0) + 1,
        recipients: (before?.recipients ?? 0) + waiting,
      })
    }
    return [...found.values()]
  }
}

/** Of rows that come in the order of receipt. */
function first(rows: readonly FirstRow[]): OverdueRow | null {
  const [oldest] = rows
  if (oldest === undefined) return null
  const [id, destination, since] = oldest
  return { count: rows.length, id, destination, since }
}
