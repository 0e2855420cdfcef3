import { attempt } from '../attempt.ts'
import { extensionOf } from '../blocked/names.ts'
import { spendItem, spendWork } from '../budget.ts'
import { damaged, Exhausted } from '../failure.ts'
import type { Format, Part, Visit } from '../reader.ts'
import { decodeBody } from './mime-body.ts'
import { type MimeHeader, type MimeValue, readMimeHeader, readMimeValue } from './mime-header.ts'

const MESSAGE_TYPES = new Set(['message/rfc822', 'message/global', 'message/news', 'multipart/related'])

/** Messages attached to a message, also web archives (.mht), which are the same. */
export const message: Format = {
  name: 'message',
  matches: (bytes, part) => bytes.length > 0 && (isNamed(part) || looksLikeMessage(bytes)),
  read: (visit) => readEntity(visit, visit.bytes, 0),
}

const isNamed = ({ filename, declaredType }: Part): boolean =>
  MESSAGE_TYPES.has(declaredType ?? '') || ['eml', 'mht', 'mhtml', 'mim'].includes(extensionOf(filename ?? ''))

/** A header that says MIME-Version and Content-Type, at the very start. */
function looksLikeMessage(bytes: Buffer): boolean {
  const head = bytes.toString('latin1', 0, 4096)
  if (!/^(?:From [^\r\n]*\r?\n)?[!-9;-~]{2,40}:[ \t]/u.test(head)) return false
  const header = head.split(/\r?\n\r?\n/u, 1)[0] ?? ''
  return /^mime-version[ \t]*:/imu.test(header) && /^content-type[ \t]*:/imu.test(header)
}

function readEntity(visit: Visit, bytes: Buffer, depth: number): void {
  spendItem(visit.budget)
  if (depth > visit.limits.maxMultipartDepth) throw new Exhausted('has more parts in each other than are allowed')
  const bodyAt = bodyOf(bytes)
  if (bodyAt > visit.limits.maxMimeHeaderBytes) throw new Exhausted('has a larger header than is allowed')
  spendWork(visit.budget, bodyAt * 10)
  const header = readMimeHeader(bytes.toString('latin1', 0, bodyAt))
  noteConflicts(visit, header)
  const type = readMimeValue(header.get('content-type')?.[0] ?? 'text/plain')
  const body = bytes.subarray(bodyAt)
  if (type.value.startsWith('multipart/')) readMultipart(visit, type, body, depth)
  else readLeaf(visit, header, type, body)
}

/** Behind the first empty line; a body right at the start has no header. */
function bodyOf(bytes: Buffer): number {
  if (bytes[0] === 0x0a) return 1
  if (bytes[0] === 0x0d && bytes[1] === 0x0a) return 2
  const crlf = bytes.indexOf('\n\r\n')
  const lf = bytes.indexOf('\n\n')
  if (crlf < 0 && lf < 0) return bytes.length
  return lf < 0 || (crlf >= 0 && crlf < lf) ? crlf + 3 : lf + 2
}

/** Programs differ on which of two fields they believe. */
function noteConflicts(visit: Visit, header: MimeHeader): void {
  for (const name of ['content-type', 'content-transfer-encoding', 'content-disposition']) {
    if (new Set(header.get(name) ?? []).size > 1) visit.note('suspicious', `has two ${name} fields`)
  }
}

function readMultipart(visit: Visit, type: MimeValue, body: Buffer, depth: number): void {
  const boundary = type.parameters.get('boundary') ?? ''
  if (type.value === 'multipart/encrypted') visit.note('encrypted', 'multipart/encrypted')
  if (boundary === '') damaged('a multipart of it has no boundary')
  for (const part of partsOf(visit, body, boundary)) readEntity(visit, part, depth + 1)
}

/** RFC 2046, 5.1.1. What is behind the last line that ends a part is read as a part too: nothing is left out. */
function* partsOf(visit: Visit, body: Buffer, boundary: string): Generator<Buffer> {
  const delimiter = Buffer.from(`--${boundary}`, 'latin1')
  spendWork(visit.budget, body.length)
  let from = -1
  for (let at = body.indexOf(delimiter); at >= 0; at = body.indexOf(delimiter, at + 1)) {
    spendWork(visit.budget, 200)
    if (at > 0 && body[at - 1] !== 0x0a) continue
    const rest = body.toString('latin1', at + delimiter.length, at + delimiter.length + 80)
    const line = /^(--)?[ \t]*(?:\r?\n|$)/u.exec(rest)
    if (line === null) continue
    if (from >= 0) yield body.subarray(from, at)
    from = line[1] === undefined ? at + delimiter.length + line[0].length : -1
  }
  if (from >= 0) yield body.subarray(from)
}

function readLeaf(visit: Visit, header: MimeHeader, type: MimeValue, body: Buffer): void {
  const name = nameOf(header, type)
  const encoding = readMimeValue(header.get('content-transfer-encoding')?.[0] ?? '').value
  attempt(visit, name, () => {
    const decoded = decodeBody(body, encoding, visit.budget)
    if (decoded === null) damaged('its transfer encoding is unknown')
    visit.child(name, decoded, type.value)
  })
}

function nameOf(header: MimeHeader, type: MimeValue): string {
  const disposition = readMimeValue(header.get('content-disposition')?.[0] ?? '')
  const name = disposition.parameters.get('filename') ?? type.parameters.get('name')
  if (name !== undefined && name !== '') return name
  return type.value === 'message/rfc822' ? 'attached message' : 'unnamed part'
}
