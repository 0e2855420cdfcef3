import type { AnomalyKind } from './anomaly.ts'
import { Base64Decoder } from './base64.ts'
import { decodeText } from './charset.ts'
import type { Encoding, Part } from './part.ts'
import { QuotedPrintableDecoder } from './quoted-printable.ts'
import { UuDecoder } from './uuencode.ts'

/** Undoes a transfer encoding, piece by piece. Never throws: what is wrong is among the flaws. */
export interface Decoder {
  push(chunk: Uint8Array): Buffer
  /** What was still held back. */
  end(): Buffer
  readonly flaws: ReadonlySet<AnomalyKind>
}

/** A decoder for a part's body. An unknown encoding is left as it is. */
export function bodyDecoder(encoding: Encoding): Decoder {
  if (encoding === 'base64') return new Base64Decoder()
  if (encoding === 'quoted-printable') return new QuotedPrintableDecoder()
  return encoding === 'uuencode' ? new UuDecoder() : IDENTITY
}

const IDENTITY: Decoder = {
  push: (chunk) => Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length),
  end: () => Buffer.alloc(0),
  flaws: new Set(),
}

export interface Decoded {
  readonly bytes: Buffer
  /** False: there is more than the limit let through. */
  readonly complete: boolean
  readonly flaws: ReadonlySet<AnomalyKind>
}

/** Encoded bytes that are decoded at once. */
const PIECE = 1024 * 1024

/** The content of a part, at most `limit` bytes of it. `message`: all bytes of the message that the part is in. */
export function decodeBody(message: Buffer, part: Part, limit: number): Decoded {
  return decodeBytes(message.subarray(part.bodyStart, part.bodyEnd), part.encoding, limit)
}

/** The same for the bytes of a body alone. */
export function decodeBytes(body: Buffer, encoding: Encoding, limit: number): Decoded {
  const decoder = bodyDecoder(encoding)
  if (decoder === IDENTITY) {
    return { bytes: body.subarray(0, limit), complete: body.length <= limit, flaws: decoder.flaws }
  }
  const pieces: Buffer[] = []
  let size = 0
  for (let at = 0; at < body.length && size <= limit; at += PIECE) {
    const piece = decoder.push(body.subarray(at, at + PIECE))
    pieces.push(piece)
    size += piece.length
  }
  if (size <= limit) pieces.push(decoder.end())
  const [first] = pieces
  const bytes = pieces.length === 2 && pieces[1]?.length === 0 && first ? first : Buffer.concat(pieces)
  return { bytes: bytes.subarray(0, limit), complete: bytes.length <= limit, flaws: decoder.flaws }
}

/** The text of a text part, decoded from its transfer encoding and its character set; at most `limit` bytes of it. */
export function decodeTextBody(message: Buffer, part: Part, limit: number): Decoded & { readonly text: string } {
  const decoded = decodeBody(message, part, limit)
  return { ...decoded, text: decodeText(decoded.bytes, part.charset).text }
}
