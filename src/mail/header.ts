import type { Content } from './content.ts'

/** How much of a header is read; what goes beyond is `tooLarge`. */
export interface HeaderLimits {
  readonly bytes: number
  readonly fields: number
}

export const HEADER_LIMITS: HeaderLimits = { bytes: 262_144, fields: 1000 }

/** One field. `start` and `end` are its bytes in `Header.bytes`, its last CRLF included. */
export interface HeaderField {
  /** As written. */
  readonly name: string
  /** Unfolded, without the white space around it. */
  readonly value: string
  readonly start: number
  readonly end: number
}

/** The header of a message, RFC 5322 section 2.2, as far as it was read. */
export interface Header {
  /** The bytes of all fields; the empty line that ends a header is not among them. */
  readonly bytes: Buffer
  /** In order, top first. Lines that are neither a field nor belong to one are left out. */
  readonly fields: readonly HeaderField[]
  /** It is larger than the limits. `bytes` and `fields` then hold its beginning. */
  readonly tooLarge: boolean
  /** The very first line is no field: the message has a body only. Then `bytes` and `fields` are empty. */
  readonly headless: boolean
  /** Lines that are no field. */
  readonly malformed: number
}

const CR = 13
const LF = 10
const TAB = 9
const SPACE = 32
const COLON = 58
const START_BYTES = 4096

/** Picks the header from content as it streams by. Holds no more than the limit in memory, and copies what it holds. */
export class HeaderReader {
  readonly #limits: HeaderLimits
  #held = Buffer.alloc(0)
  #length = 0
  #done = false

  constructor(limits: HeaderLimits = HEADER_LIMITS) {
    this.#limits = limits
  }

  /** Whether the end of the header is still to come. */
  get wanting(): boolean {
    return !this.#done
  }

  /** The next bytes. Does nothing once the header has ended. */
  push(chunk: Buffer): void {
    if (this.#length > 0 || !this.#takeWhole(chunk)) this.#pushAll(chunk)
  }

  /** Mostly all of it comes in the first chunk: then it is copied once, and no more than itself. */
  #takeWhole(chunk: Buffer): boolean {
    if (this.#done) return true
    const end = findEnd(chunk.subarray(0, this.#limits.bytes + 4), 0)
    if (end < 0 || end > this.#limits.bytes) return false
    this.#held = Buffer.from(chunk.subarray(0, end))
    this.#finishAt(end)
    return true
  }

  #pushAll(chunk: Buffer): void {
    // Most headers are short: the rest of a chunk is body, and not worth a copy
    for (let at = 0; at < chunk.length && !this.#done; ) {
      const step = Math.max(START_BYTES, this.#length)
      this.#push(chunk.subarray(at, at + step))
      at += step
    }
  }

  #push(chunk: Buffer): void {
    const from = Math.max(0, this.#length - 3)
    const taken = Math.min(chunk.length, this.#limits.bytes + 4 - this.#length)
    this.#append(chunk, taken)
    const end = findEnd(this.#held.subarray(0, this.#length), from)
    if (end >= 0) this.#finishAt(end)
    // of a header as long as it may be, the empty line is behind the limit
    else if (this.#length > this.#limits.bytes + 1) this.#done = true
  }

  #append(chunk: Buffer, taken: number): void {
    const needed = this.#length + taken
    if (needed > this.#held.length) {
      // doubled, so that a header that comes byte by byte is not copied once for each of them
      const grown = Buffer.allocUnsafe(
        Math.max(needed, this.#held.length * 2, Math.min(START_BYTES, this.#limits.bytes)),
      )
      this.#held.copy(grown, 0, 0, this.#length)
      this.#held = grown
    }
    chunk.copy(this.#held, this.#length, 0, taken)
    this.#length = needed
  }

  #finishAt(end: number): void {
    this.#done = true
    this.#length = end
  }

  /** The header that came. To be called once the header or the content has ended. */
  header(): Header {
    this.#done = true
    const { bytes, fields } = this.#limits
    return parseHeader(this.#held.subarray(0, Math.min(this.#length, bytes)), this.#length > bytes, fields)
  }
}

/** Where the fields end: just before the empty line. -1 if it has not come yet. */
function findEnd(bytes: Buffer, from: number): number {
  if (bytes[0] === CR && bytes[1] === LF) return 0
  const at = bytes.indexOf('\r\n\r\n', from, 'latin1')
  return at < 0 ? -1 : at + 2
}

// ftext of RFC 5322 section 2.2; white space before the colon is obsolete syntax (section 4.5) that parsers still take
const isNameByte = (byte: number): boolean => byte > 32 && byte < 127 && byte !== COLON
const isBlank = (byte: number): boolean => byte === SPACE || byte === TAB

/** The name of the field that begins at `start`, and where its value does; null if no field does. */
function readName(text: string, start: number): { name: string; valueAt: number } | null {
  let end = start
  while (isNameByte(text.charCodeAt(end))) end++
  let colon = end
  while (isBlank(text.charCodeAt(colon))) colon++
  if (end === start || text.charCodeAt(colon) !== COLON) return null
  return { name: text.slice(start, end), valueAt: colon + 1 }
}

/** Parses fields. `bytes` ends before the empty line. */
export function parseHeader(bytes: Buffer, truncated = false, maxFields = HEADER_LIMITS.fields): Header {
  const text = bytes.toString('latin1')
  const fields: Field[] = []
  let malformed = 0
  for (let start = 0; start < text.length; ) {
    const newline = text.indexOf('\r\n', start)
    const end = newline < 0 ? text.length : newline + 2
    const first = text.charCodeAt(start)
    const last = fields.at(-1)
    if (isBlank(first)) {
      if (last === undefined || last.end !== start) malformed++
      else last.end = end
    } else {
      const found = readName(text, start)
      if (found === null) malformed++
      else if (fields.length === maxFields) return { bytes, fields, tooLarge: true, headless: false, malformed }
      else fields.push(new Field(bytes, found.name, found.valueAt, start, end))
    }
    if (fields.length === 0 && malformed > 0) return HEADLESS
    start = end
  }
  return { bytes, fields, tooLarge: truncated, headless: false, malformed }
}

const HEADLESS: Header = { bytes: Buffer.alloc(0), fields: [], tooLarge: false, headless: true, malformed: 0 }

class Field implements HeaderField {
  readonly name: string
  readonly start: number
  end: number
  readonly #bytes: Buffer
  readonly #valueAt: number

  constructor(bytes: Buffer, name: string, valueAt: number, start: number, end: number) {
    this.#bytes = bytes
    this.name = name
    this.#valueAt = valueAt
    this.start = start
    this.end = end
  }

  /** Read when asked for: most fields are never looked at. */
  get value(): string {
    return this.#bytes
      .toString('utf8', this.#valueAt, this.end)
      .replace(/\r\n(?=[ \t])/g, '')
      .trim()
  }
}

/** The header of content, read only as far as it goes. */
export async function readHeader(content: Content, limits: HeaderLimits = HEADER_LIMITS): Promise<Header> {
  const reader = new HeaderReader(limits)
  for await (const chunk of content.bytes === null ? content.stream() : [content.bytes]) {
    reader.push(chunk)
    if (!reader.wanting) break
  }
  return reader.header()
}

/** The fields of that name, whatever its case. */
export function fieldsNamed(header: Header, name: string): HeaderField[] {
  const wanted = name.toLowerCase()
  return header.fields.filter((field) => field.name.length === wanted.length && field.name.toLowerCase() === wanted)
}
