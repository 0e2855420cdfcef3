import { accessSync, constants } from 'node:fs'
import { type Connection, openReadOnly } from '../../db/database.ts'
import type { SignedPoint } from '../chain/point.ts'
import { Findable } from './findable.ts'
import type { Problems } from './report.ts'

export type ChainedRow = readonly [
  id: number,
  source: number,
  seq: number,
  at: number,
  queueId: number,
  event: Buffer,
  data: Buffer,
  hash: Buffer | null,
]

/** What the ledger said of itself at one moment. */
export interface Snapshot {
  readonly anchor: SignedPoint
  readonly head: SignedPoint
  /** The highest entry, and the highest checkpoint; 0 for none. */
  readonly lastEntry: number
  readonly lastCheckpoint: number
  readonly unchained: number
  /** Entries at or before the anchor that cannot have been there before the chain began. */
  readonly strays: number
  /** By this database's number: the source's own number, and up to which of its entries they are here. */
  readonly sources: ReadonlyMap<number, { readonly number: number; readonly seq: number }>
}

/** The file is not there, or holds no ledger with a chain. */
export class NoLedger extends Error {
  override readonly name = 'NoLedger'
}

const CACHE_BYTES = 16 * 1024 * 1024
const POINT = 'entry, count, at, hash, key, signature'
const ROW = 'id, source, seq, at, queue_id, CAST(event AS BLOB), CAST(data AS BLOB), hash'

/** A file that this user may not see is not one that is gone. */
export function requireReadable(path: string): void {
  try {
    accessSync(path, constants.R_OK)
  } catch (error) {
    const isGone = (error as NodeJS.ErrnoException).code === 'ENOENT'
    const why = isGone ? `there is no file ${path}` : `${path} may not be read by this user: run it as the daemon's`
    throw new NoLedger(why)
  }
}

/**
 * A ledger's file, read beside its writer or without one. Each call is a transaction of its own, so
 * that the writer's log does not grow behind a long reader.
 */
export class LedgerFile {
  readonly #db: Connection
  readonly #sql

  /** Throws NoLedger, or SQLite's error where not even its head can be read. */
  constructor(path: string) {
    requireReadable(path)
    this.#db = openReadOnly(path, CACHE_BYTES)
    try {
      if (this.#db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'chain'").get() === undefined) {
        throw new NoLedger(`${path} is no ledger with a chain; the daemon makes one of an older ledger at its start`)
      }
      this.#sql = statements(this.#db)
    } catch (error) {
      this.#db.close()
      throw error
    }
  }

  /** Says of what is there whether a trace finds it. */
  findable(problems: Problems): Findable {
    return new Findable(this.#db, problems)
  }

  snapshot(): Snapshot {
    return this.#db.transaction(() => {
      const anchor = this.anchor()
      const head = this.#sql.point.get('head')
      if (head === undefined) throw new NoLedger('the head of the chain is missing')
      const [lastEntry, lastCheckpoint, unchained, strays] = this.#sql.extent.get({ anchor: anchor.entry }) ?? [
        0, 0, 0, 0,
      ]
      const sources = new Map(this.#sql.sources.all().map(([id, number, seq]) => [id, { number, seq }]))
      return { anchor, head, lastEntry, lastCheckpoint, unchained, strays, sources }
    })()
  }

  anchor(): SignedPoint {
    const anchor = this.#sql.point.get('anchor')
    if (anchor === undefined) throw new NoLedger('the anchor of the chain is missing')
    return anchor
  }

  /** Entries after `after`, up to and with `upTo`, `limit` at the most. */
  slice(after: number, upTo: number, limit: number): ChainedRow[] {
    return this.#sql.slice.all(after, upTo, limit)
  }

  entry(id: number): ChainedRow | undefined {
    return this.#sql.slice.get(id - 1, id, 1)
  }

  checkpoints(after: number, upTo: number): SignedPoint[] {
    return this.#sql.checkpoints.all(after, upTo)
  }

  close(): void {
    this.#db.close()
  }
}

function statements(db: Connection) {
  return {
    point: db.prepare<[string], SignedPoint>(`SELECT ${POINT} FROM chain WHERE name = ?`),
    extent: db
      .prepare<[{ anchor: number }], [number, number, number, number]>(
        `SELECT ifnull((SELECT max(id) FROM entry), 0), ifnull((SELECT max(entry) FROM checkpoint), 0),
                (SELECT count(*) FROM entry WHERE id <= :anchor),
                (SELECT count(*) FROM entry WHERE id <= :anchor AND (id < 1 OR hash IS NOT NULL))`,
      )
      .raw(),
    sources: db.prepare<[], [number, number, number]>('SELECT id, number, seq FROM source').raw(),
    slice: db
      .prepare<[number, number, number], ChainedRow>(
        `SELECT ${ROW} FROM entry WHERE id > ? AND id <= ? ORDER BY id LIMIT ?`,
      )
      .raw(),
    checkpoints: db.prepare<[number, number], SignedPoint>(
      `SELECT ${POINT} FROM checkpoint WHERE entry > ? AND entry <= ? ORDER BY entry`,
    ),
  }
}
