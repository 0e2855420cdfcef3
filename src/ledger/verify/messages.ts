import { type Connection, openReadOnly } from '../../db/database.ts'
import type { Entry } from '../thread/states.ts'

const CACHE_BYTES = 16 * 1024 * 1024

/** The ledger's file as messages with all their entries, for who compares it with a spool. */
export class LedgerMessages {
  readonly #db: Connection
  readonly #sql

  constructor(path: string) {
    this.#db = openReadOnly(path, CACHE_BYTES)
    this.#sql = {
      next: this.#db
        .prepare<[number, number], number>(
          'SELECT DISTINCT queue_id FROM entry WHERE queue_id > ? ORDER BY queue_id LIMIT ?',
        )
        .pluck(),
      taken: this.#db.prepare<[number], number>('SELECT seq FROM source WHERE number = ?').pluck(),
      of: this.#db.prepare<[number], Entry>('SELECT at, event, data FROM entry WHERE queue_id = ? ORDER BY id').raw(),
      oldest: this.#db.prepare<[], number>('SELECT at FROM entry ORDER BY id LIMIT 1').pluck(),
    }
  }

  /** Up to which of its entries those of the source with this number are here; 0 if there are none. */
  taken(number: number): number {
    return this.#sql.taken.get(number) ?? 0
  }

  /** Ids of messages in their order, page by page: each page a transaction of its own. */
  *ids(page: number): Generator<number> {
    for (let after = 0; ; ) {
      const ids = this.#sql.next.all(after, page)
      yield* ids
      if (ids.length < page) return
      after = ids.at(-1) ?? after
    }
  }

  /** Whichever source told them: a spool that was repaired or restored goes on under another number, with the same messages. */
  entries(id: number): Entry[] {
    return this.#sql.of.all(id)
  }

  /** Time of the oldest entry; null when empty. */
  oldest(): number | null {
    return this.#sql.oldest.get() ?? null
  }

  /** Nothing was dropped since the chain began, and nothing was before it. */
  get isWhole(): boolean {
    const anchor = this.#db.prepare("SELECT entry FROM chain WHERE name = 'anchor'").pluck().get()
    return anchor === 0
  }

  close(): void {
    this.#db.close()
  }
}
