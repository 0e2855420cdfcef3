import { type Header, type HeaderField, parseHeader } from '../../mail/header.ts'

/** A message in its two halves. */
export interface Halves {
  readonly header: Header
  /** What follows the empty line. */
  readonly body: Buffer
}

const END = Buffer.from('\r\n\r\n')
const EMPTY_LINE = Buffer.from('\r\n')
const MOST_HEADER_BYTES = 1024 * 1024

/** Takes a message apart. Throws Error if its header is over 1 MiB; what has no header is all body. */
export function takeApart(message: Buffer): Halves {
  if (message.subarray(0, 2).equals(EMPTY_LINE)) return { header: parseHeader(NONE), body: message.subarray(2) }
  const found = message.subarray(0, MOST_HEADER_BYTES).indexOf(END)
  if (found < 0 && message.length > MOST_HEADER_BYTES) throw new Error('the header is too large')
  const end = found < 0 ? message.length : found + EMPTY_LINE.length
  const header = parseHeader(message.subarray(0, end), false, Number.POSITIVE_INFINITY)
  if (header.headless) return { header, body: message }
  return { header, body: message.subarray(found < 0 ? end : found + END.length) }
}

const NONE = Buffer.alloc(0)

/** The field's own bytes, its last CRLF included. */
export function bytesOf({ bytes }: Header, { start, end }: HeaderField): Buffer {
  const field = bytes.subarray(start, end)
  return field.subarray(-2).equals(EMPTY_LINE) ? field : Buffer.concat([field, EMPTY_LINE])
}

export type Replacement = Buffer | null

/**
 * The header with some of its fields replaced, or without them; everything else, lines that are no field
 * included, keeps its bytes and its place. `replace` gives null for a field that goes, undefined for one that stays.
 */
export function rewritten(header: Header, replace: (field: HeaderField) => Replacement | undefined): Buffer {
  const pieces: Buffer[] = []
  let from = 0
  for (const field of header.fields) {
    const other = replace(field)
    if (other === undefined) continue
    pieces.push(header.bytes.subarray(from, field.start), other ?? NONE)
    from = field.end
  }
  const all = Buffer.concat([...pieces, header.bytes.subarray(from)])
  return all.length === 0 || all.subarray(-2).equals(EMPTY_LINE) ? all : Buffer.concat([all, EMPTY_LINE])
}
