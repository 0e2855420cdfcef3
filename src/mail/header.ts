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
const START_BYTES = 4096

/** Picks the header from content as it streams by. Holds no more than the limit in memory, and copies what it holds. */
export class HeaderReader {
  readonly #limits: HeaderLimits
  #held = Buffer.alloc(0)
  #length = 0
  #done = false
  #overflow = false

  constructor(limits: HeaderLimits = HEADER_LIMITS) {
    this.#limits = limits
  }

  /** Whether the end of the header is still to come. */
  get wanting(): boolean {
    return !this.#done
  }

  /** The next bytes. Does nothing once the header has ended. */
  push(chunk: Buffer): void {
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
    const end = this.#findEnd(from)
    if (end >= 0) this.#finishAt(end)
    else if (this.#length > this.#limits.bytes) this.#overflowed()
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

  /** Where the fields end: just before the empty line. -1 if it has not come yet. */
  #findEnd(from: number): number {
    const held = this.#held
    if (this.#length >= 2 && held[0] === CR && held[1] === LF) return 0
    const at = held.subarray(0, this.#length).indexOf('\r\n\r\n', from, 'latin1')
    return at < 0 ? -1 : at + 2
  }

  #finishAt(end: number): void {
    this.#done = true
    this.#length = end
    this.#overflow = end > this.#limits.bytes
  }

  #overflowed(): void {
    this.#done = true
    this.#overflow = true
    this.#length = this.#limits.bytes
  }

  /** The header that came. To be called once the header or the content has ended. */
  header(): Header {
    this.#done = true
    return parseHeader(this.#held.subarray(0, this.#length), this.#overflow, this.#limits.fields)
  }
}

// ftext of RFC 5322 section 2.2; white space before the colon is obsolete syntax (section 4.5) that parsers still take
const FIELD = /^([!-9;-~]+)[ \t]*:/

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
    if (first === 32 || first === 9) {
      if (last === undefined || last.end !== start) malformed++
      else last.end = end
    } else {
      const name = FIELD.exec(text.slice(start, end))?.[1]
      if (name === undefined) malformed++
      else if (fields.length === maxFields) return { bytes, fields, tooLarge: true, headless: false, malformed }
      else fields.push(new Field(bytes, name, text.indexOf(':', start) + 1, start, end))
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
