/** When to try again. */
export interface Schedule {
  /** Milliseconds after the first, second, … attempt; the last one repeats. Never empty. */
  readonly waitsMs: readonly number[]
  /** Share by which each wait varies at random, up and down: 0.1 is ±10 %. */
  readonly jitter: number
}

const MINUTE = 60_000

/** Quick at first, then hourly. */
export const DEFAULT_SCHEDULE: Schedule = {
  waitsMs: [1, 2, 5, 10, 20, 30, 60].map((minutes) => minutes * MINUTE),
  jitter: 0.1,
}

/** Milliseconds to wait after `attempts` attempts (at least one) have failed. `random` gives 0 to 1. */
export function waitAfter(attempts: number, { waitsMs, jitter }: Schedule, random: () => number): number {
  const wait = waitsMs[Math.min(Math.max(1, attempts), waitsMs.length) - 1] ?? MINUTE
  return Math.round(wait * (1 + jitter * (2 * random() - 1)))
}
