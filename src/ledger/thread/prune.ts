import type { Connection } from '../../db/database.ts'
import type { SearchIndex } from './index.ts'

const STEP = 1000
const BUDGET_MS = 25

/** Drops entries whose retention is over, oldest first, in small steps. */
export class Pruner {
  readonly #retentionMs: number
  readonly #step
  readonly #oldest
  readonly #remove

  constructor(db: Connection, retentionMs: number) {
    this.#retentionMs = retentionMs
    this.#oldest = db.prepare<[], { id: number; at: number }>('SELECT id, at FROM entry ORDER BY id LIMIT 1')
    this.#step = db
      .prepare<[number, number], number | null>('SELECT max(id) FROM entry WHERE id < ? AND at < ?')
      .pluck()
    this.#remove = db.prepare('DELETE FROM entry WHERE id <= ?')
  }

  /** Inside a transaction. */
  prune(index: SearchIndex, now: number): void {
    const cutoff = now - this.#retentionMs
    const end = performance.now() + BUDGET_MS
    while (performance.now() < end && (this.#entries(cutoff) || index.prune(STEP)));
  }

  #entries(cutoff: number): boolean {
    const oldest = this.#oldest.get()
    if (oldest === undefined || oldest.at >= cutoff) return false
    const last = this.#step.get(oldest.id + STEP, cutoff) ?? oldest.id
    return this.#remove.run(last).changes > 0
  }
}
