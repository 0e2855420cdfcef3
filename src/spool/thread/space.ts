import { type Connection, checkpoint, shrink } from '../../db/database.ts'
import type { Ballast } from './ballast.ts'

// Free pages kept for what comes next
const KEEP_BYTES = 16 * 1024 * 1024
const BUDGET_MS = 40
const RETRY_MS = 1000

/** No room for new messages. Outcomes are still written. */
export class DiskFull extends Error {
  readonly code = 'SQLITE_FULL'
}

/**
 * What happens on a full disk: the ballast is given up and the log made reusable, for outcomes
 * alone. New messages are refused until there is space to take the ballast again.
 */
export class Space {
  readonly #db: Connection
  readonly #ballast: Ballast
  #full = false
  #triedAt = 0
  #failure: string | null = null

  constructor(db: Connection, ballast: Ballast) {
    this.#db = db
    this.#ballast = ballast
  }

  get isFull(): boolean {
    return this.#full
  }

  /** A batch failed with this code and was undone. */
  failed(code: string): void {
    this.#note(code)
    if (code !== 'SQLITE_FULL' || this.#full) return
    this.#full = true
    this.#ballast.release()
    try {
      checkpoint(this.#db)
    } catch {
      // As far as it came is good enough
    }
  }

  /** SQLite's code of the last call to the disk that failed, other than for want of space, since this was asked. */
  takeFailure(): string | null {
    const failure = this.#failure
    this.#failure = null
    return failure
  }

  /** Throws DiskFull if a message must not be stored now. */
  checkForPut(): void {
    if (this.#full) throw new DiskFull('the disk is full')
  }

  /** When there is time for it: gives back what the database does not need, and takes the ballast again. */
  restore(): void {
    this.#compact(this.#full ? 0 : KEEP_BYTES)
    this.#full = !this.#ballast.restore()
  }

  /** While full, even a busy thread tries once a second. Outside a transaction. */
  retry(now: number): void {
    if (!this.#full || Math.abs(now - this.#triedAt) < RETRY_MS) return
    this.#triedAt = now
    this.restore()
  }

  #compact(keepBytes: number): void {
    try {
      shrink(this.#db, keepBytes, BUDGET_MS)
      this.#note(checkpoint(this.#db))
    } catch (error) {
      // On a full disk even this may fail; the next idle moment tries again
      this.#note((error as { code?: unknown }).code)
    }
  }

  #note(code: unknown): void {
    if (typeof code === 'string' && code.startsWith('SQLITE_IOERR')) this.#failure = code
  }
}
