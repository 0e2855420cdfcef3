import { printable } from './printable.ts'
import { fit, pad, width } from './width.ts'

export interface Column<Row> {
  readonly title: string
  readonly cell: (row: Row) => string
  readonly align?: 'left' | 'right'
  /** Longer cells are cut, where the table has a width to keep to; and on a narrow terminal further. */
  readonly atMost?: number
}

const GAP = '  '
const NARROWEST = 10

/**
 * Rows as aligned lines under a line of titles; every cell is made printable. `columns` is the
 * width of the terminal: then long cells are cut, those of the widest columns first, until the lines
 * fit. Null (output to a file or a pipe) cuts nothing.
 */
export function table<Row>(spec: readonly Column<Row>[], rows: readonly Row[], columns: number | null): string[] {
  const cells = rows.map((row) =>
    spec.map((column) => {
      const text = printable(column.cell(row))
      return columns === null || column.atMost === undefined ? text : fit(text, column.atMost)
    }),
  )
  const lines = [spec.map((column) => column.title), ...cells]
  const widths = spec.map((_, i) => Math.max(...lines.map((line) => width(line[i] ?? ''))))
  if (columns !== null) narrow(widths, spec, columns)
  return lines.map((line) => formatLine(spec, line, widths, columns !== null))
}

/** Takes columns from the last one and those with a bound of their own, always from the widest, as far as it goes. */
function narrow<Row>(widths: number[], spec: readonly Column<Row>[], columns: number): void {
  const gaps = GAP.length * (widths.length - 1)
  const flexible = widths.map((_, i) => i).filter((i) => i === widths.length - 1 || spec[i]?.atMost !== undefined)
  const widthAt = (i: number) => widths[i] ?? 0
  for (let over = widths.reduce((sum, w) => sum + w, gaps) - columns; over > 0; over--) {
    const widest = flexible.reduce((a, b) => (widthAt(b) >= widthAt(a) ? b : a))
    if (widthAt(widest) <= NARROWEST) return
    widths[widest] = widthAt(widest) - 1
  }
}

function formatLine<Row>(
  spec: readonly Column<Row>[],
  line: readonly string[],
  widths: number[],
  cut: boolean,
): string {
  const padded = line.map((text, i) => {
    const columns = widths[i] ?? 0
    return pad(cut ? fit(text, columns) : text, columns, spec[i]?.align ?? 'left')
  })
  return padded.join(GAP).trimEnd()
}
