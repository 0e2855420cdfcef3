import type { Clock } from '../../clock.ts'

/**
 * One deadline of a session, moved with every command. Moving it later costs no timer: the one
 * that runs looks, when it fires, at what the deadline is by then.
 */
export class Deadline {
  readonly #clock: Clock
  readonly #expired: () => void
  #atMs = Number.POSITIVE_INFINITY
  #lengthMs = 0
  #timerAtMs = Number.POSITIVE_INFINITY
  #cancel: (() => void) | null = null

  constructor(clock: Clock, expired: () => void) {
    this.#clock = clock
    this.#expired = expired
  }

  /** From now on `ms` milliseconds are left. */
  set(ms: number): void {
    this.#lengthMs = ms
    this.#atMs = this.#clock.now() + ms
    if (this.#atMs < this.#timerAtMs) this.#arm(ms)
  }

  /** No deadline. The timer may still fire once, and finds nothing to do. */
  clear(): void {
    this.#atMs = Number.POSITIVE_INFINITY
  }

  /** No deadline, and no timer left behind. */
  stop(): void {
    this.clear()
    this.#cancel?.()
    this.#cancel = null
    this.#timerAtMs = Number.POSITIVE_INFINITY
  }

  #arm(ms: number): void {
    this.#cancel?.()
    this.#timerAtMs = this.#clock.now() + ms
    this.#cancel = this.#clock.after(ms, () => this.#fire())
  }

  #fire(): void {
    this.#cancel = null
    this.#timerAtMs = Number.POSITIVE_INFINITY
    if (this.#atMs === Number.POSITIVE_INFINITY) return
    const leftMs = this.#atMs - this.#clock.now()
    if (leftMs <= 0) this.#expired()
    // More left than there ever was: the machine's clock was set back
    else if (leftMs > this.#lengthMs) this.set(this.#lengthMs)
    else this.#arm(leftMs)
  }
}
