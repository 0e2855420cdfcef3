const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
] as const

/** A span in its two largest units: `3h 12m`, `5d`, `8s`; under a second `0s`. */
export function formatSpan(ms: number): string {
  let rest = Math.max(0, ms)
  const parts: string[] = []
  for (const [unit, size] of UNITS) {
    const count = Math.floor(rest / size)
    rest -= count * size
    if (count > 0) parts.push(`${count}${unit}`)
    else if (parts.length > 0) break
    if (parts.length === 2) break
  }
  return parts.length === 0 ? '0s' : parts.join(' ')
}

/** When something is due, seen from now: `in 12m`, `now`. */
export function formatDue(at: number, now: number): string {
  return at - now < 1_000 ? 'now' : `in ${formatSpan(at - now)}`
}

/** A moment in UTC to the second: `2026-11-22 13:04:05Z`. */
export function formatMoment(iso: string): string {
  const text = new Date(iso).toISOString()
  return `${text.slice(0, 10)} ${text.slice(11, 19)}Z`
}

const SPAN = /^(?:(\d{1,6})w)?(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s)?$/
const SPAN_UNITS_MS = [604_800_000, 86_400_000, 3_600_000, 60_000, 1_000]

/** Milliseconds of `90s`, `15m`, `2h`, `5d`, `1w`, `1d12h`; null if it is none. */
export function parseSpan(text: string): number | null {
  const found = SPAN.exec(text)
  if (found === null || text === '') return null
  return SPAN_UNITS_MS.reduce((sum, ms, i) => sum + ms * Number(found[i + 1] ?? 0), 0)
}

const DATE = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?(?:Z|[+-]\d\d:\d\d)?)?$/

/**
 * A moment as a person writes it, milliseconds since 1970: a date or time in ISO 8601 (without a
 * zone: UTC, as everything is shown), or a span, counted back (`past`) or on from now. Null if it is neither.
 */
export function parseMoment(text: string, now: number, direction: 'past' | 'future'): number | null {
  const span = parseSpan(text)
  if (span !== null) return direction === 'past' ? now - span : now + span
  if (!DATE.test(text)) return null
  const time = text.replace(' ', 'T')
  const moment = Date.parse(/Z|[+-]\d\d:\d\d$|^[\d-]{10}$/.test(time) ? time : `${time}Z`)
  return Number.isNaN(moment) ? null : moment
}
