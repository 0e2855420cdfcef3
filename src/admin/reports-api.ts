import type {
  DmarcReport,
  DmarcSummary,
  Ingested,
  OutgoingOverview,
  OutgoingReport,
  ReceivedReport,
  ReportKind,
  TlsReport,
  TlsSummary,
} from '../reports/contract.ts'

/** The shapes of reports as they travel: moments and days are text, ISO 8601. */
export type ApiReportKind = ReportKind

/** Moments as text. */
type Told<T> = Omit<T, 'begins' | 'ends' | 'receivedAt'> & { readonly begins: string; readonly ends: string }

export type ApiReceivedReport = Told<ReceivedReport> & { readonly receivedAt: string }

export interface ApiReportPage {
  readonly reports: readonly ApiReceivedReport[]
  /** Give it back as `before`; null on the last page. */
  readonly next: number | null
}

/** What others sent us, as it was read. */
export type ApiReport = ApiReceivedReport & { readonly report: Told<TlsReport> | Told<DmarcReport> }

export type ApiTlsSummary = TlsSummary
export type ApiDmarcSummary = DmarcSummary
export type ApiIngested = Ingested

export interface ApiOutgoing {
  readonly reports: readonly (Omit<OutgoingReport, 'day' | 'nextAt'> & {
    readonly day: string
    readonly nextAt: string | null
  })[]
  readonly collecting: readonly (Omit<OutgoingOverview['collecting'][number], 'day'> & { readonly day: string })[]
  readonly overflow: readonly { readonly day: string; readonly count: number }[]
}
