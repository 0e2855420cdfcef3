import type { Scope } from '../../../test/support/scope.ts'

/** One figure. */
export interface Row {
  /** What was measured, in words. */
  readonly name: string
  readonly value: number
  readonly unit: string
  /** What it must be: at least or at most so much. */
  readonly goal?: { readonly atLeast: number } | { readonly atMost: number }
}

/** What may be said on the command line beside the names of parts; each part heeds what it knows. */
export interface Options {
  readonly rounds?: number
  readonly minutes?: number
  /** Servers to compare, in lower case; all by default. */
  readonly mta?: readonly string[]
  /** Loads to compare; all by default. */
  readonly load?: readonly string[]
  /** Keep the results and charts in the checkout. */
  readonly publish?: boolean
  /** Go on where a run of the same kind was broken off. */
  readonly resume?: boolean
}

/** What a part works with. */
export interface Bench extends Scope {
  /** Do a tenth of the work. */
  readonly quick: boolean
  readonly options: Options
  /** Tells what goes on. */
  say(text: string): void
}

/** A benchmark: `scripts/bench.d/NAME.ts` exports one as `bench`. Rejects with `Missing` when it cannot run here. */
export type Part = (bench: Bench) => Promise<Row[]>

/** Something that a part needs is not on this machine. */
export class Missing extends Error {
  override readonly name = 'Missing'
}

export const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length / 2
  const [low = Number.NaN, high = Number.NaN] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]]
  return (low + high) / 2
}

/** Whether a figure reaches its goal; null where it has none. */
export function reaches({ value, goal }: Row): boolean | null {
  if (goal === undefined) return null
  return 'atLeast' in goal ? value >= goal.atLeast : value <= goal.atMost
}
