import type { Connection } from '../../db/database.ts'
import { type MessageFields, messageSum, recipientSum } from '../checksum.ts'
import { Pages } from './pages.ts'
import { type Row, rowsOf, type Value } from './record.ts'

/** What was read out of a damaged file. */
export interface Salvaged {
  /** Pages that are gone, with whatever lay on them. */
  readonly cut: number
  /** Rows that could not be read, on pages that could. */
  readonly badRows: number
  /** The list of free pages is damaged: among the rows may be some of messages that are long gone. */
  readonly doubtful: boolean
}

/**
 * Reads every row that can be read, page by page, without a look at how the pages hang together, into a new
 * and empty spool. Where two versions of a row are found, the one stands whose checksum fits.
 */
export function salvage(from: string, into: Connection): Salvaged {
  const pages = new Pages(from)
  const writer = new RowWriter(into)
  try {
    const free = pages.free()
    let badRows = 0
    for (let page = 1; page <= pages.count; page++) {
      if (free?.has(page) === true) continue
      const { rows, bad } = rowsOf(pages, page)
      badRows += bad
      for (const row of rows) writer.write(row)
    }
    writer.destinations()
    return { cut: pages.cut(), badRows, doubtful: free === null }
  } finally {
    pages.close()
  }
}

type Kind = 'n' | 's' | 'b' | 'N' | 'S' | 'B' | '0'

/** Columns by kind: number, string, bytes; capital: or null; 0: null, for the row's own number. */
const SHAPES = {
  message: ['0nsSSnnSb', '0nsSSnnSbNN'],
  content: ['0b'],
  content_file: ['0s'],
  destination: ['0snnS'],
  journal: ['0nnss'],
  damaged: ['0nsSSBBS'],
  recipient: ['nnsSNnSnnnnSSN', 'nnsSNnSnnnnSSNN', 'nnsSNnSnnnnSSNNNN'],
  meta: ['sn'],
} as const

type Table = keyof typeof SHAPES

const IS: Readonly<Record<Kind, (value: Value) => boolean>> = {
  n: (value) => typeof value === 'number',
  s: (value) => typeof value === 'string',
  b: (value) => Buffer.isBuffer(value),
  N: (value) => value === null || typeof value === 'number',
  S: (value) => value === null || typeof value === 'string',
  B: (value) => value === null || Buffer.isBuffer(value),
  '0': (value) => value === null,
}

const WITHOUT_ROWID: ReadonlySet<Table> = new Set(['recipient', 'meta'])

/** Of which table a row must be, by what it holds; null for indexes and others. */
export function tableOf({ rowid, values }: Row): Table | null {
  for (const [table, shapes] of Object.entries(SHAPES) as [Table, readonly string[]][]) {
    if (WITHOUT_ROWID.has(table) !== (rowid === null)) continue
    if (shapes.some((shape) => hasShape(values, shape))) return table
  }
  return null
}

const hasShape = (values: readonly Value[], shape: string): boolean =>
  shape.length === values.length && values.every((value, i) => IS[shape[i] as Kind](value))

class RowWriter {
  readonly #db: Connection
  readonly #names = new Map<number, string>()

  constructor(db: Connection) {
    this.#db = db
  }

  write(row: Row): void {
    const table = tableOf(row)
    if (table === null) return
    const values = row.rowid === null ? [...row.values] : [row.rowid, ...row.values.slice(1)]
    if (table === 'message') while (values.length < 11) values.push(null)
    if (table === 'recipient') while (values.length < 17) values.push(null)
    if (table === 'destination') this.#names.set(Number(values[0]), String(values[1]))
    const verb = table === 'message' && messageFits(values) ? 'REPLACE' : 'IGNORE'
    this.#db.prepare(`INSERT OR ${verb} INTO ${table} VALUES (${values.map(() => '?').join(', ')})`).run(...values)
  }

  /** A destination that was altered or lost is found again by the checksums of its recipients. */
  destinations(): void {
    const rows = this.#db
      .prepare(
        `SELECT message_id, n, address, orcpt, notify, destination, sum, tried_until FROM recipient WHERE sum IS NOT NULL`,
      )
      .raw()
      .all() as [number, number, string, string | null, number | null, number, number, number | null][]
    const guesses = new Map<number, string>()
    for (const [id, n, address, orcpt, notify, destination, sum, triedUntil] of rows) {
      const fits = (name: string) => recipientSum([id, n, address, orcpt, notify, name], triedUntil) === sum
      const now = guesses.get(destination) ?? this.#names.get(destination)
      if (now !== undefined && fits(now)) continue
      const domain = address.slice(address.lastIndexOf('@') + 1)
      const found = [domain, `mx:${domain}`, ...this.#names.values()].find(fits)
      if (found !== undefined) this.#moveTo(id, n, found)
    }
  }

  #moveTo(id: number, n: number, name: string): void {
    this.#db.prepare('INSERT OR IGNORE INTO destination (name) VALUES (?)').run(name)
    this.#db
      .prepare(
        'UPDATE recipient SET destination = (SELECT id FROM destination WHERE name = ?) WHERE message_id = ? AND n = ?',
      )
      .run(name, id, n)
  }
}

function messageFits(values: readonly Value[]): boolean {
  const prefix = values[8]
  if (!Buffer.isBuffer(prefix) || values[10] === null) return false
  const fields = [...values.slice(0, 8), values[9]] as unknown as MessageFields
  return messageSum(fields, prefix) === values[10]
}
