import type { SecureDomain } from '../../mail/secure-domain.ts'
import { nearest } from '../nearest.ts'
import type { Problem } from '../problem.ts'
import { COLUMN_NAMES, type ColumnName, fieldsOf } from './columns.ts'
import { type Cell, readCells, writeCells } from './csv.ts'
import { type Fault, readEntry, shortened } from './entry.ts'

/** A register as it stands in its file, comments and all, so that it can be written back with only what changed changed. */
export interface RegisterFile {
  readonly byteOrderMark: boolean
  readonly lineEnd: '\n' | '\r\n'
  /** As the header names them. */
  readonly columns: readonly ColumnName[]
  readonly lines: readonly RegisterLine[]
}

export interface RegisterLine {
  /** Without its end. */
  readonly text: string
  /** Null: the header, a comment or an empty line. */
  readonly entry: SecureDomain | null
}

export type ReadRegister =
  | { readonly ok: true; readonly register: RegisterFile }
  | { readonly ok: false; readonly problems: readonly Problem[] }

export const REGISTER_LIMITS = {
  /** Of the file. */
  bytes: 32 * 1024 * 1024,
  lines: 100_000,
  /** Characters of one line. */
  lineLength: 16_384,
} as const

const HEADER = writeCells(COLUMN_NAMES)

export const NEW_REGISTER: RegisterFile = {
  byteOrderMark: false,
  lineEnd: '\n',
  columns: COLUMN_NAMES,
  lines: [{ text: HEADER, entry: null }],
}

/** Reads a register from its text. Every problem is named with its line and column; one problem, and nothing of it counts. */
export function parseRegister(file: string, text: string): ReadRegister {
  const byteOrderMark = text.startsWith('\ufeff')
  const lines = (byteOrderMark ? text.slice(1) : text).split(/\r?\n/)
  if (lines.at(-1) === '') lines.pop()
  if (lines.length > REGISTER_LIMITS.lines) {
    return { ok: false, problems: [whole(file, `has ${lines.length} lines; it may have ${REGISTER_LIMITS.lines}`)] }
  }
  const reader = new Reader(file)
  const read = lines.map((line, index) => ({ text: line, entry: reader.line(line, index + 1) }))
  const { columns, problems } = reader
  if (columns === null && problems.length === 0) {
    problems.push(whole(file, `is empty; expected its first line to be ${HEADER}`))
  }
  if (columns === null || problems.length > 0) return { ok: false, problems }
  return { ok: true, register: { byteOrderMark, lineEnd: lineEndOf(text), columns, lines: read } }
}

const lineEndOf = (text: string): RegisterFile['lineEnd'] => (/^[^\n]*\r\n/.test(text) ? '\r\n' : '\n')

/** The text of a file. */
export function formatRegister({ byteOrderMark, lineEnd, lines }: RegisterFile): string {
  return (byteOrderMark ? '\ufeff' : '') + lines.map(({ text }) => `${text}${lineEnd}`).join('')
}

/** An entry as a line under these columns. */
export function lineOf(entry: SecureDomain, columns: readonly ColumnName[]): RegisterLine {
  const fields = fieldsOf(entry)
  return { text: writeCells(columns.map((name) => fields[name])), entry }
}

/** A problem of the file, with nothing nearer to point at. */
export const whole = (file: string, message: string): Problem => problem(file, 0, 0, '', message)

function problem(file: string, line: number, column: number, key: string, message: string): Problem {
  return { file, line, column, key, message, expected: null, found: null, nearest: null }
}

class Reader {
  readonly #file: string
  readonly #seen = new Map<string, number>()
  readonly problems: Problem[] = []
  columns: readonly ColumnName[] | null = null
  #headerFailed = false

  constructor(file: string) {
    this.#file = file
  }

  line(text: string, number: number): SecureDomain | null {
    if (text.length > REGISTER_LIMITS.lineLength) {
      this.#say(number, 1, '', `has ${text.length} characters; a line may have ${REGISTER_LIMITS.lineLength}`)
      return null
    }
    if (text.startsWith('#') || text.trim() === '') return null
    const read = readCells(text)
    if (!read.ok) this.#say(number, read.column, '', read.message)
    else if (this.columns !== null) return this.#entry(read.cells, this.columns, number)
    else if (!this.#headerFailed) this.#header(read.cells, number)
    return null
  }

  #header(cells: readonly Cell[], number: number): void {
    const before = this.problems.length
    const columns = cells.map(({ text }) => COLUMN_NAMES.find((name) => name === text.toLowerCase()) ?? null)
    for (const [index, { text, column }] of cells.entries()) {
      const name = columns[index] ?? null
      if (name === null) this.#unknownColumn(text, number, column)
      else if (columns.indexOf(name) !== index) this.#say(number, column, name, 'this column stands here twice')
    }
    const missing = COLUMN_NAMES.filter((name) => !columns.includes(name))
    if (missing.length > 0) this.#say(number, 1, '', `expected the header ${HEADER}; missing: ${missing.join(', ')}`)
    // what follows cannot be understood without its header, and a problem for each line would say nothing new
    if (this.problems.length > before) this.#headerFailed = true
    else this.columns = columns.filter((name) => name !== null)
  }

  #unknownColumn(text: string, number: number, column: number): void {
    const near = nearest(text, COLUMN_NAMES)
    const advice = near === null ? `known are ${COLUMN_NAMES.join(', ')}` : `did you mean ${near}?`
    this.#say(number, column, '', `unknown column '${shortened(text)}'; ${advice}`)
  }

  #entry(cells: readonly Cell[], columns: readonly ColumnName[], number: number): SecureDomain | null {
    if (cells.length !== columns.length) {
      this.#say(number, 1, '', `expected ${columns.length} fields, as the header has; found ${cells.length}`)
      return null
    }
    const fields = {} as Record<ColumnName, string>
    for (const [index, name] of columns.entries()) fields[name] = cells[index]?.text ?? ''
    const read = readEntry(fields)
    const place = (name: ColumnName) => cells[columns.indexOf(name)]?.column ?? 1
    if (read.ok) return this.#once(read.entry, number, place('domain'))
    for (const fault of read.faults) this.#fault(fault, number, place(fault.column))
    return null
  }

  #once(entry: SecureDomain, number: number, column: number): SecureDomain | null {
    const before = this.#seen.get(entry.domain)
    if (before === undefined) {
      this.#seen.set(entry.domain, number)
      return entry
    }
    this.#say(number, column, 'domain', `${entry.domain} stands on line ${before} already; take one of the two out`)
    return null
  }

  #fault({ column: key, message, expected, found }: Fault, line: number, column: number): void {
    this.problems.push({ file: this.#file, line, column, key, message, expected, found, nearest: null })
  }

  #say(line: number, column: number, key: string, message: string): void {
    this.problems.push(problem(this.#file, line, column, key, message))
  }
}
