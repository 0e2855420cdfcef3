import type { Connection } from '../../db/database.ts'
import { EntryHasher, type HashedEntry } from '../chain/hash.ts'
import { type ChainPoint, type PointSigner, type SignedPoint, signed } from '../chain/point.ts'

interface ChainOptions {
  readonly signer: PointSigner | null
  readonly checkpointEntries: number
  readonly checkpointMs: number
}

/** What the daemon's log should say: that copy cannot be changed together with the database. */
export interface PointNews {
  readonly entry: number
  readonly count: number
  readonly hash: string
  readonly signed: boolean
}

/**
 * The chain's growing end. What it holds in memory follows the database: after a rollback it is read
 * anew (`reload`).
 */
export class Chain {
  readonly #options: ChainOptions
  readonly #hasher = new EntryHasher()
  readonly #sql
  #head: ChainPoint
  /** The latest checkpoint; the head where there is none yet. */
  #checkpoint: { count: number; at: number }
  #news: PointNews | null = null

  constructor(db: Connection, options: ChainOptions) {
    this.#options = options
    this.#sql = {
      entry: db.prepare(
        'INSERT INTO entry (id, source, seq, at, queue_id, event, data, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
      ),
      head: db.prepare<[], ChainPoint>("SELECT entry, count, at, hash FROM chain WHERE name = 'head'"),
      save: db.prepare("UPDATE chain SET entry = ?, count = ?, at = ?, hash = ? WHERE name = 'head'"),
      last: db
        .prepare<[], [id: number, hash: Buffer | null]>('SELECT id, hash FROM entry ORDER BY id DESC LIMIT 1')
        .raw(),
      checkpoint: db.prepare('INSERT OR IGNORE INTO checkpoint VALUES (?, ?, ?, ?, ?, ?)'),
      held: db.prepare<[], { entry: number; count: number }>(
        `SELECT entry, count FROM (SELECT entry, count FROM checkpoint
         UNION ALL SELECT entry, count FROM chain WHERE name = 'anchor') ORDER BY entry DESC LIMIT 1`,
      ),
      latest: db.prepare<[], { count: number; at: number }>(
        'SELECT count, at FROM checkpoint ORDER BY entry DESC LIMIT 1',
      ),
    }
    this.#head = this.#readHead()
    this.#checkpoint = this.#sql.latest.get() ?? { count: 0, at: 0 }
    if (options.signer !== null) signAnchor(db, options.signer)
  }

  get head(): ChainPoint {
    return this.#head
  }

  /** What does not fit together at the chain's end, in words; null if all does. Somebody else wrote to the file, or it is damaged. */
  mismatch(): string | null {
    const [id, hash] = this.#sql.last.get() ?? [0, null]
    if (id > this.#head.entry) return `there are entries after the head of the chain, ${this.#head.entry}`
    if (id === 0 || hash === null) return null
    if (id < this.#head.entry) return `the entries after ${id}, up to the head of the chain, are missing`
    if (Buffer.compare(hash, this.#head.hash) !== 0) return `the hash of the last entry, ${id}, was altered`
    return this.#bareEnd()
  }

  /** Each commit leaves less than `checkpointEntries` without a checkpoint: where there are more, some were taken out. */
  #bareEnd(): string | null {
    const { entry, count } = this.#sql.held.get() ?? { entry: 0, count: 0 }
    if (this.#head.count - count < this.#options.checkpointEntries) return null
    return `there is no checkpoint after entry ${entry}, though the chain has come to ${this.#head.entry}: some were taken out`
  }

  reload(): void {
    this.#head = this.#readHead()
    this.#checkpoint = this.#sql.latest.get() ?? { count: 0, at: 0 }
  }

  /** Inside a transaction that ends with `save`. `sourceId`: this database's number for the source. Gives the entry's id. */
  append(sourceId: number, entry: HashedEntry & { readonly event: string; readonly data: string }): number {
    const { seq, at, queueId, event, data } = entry
    const hash = this.#hasher.hash(this.#head.hash, entry)
    const id = this.#head.entry + 1
    this.#sql.entry.run(id, sourceId, seq, at, queueId, event, data, hash)
    this.#head = { entry: id, count: this.#head.count + 1, at, hash }
    return id
  }

  /** The last thing before the commit of new entries. */
  save(): void {
    const { entry, count, at, hash } = this.#head
    this.#sql.save.run(entry, count, at, hash)
    if (count - this.#checkpoint.count >= this.#options.checkpointEntries) this.checkpoint(at)
  }

  /** Inside a transaction: writes a checkpoint if it is time for one. */
  checkpointIfDue(now: number): void {
    // A clock that was set back must not put the next one off
    if (Math.abs(now - this.#checkpoint.at) >= this.#options.checkpointMs) this.checkpoint(now)
  }

  /** Inside a transaction: writes a checkpoint unless nothing is new. */
  checkpoint(now: number): void {
    // What is stored, whatever became of the last transaction here
    const head = this.#readHead()
    if (head.count === this.#checkpoint.count) return
    const point = signed(this.#options.signer, 'checkpoint', { ...head, at: now })
    const { entry, count, at, hash, key, signature } = point
    this.#sql.checkpoint.run(entry, count, at, hash, key, signature)
    this.#checkpoint = { count, at }
    this.#news = news(point)
  }

  /** The latest checkpoint, once. */
  takeNews(): PointNews | null {
    const told = this.#news
    this.#news = null
    return told
  }

  #readHead(): ChainPoint {
    const head = this.#sql.head.get()
    if (head === undefined) throw new Error('the ledger has no head of its chain')
    return head
  }
}

/** Where the key is new, what was dropped without one is owned up to. Never once there are signatures: it could be forged. */
function signAnchor(db: Connection, signer: PointSigner): void {
  const unsigned = db.prepare<[], ChainPoint>(
    `SELECT entry, count, at, hash FROM chain WHERE name = 'anchor' AND count > 0 AND signature IS NULL
     AND NOT EXISTS (SELECT 1 FROM checkpoint WHERE signature IS NOT NULL)`,
  )
  const anchor = unsigned.get()
  if (anchor === undefined) return
  const { key, signature } = signer.sign('anchor', anchor)
  db.prepare("UPDATE chain SET key = ?, signature = ? WHERE name = 'anchor'").run(key, signature)
}

export const news = ({ entry, count, hash, key }: SignedPoint): PointNews => ({
  entry,
  count,
  hash: Buffer.from(hash).toString('hex'),
  signed: key !== null,
})
