import type { Connection } from '../../db/database.ts'
import { type PointSigner, type SignedPoint, signed } from '../chain/point.ts'
import { news, type PointNews } from './chain.ts'
import type { SearchIndex } from './index.ts'

const STEP = 1000
const BUDGET_MS = 25

type Anchor = Pick<SignedPoint, 'entry' | 'count'>

/**
 * Drops entries whose retention is over, oldest first, in small steps. In the same commit the anchor
 * moves to the last that was dropped, so that the chain can be followed from there.
 */
export class Pruner {
  readonly #retentionMs: number
  readonly #signer: PointSigner | null
  readonly #sql
  #news: PointNews | null = null

  constructor(db: Connection, retentionMs: number, signer: PointSigner | null) {
    this.#retentionMs = retentionMs
    this.#signer = signer
    this.#sql = {
      oldest: db.prepare<[], { id: number; at: number }>('SELECT id, at FROM entry ORDER BY id LIMIT 1'),
      kept: db.prepare<[number, number], number | null>('SELECT min(id) FROM entry WHERE id <= ? AND at >= ?').pluck(),
      last: db.prepare<[number], number | null>('SELECT max(id) FROM entry WHERE id <= ?').pluck(),
      hash: db.prepare<[number], Buffer | null>('SELECT hash FROM entry WHERE id = ?').pluck(),
      remove: db.prepare('DELETE FROM entry WHERE id <= ?'),
      checkpoints: db.prepare('DELETE FROM checkpoint WHERE entry <= ?'),
      anchor: db.prepare<[], Anchor>("SELECT entry, count FROM chain WHERE name = 'anchor'"),
      move: db.prepare(
        "UPDATE chain SET entry = ?, count = ?, at = ?, hash = ?, key = ?, signature = ? WHERE name = 'anchor'",
      ),
    }
  }

  /** Inside a transaction. */
  prune(index: SearchIndex, now: number): void {
    const end = performance.now() + BUDGET_MS
    let last: { id: number; hash: Buffer | null } | null = null
    for (let more = true; more && performance.now() < end; ) {
      const dropped = this.#entries(now - this.#retentionMs)
      last = dropped ?? last
      more = dropped !== null || index.prune(STEP)
    }
    if (last !== null) this.#moveAnchor(last.id, last.hash, now)
  }

  /** Up to where entries have been dropped since the last time it was asked. */
  takeNews(): PointNews | null {
    const told = this.#news
    this.#news = null
    return told
  }

  #entries(cutoff: number): { id: number; hash: Buffer | null } | null {
    const oldest = this.#sql.oldest.get()
    if (oldest === undefined || oldest.at >= cutoff) return null
    // Up to the first that is not over, though a clock that was wrong for a while may have dated a later one before it
    const upTo = oldest.id + STEP - 1
    const kept = this.#sql.kept.get(upTo, cutoff) ?? null
    const id = (kept === null ? this.#sql.last.get(upTo) : kept - 1) ?? oldest.id
    const hash = this.#sql.hash.get(id) ?? null
    this.#sql.remove.run(id)
    return { id, hash }
  }

  /** Entries from before the chain leave no trace in it. */
  #moveAnchor(entry: number, hash: Buffer | null, now: number): void {
    const before = this.#sql.anchor.get()
    if (before === undefined || hash === null || entry <= before.entry) return
    const count = before.count + entry - before.entry
    const point = signed(this.#signer, 'anchor', { entry, count, at: now, hash })
    this.#sql.move.run(entry, count, now, hash, point.key, point.signature)
    this.#sql.checkpoints.run(entry)
    this.#news = news(point)
  }
}
