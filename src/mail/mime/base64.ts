import type { AnomalyKind } from './anomaly.ts'
import type { Decoder } from './decode.ts'

const SKIP = 64
const PAD = 65
const ALIEN = 66

const VALUES = new Uint8Array(256).fill(ALIEN)
for (const [value, char] of [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'].entries()) {
  VALUES[char.charCodeAt(0)] = value
}
for (const space of [9, 10, 13, 32]) VALUES[space] = SKIP
VALUES[61] = PAD

/**
 * RFC 2045 section 6.8. Characters outside of the alphabet are passed over, as that section asks;
 * data after padding is decoded as well, because some readers show it.
 */
export class Base64Decoder implements Decoder {
  readonly flaws = new Set<AnomalyKind>()
  #bits = 0
  #count = 0
  #padded = false

  push(chunk: Uint8Array): Buffer {
    const out = Buffer.allocUnsafe(Math.ceil((chunk.length + 3) / 4) * 3 + 3)
    let length = 0
    let bits = this.#bits
    let count = this.#count
    for (let i = 0; i < chunk.length; i++) {
      const value = VALUES[chunk[i] ?? 0] ?? ALIEN
      if (value < SKIP) {
        if (this.#padded) this.#afterEnd()
        bits = (bits << 6) | value
        if (++count === 4) {
          out[length++] = bits >> 16
          out[length++] = bits >> 8
          out[length++] = bits
          bits = 0
          count = 0
        }
      } else if (value === PAD) {
        length = this.#group(out, length, bits, count)
        bits = 0
        count = 0
        this.#padded = true
      } else if (value === ALIEN) this.flaws.add('invalid-base64')
    }
    this.#bits = bits
    this.#count = count
    return out.subarray(0, length)
  }

  #afterEnd(): void {
    this.flaws.add('base64-after-end')
    this.#padded = false
  }

  /** The bytes of a last group of fewer than four characters. */
  #group(out: Buffer, at: number, bits: number, count: number): number {
    if (count === 1 || (count === 0 && !this.#padded)) this.flaws.add('invalid-base64')
    let length = at
    if (count >= 2) out[length++] = count === 2 ? bits >> 4 : bits >> 10
    if (count === 3) out[length++] = bits >> 2
    return length
  }

  end(): Buffer {
    const out = Buffer.allocUnsafe(3)
    const count = this.#count
    this.#count = 0
    return count === 0 ? out.subarray(0, 0) : out.subarray(0, this.#group(out, 0, this.#bits, count))
  }
}
