import type { AnomalyKind } from './anomaly.ts'
import type { Decoder } from './decode.ts'

const TAB = 9
const LF = 10
const CR = 13
const SPACE = 32
const EQUALS = 61

const HEX = new Uint8Array(256).fill(255)
for (const [value, char] of [...'0123456789abcdef'].entries()) HEX[char.charCodeAt(0)] = value
for (const [i, char] of [...'ABCDEF'].entries()) HEX[char.charCodeAt(0)] = i + 10

/**
 * RFC 2045 section 6.7. White space at the end of a line is dropped (rule 3), and an `=` that means
 * nothing stays as it is.
 */
export class QuotedPrintableDecoder implements Decoder {
  readonly flaws = new Set<AnomalyKind>()
  /** What may have to wait for the bytes after it: an escape, or white space that may end a line. */
  #held: Buffer = Buffer.alloc(0)

  push(chunk: Uint8Array): Buffer {
    return this.#decode(this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]), false)
  }

  end(): Buffer {
    return this.#decode(this.#held, true)
  }

  #decode(input: Uint8Array, final: boolean): Buffer {
    const out = Buffer.allocUnsafe(input.length)
    const tokens = new QuotedPrintableTokens(input, final)
    let length = 0
    while (tokens.next()) {
      if (tokens.kind === 'literal') for (let i = tokens.start; i < tokens.end; i++) out[length++] = input[i] ?? 0
      else if (tokens.kind === 'escape') out[length++] = tokens.value
      else if (tokens.kind === 'invalid') {
        this.flaws.add('invalid-quoted-printable')
        out[length++] = EQUALS
      }
    }
    this.#held = Buffer.from(input.subarray(tokens.end))
    return out.subarray(0, length)
  }
}

/** Cuts quoted-printable into what each piece of it stands for. After `next` the fields tell of the present piece. */
export class QuotedPrintableTokens {
  /** `literal`: these very bytes. `escape`: `value`. `soft`, `blank`: nothing. `invalid`: an equals sign. */
  kind: 'literal' | 'escape' | 'soft' | 'blank' | 'invalid' = 'literal'
  start = 0
  end = 0
  value = 0
  readonly #input: Uint8Array
  readonly #final: boolean

  constructor(input: Uint8Array, final: boolean) {
    this.#input = input
    this.#final = final
  }

  /** False: there is nothing more, or what there is needs the bytes that follow. */
  next(): boolean {
    const input = this.#input
    const start = this.end
    const first = input[start]
    if (first === undefined) return false
    this.start = start
    if (first === EQUALS) return this.#equals(start)
    if (first === SPACE || first === TAB) return this.#white(start)
    let end = start + 1
    for (; end < input.length; end++) {
      const byte = input[end]
      if (byte === EQUALS || byte === SPACE || byte === TAB) break
    }
    return this.#is('literal', end)
  }

  #is(kind: QuotedPrintableTokens['kind'], end: number): true {
    this.kind = kind
    this.end = end
    return true
  }

  #equals(start: number): boolean {
    const input = this.#input
    const high = HEX[input[start + 1] ?? 0] ?? 255
    const low = HEX[input[start + 2] ?? 0] ?? 255
    if (high < 16 && low < 16) {
      this.value = high * 16 + low
      return this.#is('escape', start + 3)
    }
    return this.#soft(start, afterWhite(input, start + 1))
  }

  /** A soft line break, with the white space that transports put behind it. */
  #soft(start: number, at: number): boolean {
    const input = this.#input
    if (input[at] === LF) return this.#is('soft', at + 1)
    if (input[at] === CR && input[at + 1] === LF) return this.#is('soft', at + 2)
    const open = at >= input.length || (at + 1 >= input.length && at > start) || start + 2 >= input.length
    if (open && !this.#final) return false
    return at >= input.length ? this.#is('soft', at) : this.#is('invalid', start + 1)
  }

  #white(start: number): boolean {
    const input = this.#input
    const end = afterWhite(input, start)
    if (end >= input.length) return this.#final && this.#is('blank', end)
    if (input[end] === CR && end + 1 >= input.length && !this.#final) return false
    const lineEnds = input[end] === LF || (input[end] === CR && input[end + 1] === LF)
    return this.#is(lineEnds ? 'blank' : 'literal', end)
  }
}

function afterWhite(input: Uint8Array, from: number): number {
  let at = from
  while (input[at] === SPACE || input[at] === TAB) at++
  return at
}
