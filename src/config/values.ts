/**
 * The value types of the configuration that carry a unit. Each has a reader that gives undefined for
 * what it does not understand; durations and sizes a writer, too, whose text reads back as the same value.
 */

/** Milliseconds. Written `500ms`, `30s`, `5m`, `4h`, `5d`. */
export type Duration = number
/** Bytes. Written `100B`, `64KiB`, `35MiB`, `2GiB`; a bare number is bytes. */
export type Size = number
/** Between 0 and 1. Written `10%`. */
export type Share = number

/** So many in so much time. Written `30/minute`. */
export interface Rate {
  readonly count: number
  readonly perMs: Duration
}

const DURATIONS: readonly (readonly [string, number])[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
  ['ms', 1],
]

const SIZES: readonly (readonly [string, number])[] = [
  ['GiB', 1024 ** 3],
  ['MiB', 1024 ** 2],
  ['KiB', 1024],
  ['B', 1],
]

const PERIODS: readonly (readonly [string, number])[] = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1000],
]

const QUANTITY = /^(\d{1,15}(?:\.\d{1,3})?) ?([A-Za-z]{1,3})$/
const RATE = /^(\d{1,9}) ?\/ ?(second|minute|hour|day)$/
const PERCENT = /^(\d{1,3}(?:\.\d{1,3})?) ?%$/

/** A duration in milliseconds. A bare number is refused: nobody can see its unit. `0` alone is none at all. */
export function readDuration(input: unknown): Duration | undefined {
  return input === 0 ? 0 : quantity(input, DURATIONS)
}

/** A size in bytes. */
export function readSize(input: unknown): Size | undefined {
  if (typeof input === 'number') return Number.isSafeInteger(input) && input >= 0 ? input : undefined
  return quantity(input, SIZES)
}

function quantity(input: unknown, units: typeof DURATIONS): number | undefined {
  if (typeof input !== 'string') return undefined
  const [, digits, unit] = QUANTITY.exec(input.trim()) ?? []
  const factor = units.find(([name]) => name === unit)?.[1]
  if (digits === undefined || factor === undefined) return undefined
  const value = Math.round(Number(digits) * factor)
  return Number.isSafeInteger(value) ? value : undefined
}

/** A rate; nothing in no time is refused, for a limit of 0 would refuse all mail without saying so. */
export function readRate(input: unknown): Rate | undefined {
  if (typeof input !== 'string') return undefined
  const [, digits, period] = RATE.exec(input.trim()) ?? []
  const perMs = PERIODS.find(([name]) => name === period)?.[1]
  const count = Number(digits)
  return perMs === undefined || count < 1 ? undefined : { count, perMs }
}

/** A share of the whole, from `0%` to `100%`. */
export function readPercent(input: unknown): Share | undefined {
  if (typeof input !== 'string') return undefined
  const digits = PERCENT.exec(input.trim())?.[1]
  if (digits === undefined || Number(digits) > 100) return undefined
  // by whole thousandths, so that 98.4% is 0.984 and not a little more
  return Math.round(Number(digits) * 1000) / 100_000
}

export const formatDuration = (value: Duration): string => (value === 0 ? '0' : inUnits(value, DURATIONS))
export const formatSize = (value: Size): string => inUnits(value, SIZES)

// the largest unit in which the value is whole
function inUnits(value: number, units: typeof DURATIONS): string {
  const [name, factor] = units.find(([, factor]) => value >= factor && value % factor === 0) ?? units.at(-1) ?? ['', 1]
  return `${value / factor}${name}`
}
