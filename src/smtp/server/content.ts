import { isAscii } from 'node:buffer'
import { type Look, lookAtOnce } from './lines-at-once.ts'

/** What content may not hold. `bareDot` (lenient only): a line that is just a dot, but whose two line ends are not both CRLF. */
export type ContentFault = 'bareLf' | 'bareCr' | 'bareDot' | 'nul'

export interface ContentPiece {
  /** Unstuffed content, empty once there is a fault. May share memory with the chunk, whose bytes up to `used` may have been moved. */
  readonly content: Buffer
  /** Index in the chunk of the first byte that does not belong to the message and its end mark. */
  readonly used: number
  /** Whether the end mark has come. */
  readonly ended: boolean
}

const NOTHING = Buffer.alloc(0)

const STUFFED = '\r\n.'
const END_MARK = '\r\n.\r\n'

// At the end of a chunk a CR is not bare yet
const STRICT_FAULT = /\r(?!\n|$)|(?<!\r)\n|\0/
const LENIENT_FAULT = /\r(?!\n|$)/
const BARE_LF = /(?<!\r)\n/g
const BARE_DOT = /(?<!\r)\n\.\r?\n|\r\n\.\n/

// What it copies to look at is looked at before `feed` returns
const LOOK = lookAtOnce()

const CR = 13
const LF = 10
const DOT = 46

const FAULTS: Readonly<Record<string, ContentFault>> = { '\r': 'bareCr', '\n': 'bareLf', '\0': 'nul' }

/**
 * Reads the content of one message as it comes after 354, in chunks cut anywhere: finds the end
 * mark, takes stuffed dots out (RFC 5321 section 4.5.2), and finds what is no line end (section
 * 2.3.8). Only CRLF.CRLF ends content, and only a dot after CRLF is unstuffed.
 *
 * A chunk that holds nothing but whole lines and stuffed dots, and nearly all do, is read as the bytes that it is,
 * and nothing is made of it. Any other is searched as a Latin-1 string.
 */
export class ContentReader {
  /** The first thing that is wrong with the content. */
  fault: ContentFault | null = null
  /** Bytes given out so far. */
  size = 0
  eightBit = false
  /** Bare LFs made CRLF so far. */
  normalised = 0
  /** Whether a dot was taken out so far. */
  #dotted = false

  readonly #lenient: boolean
  // What came before, as far as it bears on what comes next: '', CR, CRLF, CRLF dot, or CRLF dot
  // CR. The dot, and the CR after it, have not been given out. Content begins on a new line.
  #carry = '\r\n'
  // For lenient clients: the last bytes, whatever they are
  #tail = '\r\n'

  constructor(lenient: boolean) {
    this.#lenient = lenient
  }

  /** Whether, as far as is known, every line ends in CRLF and none opens with a dot. */
  get plainLines(): boolean {
    return this.fault === null && !this.#dotted && this.normalised === 0
  }

  /** Reads a chunk from `start` on. Not to be called again after the end mark. */
  feed(chunk: Buffer, start = 0): ContentPiece {
    return this.#readLines(chunk, start) ?? this.#search(chunk, start)
  }

  /** Null, and nothing is done, where there is or may be anything else: a fault, half an end mark. */
  #readLines(chunk: Buffer, start: number): ContentPiece | null {
    const before = LAST_BYTES[this.#carry]
    if (LOOK === null || before === undefined || this.#lenient || this.fault !== null) return null
    const lines = findLines(LOOK, chunk, start, before)
    if (lines === null) return null
    const { till, dots } = lines
    const ended = till < chunk.length
    const used = ended ? till + END_MARK.length - 2 : till
    if (till > start) this.#carry = lineEndAt(chunk, till)
    this.#dotted ||= dots.length > 0
    return { content: this.#give(withoutBytes(chunk, start, till, dots)), used, ended }
  }

  #search(chunk: Buffer, start: number): ContentPiece {
    const text = this.#carry + chunk.toString('latin1', start)
    const base = start - this.#carry.length
    const { stop, ended, dots } = findDots(text)
    this.#dotted ||= dots.length > 0
    const used = ended ? base + stop + END_MARK.length : chunk.length
    this.#check(ended ? text.slice(0, stop + END_MARK.length) : text)
    const till = stop < 0 ? chunk.length : Math.max(start, base + stop + 2)
    const cuts = dots.map((dot) => base + dot).filter((cut) => cut >= start)
    const content = this.fault === null ? this.#give(withoutBytes(chunk, start, till, cuts)) : NOTHING
    this.#carry = stop < 0 ? lineEndOf(text) : text.slice(stop)
    return { content, used, ended }
  }

  #check(text: string): void {
    if (this.fault !== null) return
    const at = text.search(this.#lenient ? LENIENT_FAULT : STRICT_FAULT)
    if (at >= 0) this.fault = FAULTS[text.charAt(at)] ?? 'bareCr'
    else if (this.#lenient) this.#checkDots(text.slice(this.#carry.length))
  }

  // A dot between bare line ends ends a message for some servers: nobody may send one
  #checkDots(fresh: string): void {
    const text = this.#tail + fresh
    if (BARE_DOT.test(text)) this.fault = 'bareDot'
    this.#tail = text.slice(-4)
  }

  #give(raw: Buffer): Buffer {
    const content = this.#lenient ? this.#normalise(raw) : raw
    this.size += content.length
    if (!this.eightBit) this.eightBit = !isAscii(content)
    return content
  }

  #normalise(raw: Buffer): Buffer {
    const before = this.#carry === '\r' ? '\r' : ''
    const text = before + raw.toString('latin1')
    if (text.search(BARE_LF) < 0) return raw
    const fixed = text.replace(BARE_LF, '\r\n')
    this.normalised += fixed.length - text.length
    return Buffer.from(fixed.slice(before.length), 'latin1')
  }
}

/** Of what came before; of a carry that is none of these, something has not been given out yet. */
const LAST_BYTES: Readonly<Record<string, number>> = { '': 0x20, '\r': 13, '\r\n': 10 }

interface Lines {
  /** Where content ends in the chunk: at the dot of the end mark, or with the chunk. */
  readonly till: number
  /** Indexes of stuffed dots before that. */
  readonly dots: readonly number[]
}

const NO_INDEXES: readonly number[] = []

/** Null if there is anything but lines, or an end mark of which a part is still to come. */
function findLines(look: Look, chunk: Buffer, start: number, before: number): Lines | null {
  look.begin(chunk, start, before)
  let at = look.next()
  if (at === chunk.length) return { till: at, dots: NO_INDEXES }
  const dots: number[] = []
  for (; at < chunk.length; at = look.next()) {
    const previous = at > start ? chunk[at - 1] : before
    // an LF without CR would have been come upon before
    if (chunk[at] !== DOT || previous !== LF) return null
    const next = chunk[at + 1]
    const last = chunk[at + 2]
    if (next === undefined || (next === CR && last === undefined)) return null
    if (next === CR && last === LF) return { till: at, dots }
    dots.push(at)
  }
  return { till: at, dots }
}

interface Dots {
  /** Where CRLF dot begins that is the end mark, or may yet become it; -1 if there is none. */
  readonly stop: number
  readonly ended: boolean
  /** Indexes of stuffed dots before that. */
  readonly dots: readonly number[]
}

const NO_DOTS: Dots = { stop: -1, ended: false, dots: [] }

function findDots(text: string): Dots {
  let at = text.indexOf(STUFFED)
  if (at < 0) return NO_DOTS
  const dots: number[] = []
  for (; at >= 0; at = text.indexOf(STUFFED, at + STUFFED.length)) {
    if (text.startsWith(END_MARK, at)) return { stop: at, ended: true, dots }
    if (END_MARK.startsWith(text.slice(at, at + END_MARK.length))) return { stop: at, ended: false, dots }
    dots.push(at + 2)
  }
  return { stop: -1, ended: false, dots }
}

const lineEndOf = (text: string): string => (text.endsWith('\r\n') ? '\r\n' : text.endsWith('\r') ? '\r' : '')

/** The carry after lines that end at `till`. */
function lineEndAt(chunk: Buffer, till: number): string {
  const last = chunk[till - 1]
  return last === LF ? '\r\n' : last === CR ? '\r' : ''
}

/** The bytes from `start` to `till` without those at `cuts`, moved together within the chunk. */
function withoutBytes(chunk: Buffer, start: number, till: number, cuts: readonly number[]): Buffer {
  let to = cuts[0] ?? till
  for (const [i, cut] of cuts.entries()) {
    const next = cuts[i + 1] ?? till
    chunk.copyWithin(to, cut + 1, next)
    to += next - cut - 1
  }
  return chunk.subarray(start, to)
}
