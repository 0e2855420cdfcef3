import type { PublishedPolicy } from '../../mail/dmarc.ts'
import type { DmarcReport, DmarcReportRow } from '../contract.ts'
import type { ReportLimits } from '../options.ts'
import { Damaged } from './damaged.ts'
import { clean, cleanCount, cleanDomain } from './text.ts'
import { child, children, type Element, readXml, textOf } from './xml.ts'

const MOST_RESULTS = 20

/** Reads an aggregate report, RFC 7489 appendix C or RFC 9990. Throws Damaged. */
export function readDmarcReport(xml: string, limits: ReportLimits): DmarcReport {
  const document = readXml(xml, 'record', limits)
  const feedback = document.feedback?.[0]
  if (typeof feedback !== 'object') throw new Damaged('no DMARC report: there is no feedback')
  const metadata = child(feedback, 'report_metadata')
  const published = publishedIn(child(feedback, 'policy_published'))
  const range = child(metadata, 'date_range')
  const reportId = clean(textOf(metadata, 'report_id'))
  const [begins, ends] = [secondsIn(range, 'begin'), secondsIn(range, 'end')]
  if (reportId === '' || published.domain === '' || begins === null || ends === null)
    throw new Damaged('no DMARC report: it lacks its id, its domain or its time')
  return {
    organisation: clean(textOf(metadata, 'org_name')),
    contact: clean(textOf(metadata, 'email')),
    reportId,
    begins,
    ends,
    published,
    rows: children(feedback, 'record').map(rowOf),
  }
}

/** Seconds since 1970 as milliseconds. */
function secondsIn(element: Element, name: string): number | null {
  const text = textOf(element, name).trim()
  const seconds = /^\d{1,12}$/.test(text) ? Number(text) : Number.NaN
  // what a Date can hold
  return seconds <= 8_640_000_000_000 ? seconds * 1000 : null
}

const publishedIn = (element: Element): PublishedPolicy => ({
  domain: cleanDomain(textOf(element, 'domain')),
  p: clean(textOf(element, 'p')),
  sp: clean(textOf(element, 'sp')),
  adkim: clean(textOf(element, 'adkim')) || 'r',
  aspf: clean(textOf(element, 'aspf')) || 'r',
  pct: cleanCount(Number(textOf(element, 'pct') || 100)),
})

function rowOf(record: Element): DmarcReportRow {
  const row = child(record, 'row')
  const evaluated = child(row, 'policy_evaluated')
  const identifiers = child(record, 'identifiers')
  const results = child(record, 'auth_results')
  const disposition = textOf(evaluated, 'disposition').trim().toLowerCase()
  return {
    sourceIp: clean(textOf(row, 'source_ip'), 64),
    count: cleanCount(Number(textOf(row, 'count'))),
    disposition: disposition === 'quarantine' || disposition === 'reject' ? disposition : 'none',
    dkimAligned: passes(evaluated, 'dkim'),
    spfAligned: passes(evaluated, 'spf'),
    reasons: some(evaluated, 'reason', (each) => ({
      type: clean(textOf(each, 'type')),
      comment: clean(textOf(each, 'comment')),
    })),
    headerFrom: cleanDomain(textOf(identifiers, 'header_from')),
    envelopeFrom: cleanDomain(textOf(identifiers, 'envelope_from')),
    envelopeTo: cleanDomain(textOf(identifiers, 'envelope_to')) || null,
    dkim: some(results, 'dkim', (each) => ({
      domain: cleanDomain(textOf(each, 'domain')),
      selector: clean(textOf(each, 'selector')),
      result: clean(textOf(each, 'result'), 32),
    })),
    spf: some(results, 'spf', (each) => ({
      domain: cleanDomain(textOf(each, 'domain')),
      scope: clean(textOf(each, 'scope'), 32),
      result: clean(textOf(each, 'result'), 32),
    })),
  }
}

const passes = (element: Element, name: string): boolean => textOf(element, name).trim().toLowerCase() === 'pass'

const some = <T>(element: Element, name: string, map: (each: Element) => T): T[] =>
  children(element, name).slice(0, MOST_RESULTS).map(map)
