import type { AnomalyKind } from './anomaly.ts'
import type { MimeLimits } from './limits.ts'
import type { PartField } from './part.ts'

const TAB = 9
const LF = 10
const CR = 13
const SPACE = 32
const COLON = 58

/** Takes the lines of one part's header, and keeps its MIME fields. */
export class FieldReader {
  readonly #limits: MimeLimits
  readonly #report: (kind: AnomalyKind) => void
  readonly #fields: PartField[] = []
  #bytes = 0
  #count = 0
  #overflow = false
  /** The field that is being read, if it is one of MIME's. */
  #open: { name: string; text: string[]; start: number; end: number } | null = null
  /** Some field, of MIME or not, that a folded line may belong to. */
  #inField = false

  constructor(limits: MimeLimits, report: (kind: AnomalyKind) => void) {
    this.#limits = limits
    this.#report = report
  }

  /** `line` with its line end, which the last line of a message may lack; `at`: where in the message. */
  line(line: Buffer, at: number): void {
    if (!this.#fits(line)) return
    const first = line[0]
    if (first === SPACE || first === TAB) this.#folded(line, at)
    else this.#field(line, at)
  }

  /** More of the same line. */
  more(rest: Buffer, at: number): void {
    if (this.#fits(rest)) this.#append(rest, at)
  }

  #fits(line: Buffer): boolean {
    this.#bytes += line.length
    if (this.#bytes > this.#limits.headerBytes) this.#tooLarge()
    if (!this.#overflow) this.#checkBytes(line)
    return !this.#overflow
  }

  #tooLarge(): void {
    if (!this.#overflow) this.#report('header-too-large')
    this.#overflow = true
  }

  #checkBytes(line: Buffer): void {
    let high = false
    let nul = false
    let alone = false
    for (let i = 0; i < line.length; i++) {
      const byte = line[i] ?? 0
      if (byte >= SPACE && byte < 127) continue
      if (byte > 127) high = true
      else if (byte === 0) nul = true
      else if (byte === CR) alone ||= line[i + 1] !== LF
      else if (byte === LF) alone ||= line[i - 1] !== CR
    }
    if (high) this.#report('header-8bit')
    if (nul) this.#report('header-nul')
    if (alone) this.#report('header-line-end')
  }

  #folded(line: Buffer, at: number): void {
    if (!this.#inField) this.#report('header-malformed')
    else if (isBlank(line)) this.#report('header-folding')
    this.#append(line, at)
  }

  #append(line: Buffer, at: number): void {
    if (this.#open === null) return
    this.#open.text.push(withoutLineEnd(line))
    this.#open.end = at + line.length
  }

  #field(line: Buffer, at: number): void {
    this.#close()
    const colon = nameEnd(line)
    this.#inField = colon > 0
    if (colon <= 0) this.#report('header-malformed')
    else if (++this.#count > this.#limits.headerFields) this.#tooLarge()
    else this.#keep(line, colon, at)
  }

  #keep(line: Buffer, colon: number, at: number): void {
    // names that begin with neither C nor M are of no interest
    const initial = (line[0] ?? 0) | 0x20
    if (initial !== 0x63 && initial !== 0x6d) return
    const name = line.toString('latin1', 0, colon).toLowerCase()
    if (!name.startsWith('content-') && name.trimEnd() !== 'mime-version') return
    if (name.endsWith(' ') || name.endsWith('\t')) this.#report('header-space')
    const text = withoutLineEnd(line.subarray(colon + 1))
    this.#open = { name: name.trimEnd(), text: [text], start: at, end: at + line.length }
  }

  #close(): void {
    if (this.#open === null) return
    const { name, text, start, end } = this.#open
    this.#fields.push({ name, value: text.join(''), start, end })
    this.#open = null
  }

  /** The MIME fields, in order. */
  end(): readonly PartField[] {
    this.#close()
    return this.#fields
  }
}

const withoutLineEnd = (line: Buffer): string => {
  let end = line.length
  if (line[end - 1] === LF) end--
  if (line[end - 1] === CR) end--
  return line.toString('latin1', 0, end)
}

const isBlank = (line: Buffer): boolean =>
  line.every((byte) => byte === SPACE || byte === TAB || byte === CR || byte === LF)

/** Where the colon is; -1 if the line is no field. RFC 5322 section 2.2; white space before the colon is section 4.5's. */
function nameEnd(line: Buffer): number {
  let at = 0
  for (; at < line.length; at++) {
    const byte = line[at] ?? 0
    if (byte === COLON) return at
    if (byte <= SPACE || byte > 126) break
  }
  if (at === 0) return -1
  while (line[at] === SPACE || line[at] === TAB) at++
  return line[at] === COLON ? at : -1
}
