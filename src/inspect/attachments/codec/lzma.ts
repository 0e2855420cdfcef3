import { damaged } from '../failure.ts'
import { RangeDecoder } from './range-decoder.ts'

const HALF = 1024
const probabilities = (size: number): Uint16Array => new Uint16Array(size).fill(HALF)

/** Probabilities of match lengths: two choices, low and mid trees by position, the high tree. */
class Lengths {
  readonly #choice = probabilities(2)
  readonly #low = probabilities(16 << 3)
  readonly #mid = probabilities(16 << 3)
  readonly #high = probabilities(256)

  decode(rc: RangeDecoder, posState: number): number {
    if (rc.bit(this.#choice, 0) === 0) return rc.tree(this.#low, posState << 3, 3)
    if (rc.bit(this.#choice, 1) === 0) return 8 + rc.tree(this.#mid, posState << 3, 3)
    return 16 + rc.tree(this.#high, 0, 8)
  }
}

/** Everything that a state reset makes new. */
class Model {
  readonly literal: Uint16Array
  readonly isMatch = probabilities(12 << 4)
  readonly isRep = probabilities(12)
  readonly isRepG0 = probabilities(12)
  readonly isRepG1 = probabilities(12)
  readonly isRepG2 = probabilities(12)
  readonly isRep0Long = probabilities(12 << 4)
  readonly slot = probabilities(4 << 6)
  readonly special = probabilities(128)
  readonly align = probabilities(16)
  readonly lengths = new Lengths()
  readonly repLengths = new Lengths()
  readonly lc: number
  readonly lp: number
  readonly pb: number

  constructor(properties: number) {
    if (properties >= 225) damaged('LZMA data is damaged')
    this.lc = properties % 9
    this.lp = Math.floor(properties / 9) % 5
    this.pb = Math.floor(properties / 45)
    this.literal = probabilities(0x300 << (this.lc + this.lp))
  }
}

/**
 * Decodes LZMA (LZMA specification, Igor Pavlov) into `out`. The window is `out` itself, so its size
 * bounds memory; each call of `chunk` is bounded by the bytes it may put out and take in.
 */
export class LzmaDecoder {
  readonly out: Buffer
  /** Bytes put out. */
  at = 0
  /** Where the dictionary begins. */
  #base = 0
  #model = new Model(0)
  #state = 0
  #reps: [number, number, number, number] = [0, 0, 0, 0]

  constructor(out: Buffer) {
    this.out = out
  }

  resetDictionary(): void {
    this.#base = this.at
  }

  /** Model and state anew; `properties` as in the byte of the header, or null for those before. */
  reset(properties: number | null): void {
    const { lc, lp, pb } = this.#model
    this.#model = new Model(properties ?? (pb * 5 + lp) * 9 + lc)
    this.#state = 0
    this.#reps = [0, 0, 0, 0]
  }

  /** Bytes that are not packed (LZMA2). */
  copy(bytes: Buffer): void {
    if (this.at + bytes.length > this.out.length) damaged('LZMA data is damaged')
    bytes.copy(this.out, this.at)
    this.at += bytes.length
  }

  /** Decodes from `from` to `to` of `bytes` until `until` bytes are out, or the end marker. */
  chunk(bytes: Buffer, from: number, to: number, until: number): void {
    const rc = new RangeDecoder(bytes, from, to)
    if (until > this.out.length) damaged('LZMA data is damaged')
    while (this.at < until) {
      if (!this.#symbol(rc, until)) return
    }
  }

  /** False at the end marker. */
  #symbol(rc: RangeDecoder, until: number): boolean {
    const model = this.#model
    const posState = (this.at - this.#base) & ((1 << model.pb) - 1)
    if (rc.bit(model.isMatch, (this.#state << 4) + posState) === 0) {
      this.#literal(rc)
      return true
    }
    if (rc.bit(model.isRep, this.#state) !== 0) {
      if (this.#shortRep(rc, posState)) return true
      this.#repeat(model.repLengths.decode(rc, posState) + 2, until)
      this.#state = this.#state < 7 ? 8 : 11
      return true
    }
    return this.#match(rc, posState, until)
  }

  #literal(rc: RangeDecoder): void {
    const { lc, lp, literal } = this.#model
    const position = this.at - this.#base
    const previous = position === 0 ? 0 : (this.out[this.at - 1] as number)
    const context = ((position & ((1 << lp) - 1)) << lc) + (previous >> (8 - lc))
    const offset = 0x300 * context
    let symbol = 1
    if (this.#state >= 7) symbol = this.#afterMatch(rc, literal, offset)
    while (symbol < 0x100) symbol = (symbol << 1) | rc.bit(literal, offset + symbol)
    this.out[this.at++] = symbol & 255
    this.#state = this.#state < 4 ? 0 : this.#state < 10 ? this.#state - 3 : this.#state - 6
  }

  #afterMatch(rc: RangeDecoder, literal: Uint16Array, offset: number): number {
    let match = this.#byteAt(this.#reps[0])
    let symbol = 1
    while (symbol < 0x100) {
      const matchBit = (match >> 7) & 1
      match <<= 1
      const bit = rc.bit(literal, offset + ((1 + matchBit) << 8) + symbol)
      symbol = (symbol << 1) | bit
      if (matchBit !== bit) break
    }
    return symbol
  }

  #byteAt(distance: number): number {
    if (distance >= this.at - this.#base) damaged('LZMA data is damaged')
    return this.out[this.at - distance - 1] as number
  }

  /** One of the last four distances; true where it was the single byte of a short repetition. */
  #shortRep(rc: RangeDecoder, posState: number): boolean {
    const model = this.#model
    const [r0, r1, r2, r3] = this.#reps
    if (rc.bit(model.isRepG0, this.#state) === 0) {
      if (rc.bit(model.isRep0Long, (this.#state << 4) + posState) !== 0) return false
      this.out[this.at] = this.#byteAt(r0)
      this.at += 1
      this.#state = this.#state < 7 ? 9 : 11
      return true
    }
    if (rc.bit(model.isRepG1, this.#state) === 0) this.#reps = [r1, r0, r2, r3]
    else if (rc.bit(model.isRepG2, this.#state) === 0) this.#reps = [r2, r0, r1, r3]
    else this.#reps = [r3, r0, r1, r2]
    return false
  }

  #match(rc: RangeDecoder, posState: number, until: number): boolean {
    const [r0, r1, r2] = this.#reps
    const length = this.#model.lengths.decode(rc, posState)
    this.#state = this.#state < 7 ? 7 : 10
    const distance = this.#distance(rc, length)
    if (distance === 0xffffffff) return false
    this.#reps = [distance, r0, r1, r2]
    this.#repeat(length + 2, until)
    return true
  }

  #distance(rc: RangeDecoder, length: number): number {
    const { slot, special, align } = this.#model
    const found = rc.tree(slot, Math.min(length, 3) << 6, 6)
    if (found < 4) return found
    const bits = (found >> 1) - 1
    const base = ((2 | (found & 1)) << bits) >>> 0
    if (found < 14) return base + rc.reverseTree(special, base - found, bits)
    const high = rc.direct(bits - 4) * 16
    return base + high + rc.reverseTree(align, 0, 4)
  }

  #repeat(length: number, until: number): void {
    const distance = this.#reps[0] + 1
    if (distance > this.at - this.#base || this.at + length > until) damaged('LZMA data is damaged')
    const out = this.out
    for (let left = length; left > 0; left--, this.at++) out[this.at] = out[this.at - distance] as number
  }
}
