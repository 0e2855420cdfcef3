import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { Address } from '../../mail/address.ts'
import { composeOwn } from '../../mail/compose.ts'
import type { ReportKind } from '../contract.ts'
import { dayText } from '../day.ts'
import type { DueKey } from '../wire.ts'
import { namesOf, type ReportNames } from './names.ts'

const pack = promisify(gzip)

/** A report that can be sent. */
export interface BuiltReport extends ReportNames, DueKey {
  readonly packed: Buffer
}

/** Packs a report under its names. */
export const built = async (key: DueKey, hostname: string, content: string): Promise<BuiltReport> => ({
  ...key,
  ...namesOf(key, hostname),
  packed: await pack(content),
})

const WORDS: Readonly<Record<ReportKind, string>> = {
  tls: 'how TLS fared with mail that we sent to',
  dmarc: 'what DMARC found of mail that came to us in the name of',
}

/** The mail that carries it: RFC 8460 section 5.3, RFC 7489 section 7.2.1.1. */
export function reportMail(
  report: BuiltReport,
  {
    from,
    to,
    hostname,
    organisation,
    date,
  }: {
    readonly from: Address
    readonly to: Address
    readonly hostname: string
    readonly organisation: string
    readonly date: number
  },
): Buffer {
  const { kind, day, domain, reportId, fileName, subject, packed } = report
  // one for each reader, so that none is taken for a duplicate of another's
  const unique = createHash('sha256').update(`${reportId} ${to.local}@${to.domain}`).digest('hex').slice(0, 32)
  const text = `This is a report by ${organisation} for programs, as RFC ${kind === 'tls' ? 8460 : 7489} describes it:
${WORDS[kind]}
${domain} on ${dayText(day)} (UTC).

Report: ${reportId}
Sent by: ${hostname}
`
  const isTls = kind === 'tls'
  return composeOwn({
    from,
    to: [to],
    subject,
    date,
    messageId: `<${unique}@${hostname}>`,
    ...(isTls && {
      fields: [
        ['TLS-Report-Domain', domain],
        ['TLS-Report-Submitter', hostname],
      ] as const,
    }),
    text,
    attached: {
      type: isTls ? 'application/tlsrpt+gzip' : 'application/gzip',
      fileName,
      bytes: packed,
      within: isTls ? 'report; report-type="tlsrpt"' : 'mixed',
      boundary: `=_${unique}`,
    },
  })
}
