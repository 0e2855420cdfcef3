import { parseAddress } from '../../mail/address.ts'
import { fieldsNamed, type Header, HeaderReader } from '../../mail/header.ts'
import { decodeBody, fileName, leaves, type Part, readMime } from '../../mail/mime/index.ts'
import type { DmarcReport, ReportKind, TlsReport } from '../contract.ts'
import type { ReportLimits } from '../options.ts'
import { Damaged } from './damaged.ts'
import { readDmarcReport } from './dmarc-xml.ts'
import { proofIn } from './proof.ts'
import { readTlsReport } from './tls-json.ts'
import { unpack } from './unpack.ts'

/** A report as it was found, with what is known of where it came from. */
export type FoundReport = {
  readonly sender: string
  readonly proven: boolean | null
  readonly proof: string
  readonly domains: readonly string[]
  readonly good: number
  readonly bad: number
} & ({ readonly kind: 'tls'; readonly report: TlsReport } | { readonly kind: 'dmarc'; readonly report: DmarcReport })

interface Wanted {
  readonly kind: ReportKind
  /** It may be a report without a message around it. */
  readonly bare: boolean
  readonly authservId: string | null
  readonly limits: ReportLimits
}

type Source = Pick<FoundReport, 'sender' | 'proven' | 'proof'>

const IMPORTED: Source = { sender: '', proven: null, proof: 'imported' }
const MIME = { depth: 10, parts: 100, headerBytes: 65_536, headerFields: 500, parameters: 50, anomalies: 10 }
const TYPES: Readonly<Record<ReportKind, RegExp>> = {
  tls: /^application\/(tlsrpt\+(gzip|json)|json|gzip|x-gzip|zip)$/,
  dmarc: /^(application\/(gzip|x-gzip|zip|x-zip-compressed|xml)|text\/xml)$/,
}
const NAMES: Readonly<Record<ReportKind, RegExp>> = {
  tls: /\.json(\.gz)?$|\.zip$/i,
  dmarc: /\.xml(\.gz)?$|\.zip$/i,
}

/** Finds and reads the report in a message, or in a file. Throws Damaged. */
export function findReport(bytes: Buffer, wanted: Wanted): FoundReport {
  if (bytes.length > wanted.limits.messageBytes) throw new Damaged(`more than ${wanted.limits.messageBytes} bytes`)
  if (wanted.bare && !isMessage(bytes)) return readReport(unpack(bytes, wanted.limits.unpackedBytes), wanted, IMPORTED)
  const header = headerOf(bytes)
  const sender = senderIn(header)
  const { proven, text } = proofIn(header, wanted.authservId, sender)
  const source = { sender, proven, proof: text }
  try {
    return readReport(unpack(attached(bytes, wanted), wanted.limits.unpackedBytes), wanted, source)
  } catch (error) {
    if (error instanceof Damaged) error.sender = source.sender
    throw error
  }
}

/** Neither gzip nor ZIP, JSON nor XML begins with the name of a field. */
const isMessage = (bytes: Buffer): boolean => /^[A-Za-z][A-Za-z0-9-]*[ \t]*:/.test(bytes.toString('latin1', 0, 200))

function headerOf(bytes: Buffer): Header {
  const reader = new HeaderReader({ bytes: MIME.headerBytes, fields: MIME.headerFields })
  reader.push(bytes)
  return reader.header()
}

/** The domain in From. */
function senderIn(header: Header): string {
  const value = fieldsNamed(header, 'From')[0]?.value.slice(0, 2000) ?? ''
  const text = /<([^<>\s]{1,320})>[^<>]*$/.exec(value)?.[1] ?? value.trim()
  return parseAddress(text, { utf8: true })?.domain ?? ''
}

/** The bytes of the first part that is of the right type, or has the right name. */
function attached(bytes: Buffer, { kind, limits }: Wanted): Buffer {
  const parts = [...leaves(readMime(bytes, MIME).root)]
  const isRight = (part: Part) => TYPES[kind].test(part.type.full) || NAMES[kind].test(fileName(part) ?? '')
  const part = parts.find(isRight)
  if (part === undefined) throw new Damaged('no report is attached')
  const { bytes: content, complete } = decodeBody(bytes, part, limits.messageBytes)
  if (!complete) throw new Damaged(`more than ${limits.messageBytes} bytes`)
  return content
}

function readReport(text: string, { kind, limits }: Wanted, source: Source): FoundReport {
  if (kind === 'tls') {
    const report = readTlsReport(text, limits)
    const { policies } = report
    const domains = [...new Set(policies.map(({ domain }) => domain))].slice(0, 100)
    return { ...source, kind, report, domains, good: sum(policies, 'successful'), bad: sum(policies, 'failed') }
  }
  const report = readDmarcReport(text, limits)
  const isAligned = Map.groupBy(report.rows, (row) => row.dkimAligned || row.spfAligned)
  const counts = (aligned: boolean) => sum(isAligned.get(aligned) ?? [], 'count')
  return { ...source, kind, report, domains: [report.published.domain], good: counts(true), bad: counts(false) }
}

const sum = <K extends string>(rows: readonly { readonly [key in K]: number }[], key: K): number =>
  Math.min(
    rows.reduce((total, row) => total + row[key], 0),
    Number.MAX_SAFE_INTEGER,
  )
