import { closeSync, openSync, readSync, statSync } from 'node:fs'
import { salvageWal } from './wal.ts'

const DEFAULT_PAGE = 8192

/** The pages of a database file and its log, read without SQLite, so that what is damaged hides nothing else. */
export class Pages {
  readonly #file: number
  readonly #wal: number | null
  readonly #newest: ReadonlyMap<number, number>
  readonly #filePages: number
  readonly #wholePages: number
  readonly pageBytes: number
  readonly count: number

  /** `path` of the database; it need not be whole. */
  constructor(path: string) {
    this.#file = openSync(path, 'r')
    const walSize = statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0
    this.#wal = walSize > 0 ? openSync(`${path}-wal`, 'r') : null
    const wal = this.#wal === null ? null : salvageWal(this.#wal, walSize)
    this.#newest = wal?.pages ?? new Map()
    // Every file of ours is made with this size; a head that says otherwise was altered
    this.pageBytes = DEFAULT_PAGE
    this.#filePages = Math.ceil(statSync(path).size / this.pageBytes)
    this.#wholePages = Math.floor(statSync(path).size / this.pageBytes)
    this.count = wal?.count || this.#filePages
  }

  /** Numbers begin with 1. Null where there is none; what lies behind the file's end reads as zeros. */
  read(page: number): Buffer | null {
    if (page < 1 || page > this.count) return null
    const bytes = Buffer.alloc(this.pageBytes)
    const inWal = this.#newest.get(page)
    try {
      if (inWal !== undefined && this.#wal !== null) readSync(this.#wal, bytes, 0, bytes.length, inWal)
      else readSync(this.#file, bytes, 0, bytes.length, (page - 1) * this.pageBytes)
    } catch {
      return null
    }
    return bytes
  }

  /** Pages that the database had, and that are neither in the file nor in its log: it was cut. */
  cut(): number {
    const inHead = this.read(1)?.readUInt32BE(28) ?? 0
    // A head that was altered says anything
    const expected = Math.max(this.count, inHead > this.count * 1000 ? 0 : inHead)
    let cut = 0
    for (let page = this.#wholePages + 1; page <= expected; page++) if (!this.#newest.has(page)) cut++
    return cut
  }

  /** Pages that hold nothing any more; null where their list is damaged, so that nobody can tell. */
  free(): ReadonlySet<number> | null {
    const head = this.read(1)
    if (head === null) return null
    const free = new Set<number>()
    const expected = head.readUInt32BE(36)
    for (let trunk = head.readUInt32BE(32); trunk !== 0; ) {
      const bytes = free.has(trunk) ? null : this.read(trunk)
      const leaves = bytes?.readUInt32BE(4) ?? Number.POSITIVE_INFINITY
      if (bytes === null || leaves > this.pageBytes / 4 - 2) return null
      free.add(trunk)
      for (let i = 0; i < leaves; i++) free.add(bytes.readUInt32BE(8 + 4 * i))
      trunk = bytes.readUInt32BE(0)
    }
    return free.size === expected ? free : null
  }

  close(): void {
    closeSync(this.#file)
    if (this.#wal !== null) closeSync(this.#wal)
  }
}
