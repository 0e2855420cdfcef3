import { dayText } from '../day.ts'
import type { Counted } from '../tally.ts'
import type { DueKey, TlsRow } from '../wire.ts'

/** Who reports. */
export interface Reporter {
  readonly organisation: string
  readonly contact: string
  readonly reportId: string
}

type Row = Counted<TlsRow>

/** A TLS report as JSON (RFC 8460 section 4.4). */
export function tlsReport(
  { day }: DueKey,
  { organisation, contact, reportId }: Reporter,
  rows: readonly Row[],
): string {
  const policies = [...Map.groupBy(rows, ({ row }) => row.policy)]
  return JSON.stringify({
    'organization-name': organisation,
    'date-range': { 'start-datetime': `${dayText(day)}T00:00:00Z`, 'end-datetime': `${dayText(day)}T23:59:59Z` },
    'contact-info': contact,
    'report-id': reportId,
    policies: policies.map(([policy, found]) => policyOf(policy, found)),
  })
}

interface Policy {
  readonly type: string
  readonly strings: readonly string[]
  readonly domain: string
  readonly mxHosts: readonly string[]
}

function policyOf(text: string, rows: readonly Row[]) {
  const { type, strings, domain, mxHosts } = JSON.parse(text) as Policy
  const [good, bad] = [rows.filter(({ row }) => row.failure === ''), rows.filter(({ row }) => row.failure !== '')]
  return {
    policy: {
      'policy-type': type,
      ...(strings.length > 0 && { 'policy-string': strings }),
      'policy-domain': domain,
      ...(mxHosts.length > 0 && { 'mx-host': mxHosts }),
    },
    summary: { 'total-successful-session-count': total(good), 'total-failure-session-count': total(bad) },
    ...(bad.length > 0 && { 'failure-details': bad.map(failureOf) }),
  }
}

const total = (rows: readonly Row[]): number => rows.reduce((sum, { count }) => sum + count, 0)

const failureOf = ({ row, count }: Row) => ({
  'result-type': row.failure,
  ...(row.localAddress !== '' && { 'sending-mta-ip': row.localAddress }),
  ...(row.host !== '' && { 'receiving-mx-hostname': row.host }),
  ...(row.address !== '' && { 'receiving-ip': row.address }),
  'failed-session-count': count,
  ...(row.reason !== '' && { 'failure-reason-code': row.reason }),
})
