export const counted = (count: number, one: string, many: string): string => `${count} ${count === 1 ? one : many}`

/** To the minute, in UTC. */
export const moment = (ms: number): string => `${new Date(ms).toISOString().slice(0, 16).replace('T', ' ')}Z`

const UNITS = [
  [86_400_000, 'day'],
  [3_600_000, 'hour'],
  [60_000, 'minute'],
  [1000, 'second'],
] as const

/** A length of time in its largest unit, rounded: `10 minutes`. */
export function span(ms: number): string {
  const [unit, name] = UNITS.find(([size]) => ms >= size) ?? [1000, 'second']
  const count = Math.max(1, Math.round(ms / unit))
  return counted(count, name, `${name}s`)
}
