import { printable } from './printable.ts'

type Cell = string | number | null

/**
 * A line of RFC 4180. Where a cell begins with what a spreadsheet takes for a formula, an apostrophe
 * stands before it: what a stranger put in an address must not run on the desk of who reads this.
 * Control characters are written as `\x0a`, so that a line stays a line.
 */
export const csvLine = (cells: readonly Cell[]): string => `${cells.map(csvCell).join(',')}\r\n`

// A tab, a CR and the wide forms begin one in some programs too: looked at before they are made visible
const FORMULA = /^[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]/
const QUOTED = /[",\r\n]/

function csvCell(cell: Cell): string {
  if (cell === null) return ''
  if (typeof cell === 'number') return String(cell)
  const text = printable(FORMULA.test(cell) ? `'${cell}` : cell)
  return QUOTED.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
