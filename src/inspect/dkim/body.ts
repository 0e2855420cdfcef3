import { createHash, type Hash } from 'node:crypto'

/** How a body is made canonical, RFC 6376 sections 3.4.3 and 3.4.4. */
export type BodyCanon = 'simple' | 'relaxed'

const [TAB, LF, CR, SP] = [9, 10, 13, 32]
const CRLF = '\r\n'
// empty lines are held back as a number, and written in pieces no longer than this
const MANY_CRLF = CRLF.repeat(1024)
// what relaxed changes: tabs, runs of white space, white space before the end of a line
const NEEDS_RELAXING = /\t| [ \t\r]/

/**
 * The hash of a body that comes in pieces. Most text is canonical as it stands and is hashed where
 * it lies. Empty lines and white space that may turn out to end the body are counted, not kept, so
 * that no body makes it slow or large.
 */
export class BodyHash {
  readonly #hash: Hash
  readonly #relaxed: boolean
  readonly #limit: number
  /** Line ends, then perhaps white space, that count only if something follows. */
  #lines = 0
  #space = false
  /** The piece ended in a CR, whose LF may follow. */
  #cr = false
  #length = 0

  /** `limit`: octets of the canonical body that are hashed (the tag l=). */
  constructor(canon: BodyCanon, algorithm: 'sha256' | 'sha1' = 'sha256', limit = Infinity) {
    this.#hash = createHash(algorithm)
    this.#relaxed = canon === 'relaxed'
    this.#limit = limit
  }

  /** Octets of the canonical body so far, hashed or not. */
  get length(): number {
    return this.#length
  }

  /** Octets that were hashed. */
  get hashed(): number {
    return Math.min(this.#length, this.#limit)
  }

  update(piece: Buffer): void {
    const bytes = this.#cr ? Buffer.concat([Buffer.of(CR), piece]) : piece
    this.#cr = bytes.at(-1) === CR
    const end = bytes.length - (this.#cr ? 1 : 0)
    const first = this.#passBlank(bytes, 0, end)
    if (first === end) return
    const last = this.#lastText(bytes, first, end)
    this.#writeBlank()
    this.#write(bytes.subarray(first, last))
    this.#passBlank(bytes, last, end)
  }

  /** The hash in base64. To be called once, at the end. */
  digest(): string {
    if (this.#cr) {
      this.#writeBlank()
      this.#put('\r')
    }
    // a body of nothing is nothing when relaxed, and one line end when simple
    if (this.#length > 0 || !this.#relaxed) this.#put(CRLF)
    return this.#hash.digest('base64')
  }

  /** Takes note of line ends (and white space, when relaxed) from `at` on; gives where something else begins. */
  #passBlank(bytes: Buffer, at: number, end: number): number {
    for (;;) {
      const byte = at < end ? bytes[at] : undefined
      if (byte === CR && bytes[at + 1] === LF) {
        this.#lines++
        this.#space = false
        at += 2
      } else if (this.#relaxed && (byte === SP || byte === TAB)) {
        this.#space = true
        at++
      } else return at
    }
  }

  /** The end of what is neither line end nor white space, looking backwards. */
  #lastText(bytes: Buffer, first: number, end: number): number {
    let at = end
    while (at > first) {
      const byte = bytes[at - 1]
      if (byte === LF && bytes[at - 2] === CR && at - 2 >= first) at -= 2
      else if (this.#relaxed && (byte === SP || byte === TAB)) at--
      else break
    }
    return at
  }

  #writeBlank(): void {
    for (; this.#lines > 1024; this.#lines -= 1024) this.#put(MANY_CRLF)
    if (this.#lines > 0) this.#put(CRLF.repeat(this.#lines))
    if (this.#space) this.#put(' ')
    this.#lines = 0
    this.#space = false
  }

  #write(text: Buffer): void {
    this.#put((this.#relaxed ? relaxed(text) : null) ?? text)
  }

  #put(text: Buffer | string): void {
    const room = this.#limit - this.#length
    this.#length += text.length
    if (room <= 0) return
    const wanted = text.length > room ? text.slice(0, room) : text
    if (typeof wanted === 'string') this.#hash.update(wanted, 'latin1')
    else this.#hash.update(wanted)
  }
}

/** The text as relaxed has it; null where it is so already. */
function relaxed(text: Buffer): string | null {
  const written = text.toString('latin1')
  if (!NEEDS_RELAXING.test(written)) return null
  // one step after the other: each is linear, whatever the text
  return written.replace(/[ \t]+/g, ' ').replace(/ \r\n/g, CRLF)
}
