/** Says moments as people do, in one time zone. */
export interface WallClock {
  /** The zone's name, such as `UTC` or `Europe/London`. */
  readonly zone: string
  /** `14:02:11 on 22 November 2026`. */
  full(moment: string | number): string
  /** The same without the year, and without the day where it is that of `near`. */
  at(moment: string | number, near: string | number | null): string
}

/** `zone`: an IANA name; what is none, or undefined, is UTC. */
export function wallClock(zone: string | undefined): WallClock {
  const format = formatOf(zone) ?? (formatOf('UTC') as Intl.DateTimeFormat)
  const partsOf = (moment: string | number) => partsIn(format, moment)
  return {
    zone: format.resolvedOptions().timeZone,
    full(moment) {
      const parts = partsOf(moment)
      return parts === null ? UNKNOWN : `${parts.time} on ${parts.day} ${parts.year}`
    },
    at(moment, near) {
      const parts = partsOf(moment)
      if (parts === null) return UNKNOWN
      const other = near === null ? null : partsOf(near)
      const isSameDay = other !== null && other.day === parts.day && other.year === parts.year
      return isSameDay ? parts.time : `${parts.time} on ${parts.day}`
    },
  }
}

const UNKNOWN = 'an unknown time'

function formatOf(timeZone: string | undefined): Intl.DateTimeFormat | null {
  if (timeZone === undefined || timeZone === '') return null
  try {
    const numeric = 'numeric'
    const time = { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' } as const
    return new Intl.DateTimeFormat('en-GB', { timeZone, day: numeric, month: 'long', year: numeric, ...time })
  } catch {
    return null
  }
}

function partsIn(format: Intl.DateTimeFormat, moment: string | number) {
  const ms = typeof moment === 'string' ? Date.parse(moment) : moment
  if (Number.isNaN(ms) || Math.abs(ms) > 8.64e15) return null
  const parts = new Map(format.formatToParts(ms).map(({ type, value }) => [type, value]))
  const of = (name: Intl.DateTimeFormatPartTypes) => parts.get(name) ?? ''
  return { day: `${of('day')} ${of('month')}`, year: of('year'), time: `${of('hour')}:${of('minute')}:${of('second')}` }
}
