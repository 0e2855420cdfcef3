import type { Connection } from '../db/database.ts'
import { openReadOnly } from '../db/database.ts'

/** A journal's entry that the ledger may not have yet. */
export interface JournalRow {
  readonly seq: number
  readonly at: number
  readonly id: number
  readonly event: string
  /** JSON: the recipients and the facts. */
  readonly data: string
}

const CACHE_BYTES = 16 * 1024 * 1024
const JOURNAL = 'SELECT seq, at, queue_id AS id, event, data FROM journal'
const PAGE = 1000

/** The spool's file, read beside the daemon or without it, for who compares it with the ledger. */
export class SpoolAudit {
  readonly #db: Connection
  readonly #sql

  /** `path` of `spool.db`. Throws SQLite's error if it cannot be read. */
  constructor(path: string) {
    this.#db = openReadOnly(path, CACHE_BYTES)
    this.#sql = {
      source: this.#db.prepare("SELECT value FROM meta WHERE name = 'source'").pluck(),
      messages: this.#db
        .prepare<[number, number], number>(
          'SELECT DISTINCT message_id FROM recipient WHERE message_id > ? ORDER BY message_id LIMIT ?',
        )
        .pluck(),
      waiting: this.#db.prepare<[number], number>('SELECT n FROM recipient WHERE message_id = ?').pluck(),
      journal: this.#db.prepare<[number, number], JournalRow>(`${JOURNAL} WHERE seq > ? ORDER BY seq LIMIT ?`),
      journalOf: this.#db.prepare<[number, number], JournalRow>(
        `${JOURNAL} WHERE seq > ? AND queue_id = ? ORDER BY seq`,
      ),
      numbers: this.#db
        .prepare<[], [number | null, number | null]>(
          'SELECT (SELECT min(seq) FROM journal), (SELECT max(seq) FROM journal)',
        )
        .raw(),
    }
  }

  /** Its number as a source of the ledger; null before its first start. */
  get source(): number | null {
    return (this.#sql.source.get() as number | undefined) ?? null
  }

  /** Messages that wait, oldest first, page by page. */
  *messages(): Generator<number> {
    for (let after = 0; ; ) {
      const page = this.#sql.messages.all(after, PAGE)
      yield* page
      if (page.length < PAGE) return
      after = page.at(-1) ?? after
    }
  }

  /** Recipients of a message that wait, by their places in the envelope. */
  waiting(id: number): number[] {
    return this.#sql.waiting.all(id)
  }

  /** The first and the last number that the journal still holds; nulls if it is empty. */
  journalNumbers(): readonly [first: number | null, last: number | null] {
    return this.#sql.numbers.get() ?? [null, null]
  }

  *journal(after: number): Generator<JournalRow> {
    for (let from = after; ; ) {
      const page = this.#sql.journal.all(from, PAGE)
      yield* page
      if (page.length < PAGE) return
      from = page.at(-1)?.seq ?? from
    }
  }

  journalOf(id: number, after: number): JournalRow[] {
    return this.#sql.journalOf.all(after, id)
  }

  close(): void {
    this.#db.close()
  }
}
