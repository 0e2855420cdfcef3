import type { Clock } from '../clock.ts'
import { every } from '../db/every.ts'
import type { Log } from '../log.ts'

const LOOK_MS = 2000
/** What NTP does in small steps is no jump. */
const JUMP_MS = 30_000

/**
 * A clock that notices when it was set back, however shortly it was ahead: what somebody planned by
 * the time that he was told would wait so much longer.
 */
export class WatchedClock implements Clock {
  readonly #clock: Clock
  #highest = Number.NEGATIVE_INFINITY
  #backMs = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  now(): number {
    const now = this.#clock.now()
    if (now > this.#highest) this.#highest = now
    else if (now < this.#highest - JUMP_MS) {
      this.#backMs += this.#highest - now
      this.#highest = now
    }
    return now
  }

  after(ms: number, fn: () => void): () => void {
    return this.#clock.after(ms, fn)
  }

  /** Calls `wentBack` soon after it was set back, with by how much; again while that fails. Gives what ends it. */
  watch(log: Log, wentBack: (byMs: number) => Promise<unknown>): () => void {
    return every(this, LOOK_MS, async () => {
      this.now()
      const byMs = this.#backMs
      if (byMs === 0) return
      log.warn({ byMs }, 'the clock was set back: what waits is brought nearer')
      await wentBack(byMs)
      this.#backMs -= byMs
    })
  }
}
