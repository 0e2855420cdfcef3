import type { Connection } from '../../db/database.ts'

// Ten seconds of ids (src/mail/queue-id.ts: 4096 a millisecond)
const RESERVE = 10_000 * 4096

/**
 * Remembers how far ids have been given, so that none is ever given twice, although messages are
 * deleted. Written a stretch ahead: once in ten seconds, not with each message.
 */
export class IdMark {
  readonly #write
  #reserved: number
  #committed: number

  constructor(db: Connection) {
    this.#write = db.prepare("INSERT OR REPLACE INTO meta VALUES ('last_id', ?)")
    const stored = db.prepare("SELECT value FROM meta WHERE name = 'last_id'").pluck().get() as number | undefined
    const highest = db.prepare('SELECT max(id) FROM message').pluck().get() as number | null
    this.#reserved = this.#committed = Math.max(stored ?? 0, highest ?? 0)
  }

  /** Ids of a new run start above this. */
  get start(): number {
    return this.#committed
  }

  reserve(id: number): void {
    if (id <= this.#reserved) return
    this.#reserved = id + RESERVE
    this.#write.run(this.#reserved)
  }

  committed(): void {
    this.#committed = this.#reserved
  }

  rolledBack(): void {
    this.#reserved = this.#committed
  }
}
