/** The seam for time. Nothing in a room calls Date.now or setTimeout itself, so tests can move time. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number
  /** Runs `fn` once after `ms` milliseconds; the returned function cancels it. Never keeps the process alive. */
  after(ms: number, fn: () => void): () => void
}

// setTimeout fires at once above this; longer waits are cut into pieces
const LONGEST_TIMER_MS = 2 ** 31 - 1

export const systemClock: Clock = {
  now: () => Date.now(),
  after(ms, fn) {
    let timer: NodeJS.Timeout
    const arm = (left: number) => {
      const step = Math.min(left, LONGEST_TIMER_MS)
      timer = setTimeout(() => (left > step ? arm(left - step) : fn()), step)
      timer.unref()
    }
    arm(Math.max(0, ms))
    return () => clearTimeout(timer)
  },
}
