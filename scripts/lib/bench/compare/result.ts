import { median } from '../part.ts'
import type { Syncs } from './durability.ts'
import type { Latency } from './latency.ts'
import type { Machine } from './machine.ts'
import type { Figures } from './round.ts'

/** A server under a load: its rounds, or why it gives no figure. */
export interface Cell {
  readonly load: string
  readonly mta: string
  readonly rounds: readonly Figures[]
  /** Why there is no figure: mail that was lost or refused, or a server that failed. Null where there is one. */
  readonly noFigure: string | null
}

export interface Server {
  readonly name: string
  readonly version: string
  /** How it keeps what it acknowledged, in a sentence. */
  readonly durability: string
  /** Traced; null where that could not be done. */
  readonly syncs: Syncs | null
}

/** What the servers were put to. */
export interface Task {
  readonly name: string
  readonly title: string
  /** What is asked of Postern, times Postfix. */
  readonly atLeast?: number
}

/** A figure over the rounds. */
export interface Spread {
  readonly median: number
  readonly least: number
  readonly most: number
}

/** A whole comparison, as it is kept in compare.json. */
export interface Comparison {
  readonly machine: Machine
  /** True for a run that only shows that the benchmark works. */
  readonly quick: boolean
  readonly rounds: number
  readonly loads: readonly Task[]
  readonly servers: readonly Server[]
  /** Servers that could not run here, by name, with the reason. */
  readonly missing: Readonly<Record<string, string>>
  readonly cells: readonly Cell[]
  /** At half of capacity, of the servers that have one under the first load. */
  readonly latencies: readonly Latency[]
}

export const BASE = 'Postfix'

/** Medians over the rounds; null where there is no figure. */
export function figuresOf({ cells }: Comparison, load: string, mta: string): Figures | null {
  const cell = cells.find((each) => each.load === load && each.mta === mta)
  if (cell === undefined || cell.noFigure !== null || cell.rounds.length === 0) return null
  const of = (key: keyof Figures) => median(cell.rounds.map((round) => round[key]))
  return {
    accepted: of('accepted'),
    relayed: of('relayed'),
    cpuMs: of('cpuMs'),
    memoryMiB: of('memoryMiB'),
    again: Math.max(...cell.rounds.map(({ again }) => again)),
    clientCpuMs: of('clientCpuMs'),
  }
}

/** Times as much as Postfix; null where either has no figure. */
export function ratioOf(comparison: Comparison, load: string, mta: string, key: keyof Figures): number | null {
  const [ours, base] = [figuresOf(comparison, load, mta), figuresOf(comparison, load, BASE)]
  return ours === null || base === null ? null : ours[key] / base[key]
}

/** Least and most of a figure over the rounds; null where there is no figure. */
export function spreadOf(comparison: Comparison, load: string, mta: string, key: keyof Figures): Spread | null {
  const figures = figuresOf(comparison, load, mta)
  const cell = comparison.cells.find((each) => each.load === load && each.mta === mta)
  if (figures === null || cell === undefined) return null
  const values = cell.rounds.map((round) => round[key])
  return { median: figures[key], least: Math.min(...values), most: Math.max(...values) }
}

/** The server's name and version, and that it does not sync where that is so: its figures are not those of a server that does. */
export const titleOf = ({ name, version, syncs }: Server): string =>
  syncs !== null && syncs.least === 0 ? `${name} ${version}, does not sync` : `${name} ${version}`

/** Whether the server was to be measured under the load at all. */
export const isTried = ({ cells }: Comparison, load: string, mta: string): boolean =>
  cells.some((cell) => cell.load === load && cell.mta === mta)
