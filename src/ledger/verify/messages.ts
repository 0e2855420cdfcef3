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
      source: this.#db.prepare<[number], [number, number]>('SELECT id, seq FROM source WHERE number = ?').raw(),
      of: this.#db
        .prepare<[number, number], Entry>(
          'SELECT at, event, data FROM entry WHERE queue_id = ? AND source = ? ORDER BY id',
        )
        .raw(),
      oldest: this.#db.prepare<[], number>('SELECT at FROM entry ORDER BY id LIMIT 1').pluck(),
    }
  }

  /** This database's number for a source, and up to which of its entries they are here; null if there are none. */
  source(number: number): { readonly id: number; readonly seq: number } | null {
    const [id, seq] = this.#sql.source.get(number) ?? [null, null]
    return id === null || seq === null ? null : { id, seq }
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

  entries(id: number, sourceId: number): Entry[] {
    return this.#sql.of.all(id, sourceId)
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
