import { createHash } from 'node:crypto'
import type { ReportKind } from '../contract.ts'
import { dayText, lastSecondOf, startOfDay } from '../day.ts'
import type { DueKey } from '../wire.ts'

/** How one report of ours is called. The same report is called the same, whenever and how often it is made. */
export interface ReportNames {
  readonly reportId: string
  /** RFC 8460 section 5.1, RFC 7489 section 7.2.1.1. */
  readonly fileName: string
  /** RFC 8460 section 5.3, RFC 7489 section 7.2.1.1. */
  readonly subject: string
}

const EXTENSIONS: Readonly<Record<ReportKind, string>> = { tls: 'json.gz', dmarc: 'xml.gz' }

export function namesOf({ kind, day, domain }: DueKey, hostname: string): ReportNames {
  const unique = createHash('sha256').update(`${kind} ${day} ${domain} ${hostname}`).digest('hex').slice(0, 16)
  const reportId = `${dayText(day)}.${unique}@${hostname}`
  const [begins, ends] = [startOfDay(day) / 1000, lastSecondOf(day) / 1000]
  return {
    reportId,
    fileName: `${hostname}!${domain}!${begins}!${ends}!${unique}.${EXTENSIONS[kind]}`,
    subject: `Report Domain: ${domain} Submitter: ${hostname} Report-ID: <${reportId}>`,
  }
}
