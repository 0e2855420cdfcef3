import type { Connection } from '../../db/database.ts'
import { keysOf, parseReceived } from './keys.ts'

/** A stretch of messages whose keys are in the table; or the one in memory that is still growing. */
export interface Segment {
  readonly id: number
  readonly firstId: number
  readonly lastId: number
}

/**
 * Finds messages by hashed keys. The newest keys are in memory; once there are enough of them they
 * are sorted and appended to the table as one segment. After a restart the memory is filled again
 * from the entries since the last segment.
 */
export class SearchIndex {
  readonly #segmentMessages: number
  readonly #sql
  #segments: Segment[]
  #keys: number[] = []
  #ids: number[] = []
  #messages = 0
  #firstId = Number.POSITIVE_INFINITY
  #lastId = 0

  constructor(db: Connection, segmentMessages: number) {
    this.#segmentMessages = segmentMessages
    this.#sql = {
      insert: db.prepare('INSERT OR IGNORE INTO lookup VALUES (?, ?, ?)'),
      segment: db.prepare('INSERT INTO segment VALUES (?, ?, ?, ?)'),
      find: db
        .prepare<[number, number, number], number>(
          'SELECT queue_id FROM lookup WHERE segment = ? AND key = ? AND queue_id < ? ORDER BY queue_id DESC',
        )
        .pluck(),
      drop: db.prepare('DELETE FROM lookup WHERE segment = ? LIMIT ?'),
      dropSegment: db.prepare('DELETE FROM segment WHERE id = ?'),
      emptied: db
        .prepare<[], number>('SELECT id FROM segment WHERE last_entry < ifnull((SELECT min(id) FROM entry), 0) LIMIT 1')
        .pluck(),
    }
    this.#segments = db
      .prepare<[], Segment>('SELECT id, first_id AS firstId, last_id AS lastId FROM segment ORDER BY id')
      .all()
    this.#refill(db)
  }

  /** Remembers a message just entered. */
  add(id: number, data: string): void {
    for (const key of keysOf(parseReceived(data))) {
      this.#keys.push(key)
      this.#ids.push(id)
    }
    this.#messages++
    this.#firstId = Math.min(this.#firstId, id)
    this.#lastId = Math.max(this.#lastId, id)
  }

  /** True when `close` is due. */
  get isFull(): boolean {
    return this.#messages >= this.#segmentMessages
  }

  /** Writes what is in memory as a segment, in the caller's transaction, which must not fail silently. `lastEntry`: the last entry added. */
  close(lastEntry: number): void {
    const current = this.#current()
    const keys = this.#keys
    const ids = this.#ids
    const order = Uint32Array.from(keys, (_, i) => i).sort(
      (a, b) => (keys[a] ?? 0) - (keys[b] ?? 0) || (ids[a] ?? 0) - (ids[b] ?? 0),
    )
    for (const i of order) this.#sql.insert.run(current.id, keys[i], ids[i])
    this.#sql.segment.run(current.id, current.firstId, current.lastId, lastEntry)
    this.#segments.push(current)
    this.#forget()
  }

  /** All stretches, newest first, with numbers that stay theirs. */
  stretches(): Segment[] {
    const all = this.#messages > 0 ? [...this.#segments, this.#current()] : [...this.#segments]
    return all.reverse()
  }

  /** Messages in a stretch with that key and an id below `below`, newest first. */
  find(segment: number, key: number, below: number): number[] {
    if (segment !== this.#nextSegment()) return this.#sql.find.all(segment, key, below)
    const found = new Set<number>()
    this.#keys.forEach((each, i) => {
      const id = this.#ids[i] ?? 0
      if (each === key && id < below) found.add(id)
    })
    return [...found].sort((a, b) => b - a)
  }

  /** Drops up to `limit` keys of a segment of whose messages no entry is left. False if there is none. */
  prune(limit: number): boolean {
    const id = this.#sql.emptied.get()
    if (id === undefined) return false
    if (this.#sql.drop.run(id, limit).changes < limit) {
      this.#sql.dropSegment.run(id)
      this.#segments = this.#segments.filter((segment) => segment.id !== id)
    }
    return true
  }

  #current(): Segment {
    return { id: this.#nextSegment(), firstId: this.#firstId, lastId: this.#lastId }
  }

  #nextSegment(): number {
    return (this.#segments.at(-1)?.id ?? 0) + 1
  }

  #forget(): void {
    this.#keys = []
    this.#ids = []
    this.#messages = 0
    this.#firstId = Number.POSITIVE_INFINITY
    this.#lastId = 0
  }

  #refill(db: Connection): void {
    const rows = db
      .prepare<[], [number, string]>(
        `SELECT queue_id, data FROM entry
         WHERE id > ifnull((SELECT max(last_entry) FROM segment), 0) AND event = 'received' ORDER BY id`,
      )
      .raw()
    for (const [id, data] of rows.iterate()) this.add(id, data)
  }
}
