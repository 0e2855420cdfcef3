import { z } from 'zod'
import type { TlsReport, TlsReportFailure, TlsReportPolicy } from '../contract.ts'
import type { ReportLimits } from '../options.ts'
import { Damaged } from './damaged.ts'
import { clean, cleanCount, cleanDomain } from './text.ts'

// RFC 8460 section 4.4. Senders differ in what they leave out, and in whether one is a list
const text = z
  .string()
  .nullish()
  .transform((value) => clean(value ?? ''))
const count = z
  .union([z.number(), z.string().max(20).transform(Number)])
  .nullish()
  .transform((value) => cleanCount(value ?? 0))
const moment = z
  .string()
  .max(64)
  .transform((value, context) => {
    const ms = Date.parse(value)
    if (Number.isNaN(ms)) context.addIssue({ code: 'custom', message: 'no moment' })
    return ms
  })
const listOf = <T extends z.ZodType>(item: T, most: number) =>
  z
    .union([z.array(item).max(most), item.transform((one) => [one]), z.null()])
    .optional()
    .transform((found) => found ?? [])

const FAILURE = z.object({
  'result-type': text,
  'sending-mta-ip': text,
  'receiving-mx-hostname': text,
  'receiving-ip': text,
  'failed-session-count': count,
  'failure-reason-code': text,
  'additional-information': text,
  'additional-info-uri': text,
})

const policySchema = (rows: number) =>
  z.object({
    policy: z.object({
      'policy-type': text,
      'policy-string': listOf(
        z.string().transform((each) => clean(each, 1000)),
        200,
      ),
      'policy-domain': z.string().max(1000).transform(cleanDomain),
      'mx-host': listOf(
        z.string().transform((each) => clean(each)),
        200,
      ),
    }),
    summary: z.object({ 'total-successful-session-count': count, 'total-failure-session-count': count }),
    'failure-details': listOf(FAILURE, rows),
  })

const reportSchema = (rows: number) =>
  z.object({
    'organization-name': text,
    'date-range': z.object({ 'start-datetime': moment, 'end-datetime': moment }),
    'contact-info': text,
    'report-id': z
      .string()
      .min(1)
      .max(1000)
      .transform((value) => clean(value)),
    policies: z.array(policySchema(rows)).max(rows),
  })

type Parsed = z.output<ReturnType<typeof reportSchema>>

/** Reads a TLS report. Throws Damaged. */
export function readTlsReport(json: string, { receivedRows }: ReportLimits): TlsReport {
  const parsed = reportSchema(receivedRows).safeParse(parse(json))
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    throw new Damaged(`no TLS report: ${clean(issue?.path.join('.') ?? '', 100)} is not as RFC 8460 has it`)
  }
  const report = parsed.data
  const rows = report.policies.reduce((sum, each) => sum + each['failure-details'].length, 0)
  if (rows > receivedRows) throw new Damaged(`more than ${receivedRows} rows`)
  return toReport(report)
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json.replace(/^\ufeff/, ''))
  } catch {
    throw new Damaged('no JSON')
  }
}

const toReport = (report: Parsed): TlsReport => ({
  organisation: report['organization-name'],
  contact: report['contact-info'],
  reportId: report['report-id'],
  begins: report['date-range']['start-datetime'],
  ends: report['date-range']['end-datetime'],
  policies: report.policies.map(toPolicy),
})

function toPolicy({ policy, summary, 'failure-details': failures }: Parsed['policies'][number]): TlsReportPolicy {
  return {
    type: policy['policy-type'],
    strings: policy['policy-string'],
    domain: policy['policy-domain'],
    mxHosts: policy['mx-host'],
    successful: summary['total-successful-session-count'],
    failed: summary['total-failure-session-count'],
    failures: failures.map(toFailure),
  }
}

const toFailure = (failure: z.output<typeof FAILURE>): TlsReportFailure => ({
  type: failure['result-type'] || 'unknown',
  sendingMta: failure['sending-mta-ip'],
  host: cleanDomain(failure['receiving-mx-hostname']),
  address: failure['receiving-ip'],
  sessions: failure['failed-session-count'],
  reason: failure['failure-reason-code'] || failure['additional-information'] || failure['additional-info-uri'],
})
