import type { Address } from '../mail/address.ts'
import type { Content } from '../mail/content.ts'
import type { DmarcObservation, DmarcObservations, PublishedPolicy } from '../mail/dmarc.ts'
import type { Envelope } from '../mail/envelope.ts'
import type { QueueId } from '../mail/queue-id.ts'
import type { Reply } from '../mail/reply.ts'
import type { TlsResults } from '../transport/contract.ts'
import type { ReportsOptions } from './options.ts'

/** `tls`: RFC 8460. `dmarc`: aggregate reports, RFC 7489 section 7.2, RFC 9990. */
export type ReportKind = 'tls' | 'dmarc'

export const isReportKind = (text: string): text is ReportKind => text === 'tls' || text === 'dmarc'

/** The room as the daemon sees it. */
export interface Reports {
  readonly tlsResults: TlsResults
  readonly dmarcObservations: DmarcObservations
  /** Where mail to the addresses for reports goes. */
  readonly store: ReportStore
  readonly operator: ReportsOperator
  /** Whether it is one of the addresses for reports. */
  receives(address: Address): boolean
  /** Begins to send. `mail` carries what we write ourselves. */
  start(mail: SendMail): void
  /** Other options, but for the path of the database. */
  update(options: ReportsOptions): void
  /** Writes what was counted, then closes. */
  close(): Promise<void>
}

/** Hands a message of our own over to delivery. Resolves when it is on stable storage. */
export type SendMail = (mail: {
  readonly from: Address
  readonly to: Address
  readonly content: Buffer
}) => Promise<unknown>

/** As delivery's port for local mail wants it. */
export interface ReportStore {
  deliver(message: {
    readonly queueId: QueueId
    readonly envelope: Envelope
    readonly content: Content
    readonly receivedAt: number
  }): Promise<readonly { readonly is: 'delivered' | 'failed' | 'deferred'; readonly reply: Reply }[]>
}

/** What operators ask. Rejects with StoreError when the database does not answer. */
export interface ReportsOperator {
  /** Reports that were received, the latest first. */
  list(
    kind: ReportKind,
    page: { readonly before: number | null; readonly limit: number },
  ): Promise<readonly ReceivedReport[]>
  show(kind: ReportKind, id: number): Promise<(ReceivedReport & { readonly report: TlsReport | DmarcReport }) | null>
  tlsSummary(since: number): Promise<TlsSummary>
  dmarcSummary(since: number): Promise<DmarcSummary>
  /** What was sent lately and to whom, and what is counted for reports to come. */
  outgoing(kind: ReportKind, since: number): Promise<OutgoingOverview>
  /** Reads a report from a file: plain, gzip, zip, or the whole message. */
  import(kind: ReportKind, bytes: Buffer): Promise<Ingested>
}

/** What became of something that should hold a report. `known`: it was here already. */
export type Ingested =
  | { readonly is: 'stored' | 'known'; readonly id: number; readonly organisation: string; readonly reportId: string }
  | { readonly is: 'damaged' | 'dropped'; readonly why: string }

export interface ReceivedReport {
  readonly id: number
  readonly organisation: string
  readonly reportId: string
  /** Domain of the From field of its mail; empty for what was imported. */
  readonly sender: string
  /** Milliseconds since 1970. */
  readonly receivedAt: number
  readonly begins: number
  readonly ends: number
  /** What it is about. */
  readonly domains: readonly string[]
  /** Whether its sender was proved (DKIM or DMARC); null where nobody looked. */
  readonly proven: boolean | null
  readonly proof: string
  /** Sessions that succeeded and failed, or messages that aligned and did not. */
  readonly good: number
  readonly bad: number
}

/** A TLS report, RFC 8460 section 4.4, with what is not of it left out. Moments in milliseconds since 1970. */
export interface TlsReport {
  readonly organisation: string
  readonly contact: string
  readonly reportId: string
  readonly begins: number
  readonly ends: number
  readonly policies: readonly TlsReportPolicy[]
}

export interface TlsReportPolicy {
  readonly type: string
  readonly strings: readonly string[]
  readonly domain: string
  readonly mxHosts: readonly string[]
  readonly successful: number
  readonly failed: number
  readonly failures: readonly TlsReportFailure[]
}

export interface TlsReportFailure {
  readonly type: string
  readonly sendingMta: string
  readonly host: string
  readonly address: string
  readonly sessions: number
  readonly reason: string
}

/** An aggregate report, RFC 7489 appendix C. */
export interface DmarcReport {
  readonly organisation: string
  readonly contact: string
  readonly reportId: string
  readonly begins: number
  readonly ends: number
  readonly published: PublishedPolicy
  readonly rows: readonly DmarcReportRow[]
}

export interface DmarcReportRow extends Omit<DmarcObservation, 'at' | 'published' | 'override' | 'spf' | 'envelopeTo'> {
  readonly count: number
  readonly envelopeTo: string | null
  readonly reasons: readonly { readonly type: string; readonly comment: string }[]
  readonly spf: readonly { readonly domain: string; readonly scope: string; readonly result: string }[]
}

/** What others report about us. Reports whose sender is known to be forged do not count. */
export interface TlsSummary {
  readonly reports: number
  readonly unproven: number
  readonly damaged: number
  readonly domains: readonly {
    readonly domain: string
    readonly policy: string
    readonly good: number
    readonly bad: number
  }[]
  readonly organisations: readonly { readonly organisation: string; readonly good: number; readonly bad: number }[]
  /** The most frequent. */
  readonly failures: readonly {
    readonly domain: string
    readonly failure: string
    readonly host: string
    readonly sendingMta: string
    readonly organisation: string
    readonly sessions: number
  }[]
}

export interface DmarcSummary {
  readonly reports: number
  readonly unproven: number
  readonly damaged: number
  readonly domains: readonly { readonly domain: string; readonly aligned: number; readonly unaligned: number }[]
  /** Those that send most, those that do not align first. */
  readonly sources: readonly {
    readonly sourceIp: string
    readonly headerFrom: string
    readonly dkim: number
    readonly spf: number
    readonly aligned: number
    readonly unaligned: number
    readonly refused: number
  }[]
}

export interface OutgoingOverview {
  readonly reports: readonly OutgoingReport[]
  /** Counted, and not yet in a report. */
  readonly collecting: readonly {
    readonly day: number
    readonly domain: string
    readonly good: number
    readonly bad: number
  }[]
  /** What found no room in the count, by day. */
  readonly overflow: readonly { readonly day: number; readonly count: number }[]
}

export interface OutgoingReport {
  readonly day: number
  readonly domain: string
  /** `nobody`: the domain asks for no reports. */
  readonly state: 'pending' | 'sent' | 'nobody' | 'failed'
  readonly attempts: number
  readonly nextAt: number | null
  readonly detail: string
  readonly destinations: readonly { readonly uri: string; readonly state: string; readonly detail: string }[]
}
