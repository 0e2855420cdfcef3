import type { Row } from './part.ts'

/** Rows as text in columns: name, value, unit, goal, whether it is reached. */
export function table(rows: readonly (Row & { readonly reached: boolean | null })[]): string {
  const cells = rows.map((row) => [row.name, figure(row.value), row.unit, goalText(row), verdict(row.reached)])
  const widths = [0, 1, 2, 3].map((column) => Math.max(...cells.map((line) => line[column]?.length ?? 0)))
  return cells
    .map((line) =>
      line
        .map((cell, i) => pad(cell, widths[i] ?? 0, i))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** Figures stand to the right, words to the left. */
const pad = (cell: string, width: number, column: number): string =>
  column === 1 ? cell.padStart(width) : cell.padEnd(width)

const figure = (value: number): string => (Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(2))

function goalText({ goal }: Row): string {
  if (goal === undefined) return ''
  return 'atLeast' in goal ? `at least ${goal.atLeast}` : `at most ${goal.atMost}`
}

const verdict = (reached: boolean | null): string => (reached === null ? '' : reached ? 'reached' : 'MISSED')
