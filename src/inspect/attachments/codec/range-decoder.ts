import { damaged } from '../failure.ts'

const TOP = 2 ** 24

/** The range decoder of LZMA, over bytes `at` to `end` of a buffer (LZMA specification, "Range decoder"). */
export class RangeDecoder {
  readonly #bytes: Buffer
  readonly #end: number
  #at: number
  #range = 0xffffffff
  #code = 0

  constructor(bytes: Buffer, at: number, end: number) {
    if (at + 5 > end || bytes[at] !== 0) damaged('LZMA data is damaged')
    this.#bytes = bytes
    this.#end = end
    this.#code = bytes.readUInt32BE(at + 1)
    this.#at = at + 5
  }

  #normalize(): void {
    if (this.#range >= TOP) return
    if (this.#at >= this.#end) damaged('ends too early')
    this.#range = (this.#range << 8) >>> 0
    this.#code = ((this.#code << 8) | (this.#bytes[this.#at++] as number)) >>> 0
  }

  bit(probs: Uint16Array, index: number): number {
    this.#normalize()
    const prob = probs[index] as number
    const bound = (this.#range >>> 11) * prob
    if (this.#code < bound) {
      this.#range = bound
      probs[index] = prob + ((2048 - prob) >>> 5)
      return 0
    }
    this.#range -= bound
    this.#code -= bound
    probs[index] = prob - (prob >>> 5)
    return 1
  }

  direct(count: number): number {
    let result = 0
    for (let left = count; left > 0; left--) {
      this.#normalize()
      this.#range = this.#range >>> 1
      const one = this.#code >= this.#range
      if (one) this.#code -= this.#range
      result = ((result << 1) | (one ? 1 : 0)) >>> 0
    }
    return result
  }

  tree(probs: Uint16Array, offset: number, bits: number): number {
    let at = 1
    for (let left = bits; left > 0; left--) at = (at << 1) | this.bit(probs, offset + at)
    return at - (1 << bits)
  }

  reverseTree(probs: Uint16Array, offset: number, bits: number): number {
    let at = 1
    let symbol = 0
    for (let i = 0; i < bits; i++) {
      const bit = this.bit(probs, offset + at)
      at = (at << 1) | bit
      symbol |= bit << i
    }
    return symbol
  }
}
