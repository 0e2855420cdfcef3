import type { AnomalyKind } from './anomaly.ts'
import { decoderFor, decodeUnlabelled } from './charset.ts'
import { decodeWords, fromBinary } from './words.ts'

/** One parameter of a field such as Content-Type. */
export interface Parameter {
  /** As it stands in the header (binary string), joined where RFC 2231 cuts it in pieces. */
  readonly raw: string
  /** Decoded by RFC 2231, or by RFC 2047, which has no place there but is found. */
  readonly text: string
  /** It could be read and decoded without guessing. */
  readonly sound: boolean
}

/** `value; name=value; …` */
export interface FieldValue {
  /** What stands before the parameters, lower-case, without comments. */
  readonly value: string
  /** By lower-case name, without RFC 2231's asterisks; with both `x` and `x*`, the latter (RFC 2231 section 4). */
  readonly parameters: ReadonlyMap<string, Parameter>
  /** The plain `x` where there was an `x*` as well. */
  readonly shadowed: ReadonlyMap<string, Parameter>
  readonly flaws: ReadonlySet<AnomalyKind>
}

/** Reads a structured field of RFC 2045 section 5.1, leniently: what is wrong is among the flaws. `input` is a binary string. */
export function parseFieldValue(input: string, maxParameters: number): FieldValue {
  const flaws = new Set<AnomalyKind>()
  const scanner = new Scanner(input, flaws)
  const value = scanner.until(';').trim().toLowerCase()
  const pieces: Piece[] = []
  for (;;) {
    const piece = scanner.parameter()
    if (piece === null) break
    if (pieces.length === maxParameters) {
      flaws.add('too-many-parameters')
      break
    }
    pieces.push(piece)
  }
  return { value, ...assemble(pieces, flaws), flaws }
}

interface Piece {
  /** Lower-case, with asterisks. */
  readonly name: string
  readonly value: string
  readonly sound: boolean
}

class Scanner {
  readonly #input: string
  readonly #flaws: Set<AnomalyKind>
  #at = 0

  constructor(input: string, flaws: Set<AnomalyKind>) {
    this.#input = input
    this.#flaws = flaws
  }

  /** Text up to one of these characters, comments left out. */
  until(stops: string): string {
    let text = ''
    let from = this.#at
    while (this.#at < this.#input.length) {
      const char = this.#input.charAt(this.#at)
      if (stops.includes(char)) break
      if (char === '(') {
        text += this.#input.slice(from, this.#at)
        this.#comment()
        from = this.#at
      } else this.#at++
    }
    return text + this.#input.slice(from, this.#at)
  }

  /** RFC 822's comment; one that never ends takes all. */
  #comment(): void {
    this.#flaws.add('field-comment')
    let depth = 0
    for (; this.#at < this.#input.length; this.#at++) {
      const char = this.#input.charAt(this.#at)
      if (char === '\\') this.#at++
      else if (char === '(') depth++
      else if (char === ')' && --depth === 0) {
        this.#at++
        return
      }
    }
    this.#flaws.add('malformed-parameter')
  }

  /** The next parameter; null at the end. */
  parameter(): Piece | null {
    while (this.#at < this.#input.length) {
      const name = this.until('=;').trim().toLowerCase()
      const stop = this.#input.charAt(this.#at++)
      if (stop === '=') return this.#valueOf(name)
      if (name !== '') this.#flaws.add('malformed-parameter')
    }
    return null
  }

  #valueOf(name: string): Piece {
    const nameSound = /^[^\s"]+$/.test(name)
    if (!nameSound) this.#flaws.add('malformed-parameter')
    while (' \t\r\n'.includes(this.#input.charAt(this.#at)) && this.#at < this.#input.length) this.#at++
    const { value, sound } = this.#input.charAt(this.#at) === '"' ? this.#quoted() : this.#bare()
    this.#at++
    return { name, value, sound: nameSound && sound }
  }

  #quoted(): { value: string; sound: boolean } {
    const chars: string[] = []
    for (this.#at++; this.#at < this.#input.length; this.#at++) {
      const char = this.#input.charAt(this.#at)
      if (char === '"') {
        this.#at++
        const sound = this.until(';').trim() === ''
        return { value: chars.join(''), sound }
      }
      if (char === '\\' && this.#at + 1 < this.#input.length) this.#at++
      chars.push(this.#input.charAt(this.#at))
    }
    return { value: chars.join(''), sound: false }
  }

  #bare(): { value: string; sound: boolean } {
    const value = this.until(';').trim()
    return { value, sound: !/[\s"]/.test(value) }
  }
}

type Assembled = Pick<FieldValue, 'parameters' | 'shadowed'>

/** Joins the pieces of RFC 2231 section 3. */
function assemble(pieces: readonly Piece[], flaws: Set<AnomalyKind>): Assembled {
  const plain = new Map<string, Parameter>()
  const extended = new Map<string, Map<number, { value: string; encoded: boolean; sound: boolean }>>()
  for (const { name, value, sound } of pieces) {
    const [, base = '', index = '', star = ''] = /^([^*]*)(?:\*(\d{1,4}))?(\*)?$/.exec(name) ?? [name, name]
    if (index === '' && star === '') {
      if (plain.has(base)) flaws.add('duplicate-parameter')
      else plain.set(base, plainParameter(value, sound))
      continue
    }
    const segments = extended.get(base) ?? new Map()
    extended.set(base, segments)
    if (segments.has(Number(index))) flaws.add('duplicate-parameter')
    else segments.set(Number(index), { value, encoded: star !== '', sound })
  }
  const parameters = new Map(plain)
  const shadowed = new Map<string, Parameter>()
  for (const [base, segments] of extended) {
    const before = plain.get(base)
    if (before !== undefined) shadowed.set(base, before)
    parameters.set(base, extendedParameter(segments))
  }
  if ([...parameters.values()].some(({ sound }) => !sound)) flaws.add('malformed-parameter')
  return { parameters, shadowed }
}

function plainParameter(raw: string, sound: boolean): Parameter {
  const words = decodeWords(raw)
  return { raw, text: words.text, sound: sound && words.sound }
}

type Segments = ReadonlyMap<number, { readonly value: string; readonly encoded: boolean; readonly sound: boolean }>

function extendedParameter(segments: Segments): Parameter {
  const ordered = [...segments].sort(([a], [b]) => a - b)
  const raw = ordered.map(([, { value }]) => value).join('')
  let sound = ordered.every(([index, segment], i) => index === i && segment.sound)
  const first = ordered[0]?.[1]
  if (first === undefined || !ordered.some(([, { encoded }]) => encoded)) {
    return { raw, text: fromBinary(raw), sound }
  }
  const [, label, start] = /^([^']*)'[^']*'(.*)$/s.exec(first.value) ?? [first.value, null, first.value]
  const binary = ordered
    .map(([, { value, encoded }], i) =>
      i === 0 ? percentDecoded(start ?? '', encoded) : percentDecoded(value, encoded),
    )
    .join('')
  const decoder = label === null || label === undefined || label === '' ? null : decoderFor(label)
  sound &&= label !== null && (decoder !== null || label === '')
  const bytes = Buffer.from(binary, 'latin1')
  return { raw, text: decoder?.decode(bytes) ?? decodeUnlabelled(bytes), sound }
}

function percentDecoded(value: string, encoded: boolean): string {
  if (!encoded) return value
  return value.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
}
