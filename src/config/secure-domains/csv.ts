/** One line of comma-separated values, RFC 4180 section 2. A field never holds a line break: a line is an entry. */

export interface Cell {
  /** Without its quotes, and without spaces around it. */
  readonly text: string
  /** Where it begins in the line, counted in characters from 1. */
  readonly column: number
}

export type ReadCells =
  | { readonly ok: true; readonly cells: readonly Cell[] }
  | { readonly ok: false; readonly column: number; readonly message: string }

const QUOTE = '"'

/** Reads the fields of a line. What is quoted wrongly is refused, not guessed at. */
export function readCells(line: string): ReadCells {
  const cells: Cell[] = []
  for (let at = 0; ; at++) {
    const cell = line[at] === QUOTE ? quotedCell(line, at) : plainCell(line, at)
    if ('message' in cell) return { ok: false, ...cell }
    cells.push({ text: cell.text.trim(), column: at + 1 })
    if (cell.end >= line.length) return { ok: true, cells }
    at = cell.end
  }
}

type Found = { readonly text: string; readonly end: number } | { readonly column: number; readonly message: string }

function plainCell(line: string, start: number): Found {
  const comma = line.indexOf(',', start)
  const end = comma < 0 ? line.length : comma
  const text = line.slice(start, end)
  const quote = text.indexOf(QUOTE)
  if (quote < 0) return { text, end }
  return { column: start + quote + 1, message: 'a quote inside a field: put quotes around the field, and double it' }
}

function quotedCell(line: string, start: number): Found {
  let text = ''
  for (let from = start + 1; ; ) {
    const close = line.indexOf(QUOTE, from)
    if (close < 0) return { column: start + 1, message: 'a quote that is not closed on this line' }
    text += line.slice(from, close)
    if (line[close + 1] !== QUOTE) return afterQuote(line, close + 1, text)
    text += QUOTE
    from = close + 2
  }
}

function afterQuote(line: string, end: number, text: string): Found {
  if (end === line.length || line[end] === ',') return { text, end }
  return { column: end + 1, message: 'expected a comma or the end of the line after the closing quote' }
}

// a line that begins with # is a comment; the rest is RFC 4180's
const NEEDS_QUOTES = /[",]|^#/

/** The fields as one line. They hold no line breaks. */
export const writeCells = (cells: readonly string[]): string =>
  cells.map((cell) => (NEEDS_QUOTES.test(cell) ? `"${cell.replaceAll(QUOTE, '""')}"` : cell)).join(',')
