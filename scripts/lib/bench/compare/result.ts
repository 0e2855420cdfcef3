import { median } from '../part.ts'
import type { Latency } from './latency.ts'
import type { Load } from './loads.ts'
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
  readonly durability: string
}

/** A whole comparison, as it is kept in compare.json. */
export interface Comparison {
  readonly machine: Machine
  /** True for a run that only shows that the benchmark works. */
  readonly quick: boolean
  readonly rounds: number
  readonly loads: readonly Load[]
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

/** The comparison as a Markdown table: a row a load, a column a server. */
export function markdown(comparison: Comparison): string {
  const { loads, servers } = comparison
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  const head = [
    'messages relayed a second, and times Postfix',
    ...servers.map(({ name, version }) => `${name} ${version}`),
  ]
  const rows = loads.map(({ name, title }) => [title, ...servers.map((server) => text(comparison, name, server.name))])
  return [head, head.map((_, i) => (i === 0 ? '---' : '--:')), ...rows].map(line).join('\n')
}

function text(comparison: Comparison, load: string, mta: string): string {
  const figures = figuresOf(comparison, load, mta)
  if (figures === null) return 'none: see below'
  const ratio = ratioOf(comparison, load, mta, 'relayed')
  const times = ratio === null ? '' : ` (${ratio.toFixed(2)}×)`
  return `${figures.relayed.toFixed(0)}${times}, ${figures.cpuMs.toFixed(2)} ms CPU, ${figures.memoryMiB.toFixed(0)} MiB`
}

/** Why cells and servers are empty, a line each. */
export const gaps = ({ cells, missing }: Comparison): string[] => [
  ...cells.flatMap(({ load, mta, noFigure }) => (noFigure === null ? [] : [`${mta}, ${load}: ${noFigure}`])),
  ...Object.entries(missing).map(([name, why]) => `${name} could not run here: ${why}`),
]
