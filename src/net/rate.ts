import type { Clock } from '../clock.ts'

/** `count` in every `perMs`; `burst` at once after a time of quiet (default: `count`). */
export interface Rate {
  readonly count: number
  readonly perMs: number
  readonly burst?: number
}

interface Bucket {
  tokens: number
  /** When `tokens` was right, milliseconds since 1970. */
  at: number
}

/**
 * Token buckets, one for each key, in bounded memory: when there are more than `maxKeys`, the one
 * that was not used for longest goes. A key that comes back then starts with a full bucket, so
 * `maxKeys` is to be larger than the number of sources that an attacker can have.
 */
export class RateLimiter {
  readonly #buckets = new Map<string, Bucket>()
  readonly #clock: Clock
  readonly #maxKeys: number

  constructor(clock: Clock, maxKeys = 100_000) {
    this.#clock = clock
    this.#maxKeys = maxKeys
  }

  get size(): number {
    return this.#buckets.size
  }

  /**
   * Takes `n` tokens of `key`. 0 if they were there, otherwise nothing is taken and the answer is
   * the milliseconds after which they will be. More than a burst at once is given when the bucket is
   * full, and leaves it in debt, as otherwise it could never pass.
   */
  take(key: string, rate: Rate, n = 1): number {
    const now = this.#clock.now()
    const burst = rate.burst ?? rate.count
    const bucket = this.#bucket(key, burst, now)
    const perMs = rate.count / rate.perMs
    // a clock that goes back must not take tokens away
    bucket.tokens = Math.min(burst, bucket.tokens + Math.max(0, now - bucket.at) * perMs)
    bucket.at = now
    const missing = Math.min(n, burst) - bucket.tokens
    if (missing > 1e-9) return Math.max(1, Math.ceil(missing / perMs - 1e-6))
    bucket.tokens -= n
    return 0
  }

  #bucket(key: string, burst: number, now: number): Bucket {
    const found = this.#buckets.get(key)
    if (found !== undefined) {
      // back to the end of the map's order, which is the order of last use
      this.#buckets.delete(key)
      this.#buckets.set(key, found)
      return found
    }
    if (this.#buckets.size >= this.#maxKeys) this.#forgetOldest()
    const bucket = { tokens: burst, at: now }
    this.#buckets.set(key, bucket)
    return bucket
  }

  #forgetOldest(): void {
    for (const key of this.#buckets.keys()) {
      this.#buckets.delete(key)
      return
    }
  }
}
