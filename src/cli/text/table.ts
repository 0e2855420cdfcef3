import { printable } from './printable.ts'
import { fit, pad, width } from './width.ts'

export interface Column<Row> {
  readonly title: string
  readonly cell: (row: Row) => string
  readonly align?: 'left' | 'right'
  /** Longer cells are cut, where the table has a width to keep to. */
  readonly atMost?: number
}

const GAP = '  '
const NARROWEST_LAST = 12

/**
 * Rows as aligned lines under a line of titles; every cell is made printable. `columns` is the
 * width of the terminal: then long cells are cut and the last column takes what is left. Null
 * (output to a file or a pipe) cuts nothing.
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
  if (columns !== null) narrowLast(widths, columns)
  return lines.map((line) => formatLine(spec, line, widths, columns !== null))
}

function narrowLast(widths: number[], columns: number): void {
  const last = widths.length - 1
  const before = widths.slice(0, last).reduce((sum, w) => sum + w + GAP.length, 0)
  widths[last] = Math.min(widths[last] ?? 0, Math.max(NARROWEST_LAST, columns - before))
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
