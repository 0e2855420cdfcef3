import type { Address } from '../mail/address.ts'

/** What the room goes by. daemon/reports.ts makes it from the configuration. */
export interface ReportsOptions {
  /** The database, created if missing. */
  readonly path: string
  /** Our own name: the submitter of our reports. */
  readonly hostname: string
  /** Who reports, in words. Without this and `from` nothing is sent. */
  readonly organisation: string | null
  /** How to reach those who answer for our reports: an address or a URL. */
  readonly contact: string | null
  /** The author of our reports. */
  readonly from: Address | null
  readonly tls: OneKind
  readonly dmarc: OneKind
  /** How long reports that were received, and the record of what was sent, are kept, milliseconds. */
  readonly keepMs: number
  /** Reports of a day go out at some moment of this long after its end, milliseconds. */
  readonly spreadMs: number
  /** Whether reports may be posted to hosts with private addresses. */
  readonly privateAddresses: boolean
  /** Whose Authentication-Results are believed; null: nobody's, as nobody removes forged ones here. */
  readonly authservId: string | null
  readonly limits: ReportLimits
}

/** One kind of report. */
export interface OneKind {
  readonly send: boolean
  /** Where reports for us arrive; null: nowhere. */
  readonly receive: Address | null
}

export interface ReportLimits {
  /** Different rows that are gathered in memory between two writes. */
  readonly gathered: number
  /** Different rows that are counted for one day, of each kind. What is over is counted as one number. */
  readonly rowsPerDay: number
  /** Rows of one report that we send: the most frequent. */
  readonly rowsPerReport: number
  /** Bytes of a message that may hold a report for us. */
  readonly messageBytes: number
  /** Bytes of a report once it is unpacked. */
  readonly unpackedBytes: number
  /** Rows of a report for us. */
  readonly receivedRows: number
  /** Levels of elements in a report for us. */
  readonly depth: number
  /** Reports for us that are kept of one day, and their bytes. */
  readonly receivedPerDay: number
  readonly receivedBytesPerDay: number
  /** Places that one report is sent to. */
  readonly destinations: number
  /** For one HTTPS request, milliseconds. */
  readonly postTimeoutMs: number
}

const MIB = 1024 * 1024

/** The documented defaults. */
export const REPORT_LIMITS: ReportLimits = {
  gathered: 20_000,
  rowsPerDay: 100_000,
  rowsPerReport: 10_000,
  messageBytes: 20 * MIB,
  unpackedBytes: 20 * MIB,
  receivedRows: 50_000,
  depth: 12,
  receivedPerDay: 5_000,
  receivedBytesPerDay: 256 * MIB,
  destinations: 5,
  postTimeoutMs: 30_000,
}

/** Whether reports of a kind are to be made and sent. */
export const isSent = ({ organisation, from, ...kinds }: ReportsOptions, kind: 'tls' | 'dmarc'): boolean =>
  organisation !== null && from !== null && kinds[kind].send
