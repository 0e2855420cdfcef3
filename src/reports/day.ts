/** Reports are about whole days in UTC (RFC 8460 section 4.1). A day is a number: days since 1970. */
export const DAY_MS = 86_400_000

export const dayOf = (ms: number): number => Math.floor(ms / DAY_MS)

/** Milliseconds since 1970. */
export const startOfDay = (day: number): number => day * DAY_MS

/** Such as `2026-11-22`. */
export const dayText = (day: number): string => new Date(startOfDay(day)).toISOString().slice(0, 10)

/** The last second of it, as reports give the end of their range. */
export const lastSecondOf = (day: number): number => startOfDay(day + 1) - 1000
