import type { KeyObject } from 'node:crypto'
import Database from 'better-sqlite3'
import { keyName, type PublicKeys, type SignedPoint } from '../chain/point.ts'
import { type ChainedRow, LedgerFile, type Snapshot } from './file.ts'
import type { Findable } from './findable.ts'
import { Points } from './points.ts'
import { Problems, type VerifyReport } from './report.ts'
import { Walk } from './walk.ts'

export interface VerifyOptions {
  /** Path of the file. */
  readonly path: string
  /** Public keys that signatures may come from. With any, the chain must be signed. */
  readonly keys?: readonly KeyObject[]
  /** Points that are known from elsewhere, such as the daemon's log: the chain must hold them. `hash` in hexadecimal. */
  readonly expect?: readonly { readonly entry: number; readonly hash: string }[]
  /** Begin at this checkpoint, or at the last one, rather than at the oldest entry. */
  readonly fromCheckpoint?: number | 'last'
  /** Entries done, and how many there are. */
  readonly onProgress?: (done: number, total: number) => void
}

const SLICE = 2000

/**
 * Looks for every entry that was altered, put in, taken out or moved. Reads the file as it lies there,
 * beside a running daemon or without one, in bounded memory. Throws NoLedger if it is none.
 */
export function verifyLedger(options: VerifyOptions): VerifyReport {
  const file = new LedgerFile(options.path)
  try {
    return new Verification(file, options).run()
  } finally {
    file.close()
  }
}

class Verification {
  readonly #file: LedgerFile
  readonly #options: VerifyOptions
  readonly #problems = new Problems()
  readonly #snapshot: Snapshot
  readonly #points: Points
  readonly #findable: Findable
  readonly #unread = new Set<string>()
  #entries = 0

  constructor(file: LedgerFile, options: VerifyOptions) {
    this.#file = file
    this.#options = options
    this.#snapshot = file.snapshot()
    this.#findable = file.findable(this.#problems)
    const keys: PublicKeys = new Map((options.keys ?? []).map((key) => [keyName(key), key]))
    this.#points = new Points(this.#problems, keys, options.expect ?? [])
  }

  run(): VerifyReport {
    const { anchor, head, unchained, sources } = this.#snapshot
    const start = this.#start()
    this.#points.anchor(this.#snapshot)
    const walk = new Walk(this.#problems, sources, start)
    this.#walk(walk, start.entry)
    walk.end()
    this.#points.end(this.#snapshot, walk, start.entry === anchor.entry)
    this.#readOr(() => this.#findable.all(head.entry), 'what messages are found by')
    const problems = this.#problems.inOrder()
    return {
      ok: problems.length === 0,
      file: this.#options.path,
      entries: this.#entries,
      unchained: anchor.count === 0 ? unchained : 0,
      checkpoints: this.#points.counts,
      after: start.entry,
      head: { entry: head.entry, hash: Buffer.from(head.hash).toString('hex'), at: head.at },
      problems,
      more: this.#problems.more,
    }
  }

  #start(): SignedPoint {
    const { anchor, head, lastCheckpoint } = this.#snapshot
    const { fromCheckpoint } = this.#options
    if (fromCheckpoint === undefined) return anchor
    const entry = fromCheckpoint === 'last' ? Math.min(lastCheckpoint, head.entry) : fromCheckpoint
    const [point] = this.#file.checkpoints(entry - 1, entry)
    if (point === undefined) throw new RangeError(`there is no checkpoint at entry ${entry}`)
    this.#points.startAt(point)
    return point
  }

  #walk(walk: Walk, after: number): void {
    const end = Math.min(this.#snapshot.head.entry, this.#snapshot.lastEntry)
    for (let at = after; at < end; at = walk.last.entry) {
      this.#options.onProgress?.(at - after, end - after)
      const rows = this.#read(at, end)
      if (rows === null) this.#oneByOne(walk, at, Math.min(at + SLICE, end))
      else if (rows.length === 0) this.#missing(walk, at, end + 1)
      else this.#slice(walk, rows)
    }
    this.#options.onProgress?.(end - after, end - after)
  }

  #slice(walk: Walk, rows: readonly ChainedRow[]): void {
    const first = walk.last.entry
    const checkpoints = this.#points.between(this.#file, first, rows.at(-1)?.[0] ?? first)
    for (const row of rows) {
      const [id] = row
      if (id > walk.last.entry + 1) this.#missing(walk, walk.last.entry, id)
      walk.take(row)
      this.#readOr(() => this.#findable.entry(id, row[4]), 'the index of queue ids')
      this.#entries++
      checkpoints.pass(row)
    }
  }

  /** From after `last` until before `next`. What retention has taken meanwhile is not missing. */
  #missing(walk: Walk, last: number, next: number): void {
    const anchor = this.#file.anchor()
    if (anchor.entry > last) {
      walk.skip(Math.min(anchor.entry, next - 1), anchor.entry < next ? anchor.hash : null)
      return
    }
    const known = this.#file.checkpoints(next - 2, next - 1)[0]?.hash ?? null
    const which = next - last === 2 ? `entry ${last + 1} is` : `entries ${last + 1} to ${next - 1} are`
    this.#problems.say('missing', last + 1, `${which} missing`)
    walk.skip(next - 1, known)
  }

  /** Where SQLite cannot read it, that is told once. */
  #readOr(work: () => void, what: string): void {
    if (this.#unread.has(what)) return
    try {
      work()
    } catch (error) {
      if (!(error instanceof Database.SqliteError)) throw error
      this.#unread.add(what)
      this.#problems.say('unreadable', null, `${what} cannot be read: ${error.message}`)
    }
  }

  #read(after: number, upTo: number): ChainedRow[] | null {
    try {
      return this.#file.slice(after, upTo, SLICE)
    } catch (error) {
      if (error instanceof Database.SqliteError) return null
      throw error
    }
  }

  /** Where something in a slice cannot be read: each entry alone, so that the rest is still looked at. */
  #oneByOne(walk: Walk, after: number, upTo: number): void {
    let unreadable: { from: number; why: string } | null = null
    for (let id = after + 1; id <= upTo; id++) {
      const found = this.#entry(id)
      if (typeof found === 'string') unreadable ??= { from: id, why: found }
      if (typeof found === 'string' || found === undefined) continue
      if (unreadable !== null) this.#unreadable(walk, unreadable, id - 1)
      unreadable = null
      this.#slice(walk, [found])
    }
    if (unreadable !== null) this.#unreadable(walk, unreadable, upTo)
  }

  #entry(id: number): ChainedRow | undefined | string {
    try {
      return this.#file.entry(id)
    } catch (error) {
      if (error instanceof Database.SqliteError) return error.message
      throw error
    }
  }

  #unreadable(walk: Walk, { from, why }: { from: number; why: string }, to: number): void {
    const which = from === to ? `entry ${from}` : `entries ${from} to ${to}`
    this.#problems.say('unreadable', from, `${which} cannot be read: ${why}`)
    walk.skip(to, null)
  }
}
