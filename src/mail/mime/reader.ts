import type { Content } from '../content.ts'
import { Anomalies, type Anomaly, type AnomalyKind } from './anomaly.ts'
import { Boundaries } from './boundaries.ts'
import { FieldReader } from './fields.ts'
import { MIME_LIMITS, type MimeLimits } from './limits.ts'
import { PartNode } from './node.ts'
import { isMessage, type Part } from './part.ts'
import { Window } from './window.ts'

/** The structure of a message. */
export interface Mime {
  readonly root: Part
  readonly anomalies: readonly Anomaly[]
  /** False where a limit kept parts from being found or read: there is more than what stands here. */
  readonly complete: boolean
  /** Bytes read. */
  readonly size: number
}

/** Takes apart a message, or an attached one, that is in memory. */
export function readMime(bytes: Buffer, limits: MimeLimits = MIME_LIMITS): Mime {
  const reader = new MimeReader(limits)
  reader.push(bytes)
  return reader.end()
}

/** The same for content wherever it lies; what is in a file streams by. */
export async function readMimeContent(content: Content, limits: MimeLimits = MIME_LIMITS): Promise<Mime> {
  if (content.bytes !== null) return readMime(content.bytes, limits)
  const reader = new MimeReader(limits)
  for await (const chunk of content.stream()) reader.push(chunk)
  return reader.end()
}

const TAB = 9
const LF = 10
const CR = 13
const SPACE = 32
const DASH = 45

/** No line of a boundary is longer than this: LONGEST_BOUNDARY, and white space. */
const MAX_DELIMITER = 4096
/** A line of a header that is longer is taken in pieces. */
const MAX_PIECE = 8192

/** Finds the structure in one pass, in time that grows with the size only. Never throws. */
export class MimeReader {
  readonly #limits: MimeLimits
  readonly #anomalies: Anomalies
  readonly #window = new Window()
  readonly #boundaries = new Boundaries()
  readonly #root: PartNode
  /** From the root down to the part that is being read; its index is its depth. */
  readonly #open: PartNode[]
  #fields: FieldReader | null
  /** Index into the window of what is not dealt with yet. */
  #at = 0
  #parts = 1
  #complete = true
  /** In a body: `#at` is at the start of a line. In a header: it is not, but in the middle of one. */
  #lineStart = false
  /** Length of the line end in front of `#at`, where that is at the start of a line. */
  #lineBreak = 0
  #midLine = false

  constructor(limits: MimeLimits = MIME_LIMITS) {
    this.#limits = limits
    this.#anomalies = new Anomalies(limits.anomalies)
    this.#root = new PartNode(null, 0)
    this.#open = [this.#root]
    this.#fields = this.#fieldReader(this.#root)
  }

  /** The next bytes. They must not change until the reader has ended. */
  push(chunk: Buffer): void {
    this.#window.add(chunk, this.#at)
    this.#at = 0
    this.#run(false)
  }

  /** The structure of what came. */
  end(): Mime {
    this.#run(true)
    const size = this.#window.base + this.#window.bytes.length
    if (this.#fields !== null) this.#endHeader(size, false)
    this.#endParts(0, size)
    return { root: this.#root, anomalies: this.#anomalies.found, complete: this.#complete, size }
  }

  #fieldReader(part: PartNode): FieldReader {
    return new FieldReader(this.#limits, (kind) => this.#report(kind, part))
  }

  #report(kind: AnomalyKind, part: PartNode): void {
    if (INCOMPLETE.has(kind)) this.#complete = false
    this.#anomalies.add(kind, part)
  }

  get #current(): PartNode {
    return this.#open.at(-1) ?? this.#root
  }

  #run(final: boolean): void {
    while (this.#fields === null ? this.#body(final) : this.#headerLine(this.#fields, final));
  }

  /** Takes one line of a header. False: more bytes are needed. */
  #headerLine(fields: FieldReader, final: boolean): boolean {
    const { bytes, base } = this.#window
    const from = this.#at
    const newline = bytes.indexOf(LF, from)
    if (newline < 0) return this.#unfinishedLine(fields, final)
    this.#at = newline + 1
    if (this.#midLine) {
      this.#midLine = false
      fields.more(bytes.subarray(from, this.#at), base + from)
    } else if (newline === from || (newline === from + 1 && bytes[from] === CR)) {
      if (newline === from) this.#report('header-line-end', this.#current)
      this.#endHeader(base + this.#at, true)
    } else if (!this.#isDelimiter(from, newline, this.#at)) fields.line(bytes.subarray(from, this.#at), base + from)
    return true
  }

  #unfinishedLine(fields: FieldReader, final: boolean): boolean {
    const { bytes, base } = this.#window
    const from = this.#at
    if (from === bytes.length || (!final && bytes.length - from < MAX_PIECE)) return false
    if (final && !this.#midLine && this.#isDelimiter(from, bytes.length, bytes.length)) return true
    // a CR at the end may belong to a line end
    const end = final ? bytes.length : bytes.length - 1
    const piece = bytes.subarray(from, end)
    if (this.#midLine) fields.more(piece, base + from)
    else fields.line(piece, base + from)
    this.#midLine = true
    this.#at = end
    return true
  }

  /** The header of the innermost part has ended; its body starts at `bodyStart`. */
  #endHeader(bodyStart: number, byEmptyLine: boolean): void {
    const part = this.#current
    const entityFields = this.#fields?.end() ?? []
    this.#fields = null
    this.#lineStart = true
    this.#lineBreak = 0
    if (!byEmptyLine) this.#report('header-unterminated', part)
    part.describe(entityFields, bodyStart, this.#limits)
    for (const flaw of part.flaws) this.#report(flaw, part)
    if (part.type.full === 'message/partial') this.#report('partial', part)
    if (part.type.full === 'message/external-body') this.#report('external-body', part)
    if (byEmptyLine) this.#enter(part)
  }

  /** Looks into a multipart or an attached message, where the limits let it. */
  #enter(part: PartNode): void {
    const contains = part.boundary !== null || (isMessage(part) && part.isPlain)
    if (!contains) return
    if (part.depth >= this.#limits.depth) this.#report('too-deep', part)
    else if (part.boundary === null) this.#begin(part, part.bodyStart)
    else this.#await(part, part.boundary)
  }

  #await(part: PartNode, boundary: string): void {
    const clash = this.#boundaries.add(Buffer.from(boundary, 'latin1'), part.depth)
    if (clash !== null) this.#report(clash, part)
  }

  #begin(parent: PartNode, headerStart: number): void {
    if (this.#parts >= this.#limits.parts) {
      this.#report('too-many-parts', parent)
      return
    }
    this.#parts++
    const part = new PartNode(parent, headerStart)
    parent.children.push(part)
    this.#open.push(part)
    this.#fields = this.#fieldReader(part)
    this.#midLine = false
  }

  /** Goes on to the next line that may be a boundary. False: more bytes are needed. */
  #body(final: boolean): boolean {
    const { bytes } = this.#window
    if (this.#boundaries.empty) {
      this.#at = bytes.length
      return false
    }
    const line = this.#nextDashes(final)
    if (line < 0) return false
    const newline = bytes.indexOf(LF, line)
    if (newline < 0 && !final && bytes.length - line < MAX_DELIMITER) return this.#waitAt(line)
    const end = newline < 0 ? bytes.length : newline
    if (this.#isDelimiter(line, end, newline < 0 ? end : end + 1)) return true
    this.#epilogue(line, line + 2)
    this.#at = line + 2
    this.#lineStart = false
    return true
  }

  /** Stays so that the line end in front of the line is seen again. */
  #waitAt(line: number): false {
    const lineEnd = this.#window.bytes[line - 1] === LF ? (this.#window.bytes[line - 2] === CR ? 2 : 1) : 0
    this.#lineStart ||= lineEnd === 0
    this.#at = Math.max(this.#at, line - lineEnd)
    return false
  }

  /** The index of the next line that begins with two dashes; -1: more bytes are needed. */
  #nextDashes(final: boolean): number {
    const { bytes } = this.#window
    if (this.#lineStart) {
      if (bytes.length - this.#at < 2 && !final) return -1
      if (bytes[this.#at] === DASH && bytes[this.#at + 1] === DASH) return this.#at
    }
    const found = bytes.indexOf('\n--', this.#at, 'latin1')
    const upTo = found < 0 ? (final ? bytes.length : Math.max(this.#at, bytes.length - 4)) : found + 1
    this.#epilogue(this.#at, upTo)
    if (found >= 0) return found + 1
    // the last four may be the beginning of a line end and two dashes
    if (upTo > this.#at) this.#lineStart = false
    this.#at = upTo
    return -1
  }

  /** Text after the closing boundary, seen only until the first of it. */
  #epilogue(from: number, to: number): void {
    const part = this.#current
    if (part.close === null || part.epilogueSeen) return
    const { bytes } = this.#window
    for (let i = from; i < to; i++) {
      const byte = bytes[i] ?? SPACE
      if (byte === SPACE || byte === TAB || byte === CR || byte === LF) continue
      part.epilogueSeen = true
      this.#report('epilogue', part)
      return
    }
  }

  /** Deals with a line that is one of the boundaries. `end`: of its text; `after`: where the next line begins. */
  #isDelimiter(line: number, end: number, after: number): boolean {
    const { bytes, base } = this.#window
    if (bytes[line] !== DASH || bytes[line + 1] !== DASH || this.#boundaries.empty) return false
    let trimmed = end
    // transport padding, RFC 2046 section 5.1.1
    while (trimmed > line && isWhite(bytes[trimmed - 1] ?? 0)) trimmed--
    const found = this.#boundaries.match(bytes, line + 2, trimmed, (level) => this.#open[level]?.close !== null)
    if (found === 'lookalike') this.#report('boundary-lookalike', this.#current)
    if (found === null || found === 'lookalike') return false
    const before = line - (line === this.#at && this.#lineStart ? this.#lineBreak : lineEndBefore(bytes, line))
    if (this.#fields !== null) this.#endHeader(base + line, false)
    this.#endParts(found.level + 1, base + before)
    this.#at = after
    this.#lineBreak = lineEndBefore(bytes, after)
    this.#atBoundary(found.closes, { start: base + line, end: base + after })
    return true
  }

  #atBoundary(closes: boolean, place: { readonly start: number; readonly end: number }): void {
    const part = this.#current
    if (part.close !== null && !part.reopened) {
      part.reopened = true
      this.#report('reopened', part)
    }
    this.#lineStart = true
    if (closes) part.close ??= place
    else this.#begin(part, place.end)
  }

  /** Ends all open parts from that depth on. */
  #endParts(depth: number, before: number): void {
    let end = before
    while (this.#open.length > depth) {
      const part = this.#open.pop()
      if (part === undefined) return
      // never before what it contains: the line end in front of a boundary may be that of an inner header
      end = Math.max(end, part.bodyStart)
      part.bodyEnd = end
      if (part.boundary === null || part.depth >= this.#limits.depth) continue
      if (part.children.length === 0) this.#report('no-parts', part)
      else if (part.close === null) this.#report('unterminated', part)
    }
    this.#boundaries.drop(depth)
  }
}

const INCOMPLETE: ReadonlySet<AnomalyKind> = new Set([
  'too-deep',
  'too-many-parts',
  'header-too-large',
  'too-many-parameters',
])

const isWhite = (byte: number): boolean => byte === SPACE || byte === TAB || byte === CR

function lineEndBefore(bytes: Buffer, line: number): number {
  if (line === 0 || bytes[line - 1] !== LF) return 0
  return line > 1 && bytes[line - 2] === CR ? 2 : 1
}
