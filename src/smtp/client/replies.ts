import { type Reply, reply } from '../../mail/reply.ts'
import type { ClientLimits } from './contract.ts'

const CR = 13
const LF = 10
const SPACE = 32
const HYPHEN = 45
const ZERO = 48

/**
 * Reads replies (RFC 5321 section 4.2) from the bytes of a connection, in bounded memory. Lines end
 * in CRLF and in nothing else: a peer that is sloppy there is not one whose answers can be relied on.
 */
export class ReplyParser {
  readonly #limits: ClientLimits
  /** The beginning of a line whose end has not come. */
  #carry: Buffer | null = null
  #carried = 0
  #code = 0
  #lines: string[] = []
  #bytes = 0

  constructor(limits: ClientLimits) {
    this.#limits = limits
  }

  /** Whether part of a reply has come, but not its end. */
  get partial(): boolean {
    return this.#carried > 0 || this.#lines.length > 0
  }

  /**
   * Takes what has come and calls `take` with each whole reply until that returns false.
   * Returns what is wrong with the bytes, or null. After that the parser is not to be used again.
   */
  feed(chunk: Buffer, take: (reply: Reply) => boolean): string | null {
    let start = 0
    for (;;) {
      const end = chunk.indexOf(LF, start)
      if (end < 0) return this.#keep(chunk, start)
      const line = this.#carried === 0 ? chunk.subarray(start, end + 1) : this.#joined(chunk, start, end + 1)
      if (typeof line === 'string') return line
      start = end + 1
      const wrong = this.#line(line)
      if (typeof wrong === 'string') return wrong
      if (wrong !== null && !take(wrong)) return null
      if (start === chunk.length) return null
    }
  }

  #keep(chunk: Buffer, start: number): string | null {
    const length = chunk.length - start
    if (this.#carried + length > this.#limits.replyLine) return this.#tooLong()
    this.#carry ??= Buffer.allocUnsafe(this.#limits.replyLine)
    chunk.copy(this.#carry, this.#carried, start)
    this.#carried += length
    return null
  }

  #joined(chunk: Buffer, start: number, end: number): Buffer | string {
    const wrong = this.#keep(chunk.subarray(0, end), start)
    if (wrong !== null || this.#carry === null) return wrong ?? ''
    const line = this.#carry.subarray(0, this.#carried)
    this.#carried = 0
    return line
  }

  #tooLong(): string {
    return `a line of more than ${this.#limits.replyLine} octets in a reply`
  }

  /** A whole reply if this was its last line, null if more belongs to it, text if it is none. */
  #line(line: Buffer): Reply | string | null {
    const wrong = this.#problem(line)
    if (wrong !== null) return wrong
    this.#code = codeOf(line)
    this.#bytes += line.length
    this.#lines.push(line.toString('utf8', Math.min(4, line.length - 2), line.length - 2))
    if (line[3] === HYPHEN) return null
    const whole = makeReply(this.#code, this.#lines)
    this.#code = 0
    this.#lines = []
    this.#bytes = 0
    return whole
  }

  #problem(line: Buffer): string | null {
    if (line.length > this.#limits.replyLine) return this.#tooLong()
    if (line.indexOf(CR) !== line.length - 2) return 'a reply with a line that does not end in CRLF'
    const code = codeOf(line)
    if (code === 0) return 'not a reply'
    if (this.#code !== 0 && code !== this.#code) return 'a reply whose lines differ in code'
    if (this.#lines.length >= this.#limits.replyLines) return `a reply of more than ${this.#limits.replyLines} lines`
    if (this.#bytes + line.length > this.#limits.replyBytes) {
      return `a reply of more than ${this.#limits.replyBytes} octets`
    }
    return null
  }
}

/** The code of a line that ends in CRLF, 0 if there is none. */
function codeOf(line: Buffer): number {
  const a = (line[0] ?? 0) - ZERO
  const b = (line[1] ?? 0) - ZERO
  const c = (line[2] ?? 0) - ZERO
  const separator = line[3]
  if (a < 2 || a > 5 || b < 0 || b > 9 || c < 0 || c > 9) return 0
  return separator === SPACE || separator === HYPHEN || separator === CR ? a * 100 + b * 10 + c : 0
}

const ENHANCED = /^([245])\.\d{1,3}\.\d{1,3}(?= |$)/

/** RFC 2034: the enhanced code opens each line, and its class is the code's first digit. Anything else is text. */
function makeReply(code: number, lines: readonly string[]): Reply {
  const found = ENHANCED.exec(lines[0] ?? '')
  if (found === null || Number(found[1]) !== Math.trunc(code / 100)) return reply(code, null, ...lines)
  const [enhanced] = found
  const text = (line: string) => (line.startsWith(enhanced) ? line.slice(enhanced.length + 1) : line)
  return reply(code, enhanced, ...lines.map(text))
}
