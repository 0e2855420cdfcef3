import { spendWork } from '../budget.ts'
import { unpack } from '../codec/unpack.ts'
import { damaged } from '../failure.ts'
import type { Format, Visit } from '../reader.ts'
import {
  CONTEXT_0,
  childrenOf,
  type Element,
  OBJECT_ID,
  OCTETS,
  objectId,
  octetsOf,
  readElement,
  SEQUENCE,
} from './der.ts'

/** Content types of CMS (RFC 5652, 5083, 3274), as the hexadecimal of their object identifiers. */
const PKCS7 = '2a864886f70d0107'
const SMIME_CT = '2a864886f70d01091001'
const SIGNED = `${PKCS7}02`
const COMPRESSED = `${SMIME_CT}09`
const ENCRYPTED: Readonly<Record<string, string>> = {
  [`${PKCS7}03`]: 'CMS enveloped data',
  [`${PKCS7}04`]: 'CMS signed and enveloped data',
  [`${PKCS7}06`]: 'CMS encrypted data',
  [`${SMIME_CT}17`]: 'CMS authenticated enveloped data',
}

/** S/MIME and other CMS. What is signed or packed is looked into. */
export const cms: Format = {
  name: 'S/MIME (CMS)',
  matches: (bytes) => bytes[0] === SEQUENCE && oidAt(bytes) !== null,
  read,
}

/** PKCS #12: keys and certificates under a password (RFC 7292). */
export const pfx: Format = {
  name: 'PKCS #12 key store',
  matches: (bytes) =>
    bytes[0] === SEQUENCE && bytes.subarray(0, 12).includes(Buffer.from('020103', 'hex')) && isPfx(bytes),
  read: (visit) => visit.note('encrypted', 'PKCS #12 password'),
}

/** The identifier of the content type, where the file begins as CMS does. */
function oidAt(bytes: Buffer): string | null {
  const at = contentAt(bytes)
  const length = bytes[at + 1] ?? 0
  if (bytes[at] !== OBJECT_ID || at + 2 + length > bytes.length) return null
  const oid = bytes.toString('hex', at + 2, at + 2 + length)
  return oid.startsWith(PKCS7) || oid.startsWith(SMIME_CT) ? oid : null
}

/** The offset behind the header of the outer sequence. */
function contentAt(bytes: Buffer): number {
  const first = bytes[1] ?? 0
  return first <= 0x80 ? 2 : 2 + (first & 0x7f)
}

/** Version 3, then a content of type data or signed data. */
function isPfx(bytes: Buffer): boolean {
  const at = contentAt(bytes)
  return (
    bytes.toString('hex', at, at + 3) === '020103' && bytes.subarray(at, at + 32).includes(Buffer.from(PKCS7, 'hex'))
  )
}

function read(visit: Visit): void {
  const { bytes, budget } = visit
  const oid = oidAt(bytes) ?? damaged('its structure is damaged')
  const kind = ENCRYPTED[oid]
  if (kind !== undefined) {
    visit.note('encrypted', kind)
    return
  }
  spendWork(budget, bytes.length)
  const whole = readElement(bytes, 0, bytes.length, budget)
  if (whole.isCut) visit.note('suspicious', 'ends too early')
  if (oid === SIGNED) readContained(visit, whole, (content) => visit.child('signed content', content, 'message/rfc822'))
  else if (oid === COMPRESSED) {
    readContained(visit, whole, (content) =>
      visit.child('packed content', unpack(content, 'zlib', visit.limits, budget), 'message/rfc822'),
    )
  }
}

/** ContentInfo > [0] > SEQUENCE > EncapsulatedContentInfo > [0] > OCTET STRING. Without content the signature is detached. */
function readContained(visit: Visit, whole: Element, found: (content: Buffer) => void): void {
  const { bytes, budget } = visit
  const outer = find(visit, whole, CONTEXT_0)
  const sequence = outer === undefined ? undefined : find(visit, outer, SEQUENCE)
  if (sequence === undefined) damaged('its structure is damaged')
  const contained = find(visit, sequence, SEQUENCE)
  const explicit = contained === undefined ? undefined : find(visit, contained, CONTEXT_0)
  if (contained === undefined || explicit === undefined) return
  const type = find(visit, contained, OBJECT_ID)
  const kind = type === undefined ? undefined : ENCRYPTED[objectId(bytes, type)]
  if (kind !== undefined) visit.note('encrypted', kind)
  for (const element of childrenOf(bytes, explicit, budget)) {
    if ((element.tag & 0x1f) === OCTETS) {
      found(octetsOf(bytes, element, budget))
      return
    }
  }
}

function find(visit: Visit, parent: Element, tag: number): Element | undefined {
  for (const element of childrenOf(visit.bytes, parent, visit.budget)) if (element.tag === tag) return element
  return undefined
}
