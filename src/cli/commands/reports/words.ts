import type { ApiReportKind } from '../../api.ts'

/** What the two numbers of a report are. */
export const GOOD_BAD: Readonly<Record<ApiReportKind, readonly [good: string, bad: string]>> = {
  tls: ['OK', 'FAILED'],
  dmarc: ['ALIGNED', 'NOT'],
}

/** A column of whole numbers. */
export const count = <Row>(title: string, cell: (row: Row) => number) => ({
  title,
  cell: (row: Row) => String(cell(row)),
  align: 'right' as const,
})
