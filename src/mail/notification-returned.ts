import { type Part, quotedPrintable } from './notification-part.ts'

/** What goes back of the message: all of it, or its header. CRLF line ends. */
export interface Returned {
  readonly kind: 'full' | 'headers'
  readonly bytes: Buffer
}

const END_OF_HEADER = Buffer.from('\r\n\r\n')
const CRLF = Buffer.from('\r\n')

/**
 * The header of a message out of its first bytes, with its last CRLF and without the empty line.
 * Longer than `limit` bytes: what fits of it, in whole lines.
 */
export function headerBytes(bytes: Buffer, limit: number): Buffer {
  if (bytes.subarray(0, 2).equals(CRLF)) return Buffer.alloc(0)
  const end = bytes.indexOf(END_OF_HEADER)
  const header = end < 0 ? bytes : bytes.subarray(0, end + 2)
  if (header.length <= limit) return header
  const cut = header.lastIndexOf(CRLF, limit - 2)
  return cut < 0 ? Buffer.alloc(0) : header.subarray(0, cut + 2)
}

/**
 * The third part of a report. RFC 6522 section 3 (`text/rfc822-headers`), RFC 6533 section 4
 * (`message/global`, `message/global-headers`) for a message that came with SMTPUTF8.
 */
export function returnedPart({ kind, bytes }: Returned, smtputf8: boolean): Part {
  const eightBit = bytes.some((byte) => byte > 127)
  const global = smtputf8 && eightBit
  if (kind === 'headers' && !global) return headersPart(bytes, eightBit)
  const type = kind === 'full' ? (global ? 'message/global' : 'message/rfc822') : 'message/global-headers'
  const fields = [`Content-Description: ${kind === 'full' ? 'Message' : 'Message header'}`, `Content-Type: ${type}`]
  if (eightBit) fields.push('Content-Transfer-Encoding: 8bit')
  return { fields, body: bytes }
}

function headersPart(bytes: Buffer, eightBit: boolean): Part {
  const fields = ['Content-Description: Message header', 'Content-Type: text/rfc822-headers']
  if (!eightBit) return { fields, body: bytes }
  fields.push('Content-Transfer-Encoding: quoted-printable')
  return { fields, body: quotedPrintable(bytes) }
}

/** The Message-ID of the message that is returned, if it is one that may be repeated in our header. */
export function originalMessageId(returned: Buffer): string | null {
  const header = headerBytes(returned.subarray(0, 65_536), 65_536).toString('latin1')
  return /^message-id:\s*(<[!-;=?-~]{1,240}>)\s*$/im.exec(header)?.[1] ?? null
}
