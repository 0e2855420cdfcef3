import type {
  DmarcSummary,
  Ingested,
  OutgoingOverview,
  OutgoingReport,
  ReceivedReport,
  ReportKind,
  TlsSummary,
} from './contract.ts'
import type { ReportLimits } from './options.ts'
import type { Counted } from './tally.ts'

/** What travels between the room's main side and its thread. */

/** `failure` is empty for a session that succeeded, and then all that follows is, too. */
export interface TlsRow {
  readonly day: number
  /** Whose reports these are: the recipients' domain. */
  readonly domain: string
  /** ReportedPolicy as JSON. */
  readonly policy: string
  readonly failure: string
  readonly host: string
  readonly localAddress: string
  readonly address: string
  readonly reason: string
}

export interface DmarcRow {
  readonly day: number
  /** Where the policy was found. */
  readonly domain: string
  /** PublishedPolicy as JSON. */
  readonly published: string
  /** The rest of the observation as JSON. */
  readonly facts: string
}

/** A report that is to be sent. */
export interface Due {
  readonly kind: ReportKind
  readonly day: number
  readonly domain: string
  readonly attempts: number
  /** What became of its destinations. */
  readonly destinations: Readonly<Record<string, string>>
}

export type DueKey = Pick<Due, 'kind' | 'day' | 'domain'>

export interface IngestArgs {
  readonly kind: ReportKind
  /** Whether it may be a report without a message around it. */
  readonly bare: boolean
  readonly authservId: string | null
  readonly limits: ReportLimits
}

export type ReportOps = {
  count: {
    args: {
      readonly tls: readonly Counted<TlsRow>[]
      readonly dmarc: readonly Counted<DmarcRow>[]
      readonly overflow: readonly (readonly [kind: ReportKind, day: number, count: number])[]
      readonly rowsPerDay: number
    }
    result: null
  }
  /** Notes which reports of finished days are to be sent. */
  open: { args: { readonly kind: ReportKind; readonly from: number; readonly before: number }; result: null }
  due: { args: { readonly kind: ReportKind; readonly limit: number }; result: readonly Due[] }
  tlsRows: { args: DueKey & { readonly limit: number }; result: readonly Counted<TlsRow>[] }
  dmarcRows: {
    args: DueKey & { readonly limit: number }
    result: { readonly published: string | null; readonly rows: readonly Counted<{ readonly facts: string }>[] }
  }
  /** What became of one destination. `sending` comes before it is tried: whatever happens then, it is not tried again. */
  destination: {
    args: DueKey & { readonly uri: string; readonly state: string; readonly detail: string }
    result: null
  }
  settle: {
    args: DueKey & { readonly state: OutgoingReport['state']; readonly nextAt: number | null; readonly detail: string }
    result: null
  }
  /** Bytes of a message, or of a file, as blob. */
  ingest: { args: IngestArgs; result: Ingested }
  list: {
    args: { readonly kind: ReportKind; readonly before: number | null; readonly limit: number }
    result: readonly ReceivedReport[]
  }
  show: {
    args: { readonly kind: ReportKind; readonly id: number }
    result: { readonly about: ReceivedReport; readonly body: string } | null
  }
  tlsSummary: { args: { readonly since: number }; result: TlsSummary }
  dmarcSummary: { args: { readonly since: number }; result: DmarcSummary }
  outgoing: { args: { readonly kind: ReportKind; readonly since: number }; result: OutgoingOverview }
  prune: { args: { readonly keepMs: number }; result: null }
}

export interface ReportsData {
  readonly path: string
}
