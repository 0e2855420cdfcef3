import type { Decoded } from '../decode.ts'
import { isIdentity } from '../entity.ts'
import type { Part } from '../part.ts'
import type { Edit } from '../slices.ts'
import type { Addition } from './addition.ts'
import { type CharsetEncoder, encodeHtml, encoderFor } from './charset-encoder.ts'
import { bottomOf, topOf } from './html.ts'
import { endsOpen, endsWithBreak, quotedPlace, toBase64, toQuotedPrintable } from './transfer.ts'

export type Place = 'top' | 'bottom'

/** A body with its bytes. */
export interface Body {
  readonly part: Part
  /** As they stand in the message. */
  readonly raw: Buffer
  readonly decoded: Decoded
  /** No line end stands between it and the boundary. */
  readonly tight: boolean
}

/** What is to be put in, in bytes of the body's character set, and where in the decoded body. */
interface Insertion {
  readonly at: number
  readonly bytes: Buffer
}

const CRLF = Buffer.from('\r\n')
const NOTHING = Buffer.alloc(0)

/** Puts a text into a body in its own character set and encoding. Null where that cannot be done. */
export function editBody(body: Body, addition: Addition, place: Place): Edit | null {
  const { part } = body
  const encode = usable(part)
  if (encode === null || part.encoding === 'unknown' || part.encoding === 'uuencode') return null
  const insertion =
    part.type.subtype === 'html'
      ? intoHtml(body, encodeHtml(addition.html, encode), place)
      : intoText(body, encode(textFor(part, addition)), place)
  if (insertion === null) return null
  return part.encoding === 'base64' ? intoBase64(body, insertion) : putIn(body, insertion, place)
}

/** 7bit has no bytes above 127, whatever its character set. */
function usable({ charset, encoding }: Part): CharsetEncoder | null {
  const encode = encoderFor(charset)
  return encode !== null && encoding === '7bit' ? encoderFor(null) : encode
}

/** RFC 3676 section 4.4: in flowed text some lines get a space in front, which readers take away. */
function textFor({ type }: Part, { text }: Addition): string {
  const isFlowed = type.parameters.get('format')?.text.toLowerCase() === 'flowed'
  return isFlowed ? text.replace(/^(?=[ >]|From )/gm, ' ') : text
}

/** An empty line stands between the two texts. Line ends at the end of the body stay as they are. */
function intoText({ part, raw, decoded: { bytes } }: Body, text: Buffer | null, place: Place): Insertion | null {
  if (text === null) return null
  const isEmpty = raw.length === 0
  if (place === 'top') {
    const after = isEmpty ? (part.parent === null ? [CRLF] : []) : [CRLF, CRLF]
    return { at: markLength(bytes), bytes: Buffer.concat([text, ...after]) }
  }
  const isOpen = !isEmpty && !endsWithBreak(bytes)
  const before = [isOpen ? CRLF : NOTHING, isEmpty ? NOTHING : CRLF]
  const after = part.parent === null || (!isEmpty && !isOpen) ? CRLF : NOTHING
  return { at: bytes.length, bytes: Buffer.concat([...before, text, after]) }
}

function intoHtml({ decoded: { bytes } }: Body, element: Buffer, place: Place): Insertion {
  const html = bytes.toString('latin1')
  const at = place === 'top' ? Math.max(topOf(html), markLength(bytes)) : bottomOf(html)
  return { at, bytes: Buffer.concat([CRLF, element, CRLF]) }
}

/** The byte order mark of UTF-8 stays in front. */
const markLength = (bytes: Buffer): number => (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0)

const closing = ({ tight }: Body): Buffer => (tight ? CRLF : NOTHING)

/** Only what is new is written; all bytes of the body stay as they were. */
function putIn(body: Body, { at, bytes }: Insertion, place: Place): Edit {
  const { part, raw, decoded } = body
  const isPlain = isIdentity(part.encoding)
  const offset = isPlain ? at : quotedOffset(raw, decoded.bytes, at, place)
  const encoded = isPlain ? bytes : toQuotedPrintable(bytes)
  const joint = isPlain ? NOTHING : jointAt(raw, offset)
  const start = part.bodyStart + offset
  return { start, end: start, bytes: Buffer.concat([joint, encoded, closing(body)]) }
}

/** Below, before what is written there; above, after what is written in front of it. */
function quotedOffset(raw: Buffer, decoded: Buffer, at: number, place: Place): number {
  if (at === 0 && place === 'top') return 0
  if (place === 'top') return quotedPlace(raw, at - 1)?.end ?? raw.length
  return at === decoded.length ? raw.length : (quotedPlace(raw, at)?.start ?? raw.length)
}

const SOFT = Buffer.from('=\r\n')

/** Ends the line that is there without a line end in the text; at the end of a body, only if it is waiting for that. */
function jointAt(raw: Buffer, offset: number): Buffer {
  if (offset === raw.length) return endsOpen(raw) ? CRLF : NOTHING
  return offset === 0 || raw[offset - 1] === 10 ? NOTHING : SOFT
}

function intoBase64(body: Body, { at, bytes }: Insertion): Edit {
  const { part, raw, decoded } = body
  const whole = Buffer.concat([decoded.bytes.subarray(0, at), bytes, decoded.bytes.subarray(at)])
  const end = part.parent === null && !endsWithBreak(raw) ? CRLF : closing(body)
  return { start: part.bodyStart, end: part.bodyEnd, bytes: Buffer.concat([toBase64(whole, raw), end]) }
}
