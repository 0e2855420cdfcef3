import type { Clock } from '../../src/clock.ts'

export interface ManualClock extends Clock {
  /** Time of the next timer, or null. */
  next(): number | null
  /** Goes to a time (never back) and runs what is due on the way, each at its own time, in order. */
  goTo(timeMs: number): void
  /** `goTo` some milliseconds from now. */
  advance(ms: number): void
  /** Another time of day, forward or back, while timers go on as before: the machine's clock was set, or it slept. */
  jump(ms: number): void
  /** Timers that wait. */
  readonly waiting: number
}

interface Timer {
  at: number
  readonly order: number
  readonly fn: () => void
}

/** A clock that only the test moves. */
export function manualClock(startMs = Date.UTC(2026, 10, 2, 9)): ManualClock {
  let now = startMs
  let order = 0
  const timers = new Set<Timer>()
  const first = (): Timer | null => {
    let found: Timer | null = null
    for (const timer of timers) {
      if (!found || timer.at < found.at || (timer.at === found.at && timer.order < found.order)) found = timer
    }
    return found
  }
  const goTo = (timeMs: number): void => {
    for (let timer = first(); timer && timer.at <= timeMs; timer = first()) {
      timers.delete(timer)
      now = Math.max(now, timer.at)
      timer.fn()
    }
    now = Math.max(now, timeMs)
  }
  return {
    now: () => now,
    after(ms, fn) {
      const timer = { at: now + Math.max(0, ms), order: order++, fn }
      timers.add(timer)
      return () => timers.delete(timer)
    },
    next: () => first()?.at ?? null,
    goTo,
    advance: (ms) => goTo(now + ms),
    jump(ms) {
      now += ms
      for (const timer of timers) timer.at += ms
    },
    get waiting() {
      return timers.size
    },
  }
}
