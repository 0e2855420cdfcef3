import { syncsText } from './durability.ts'
import { latencyTable } from './latency.ts'
import { describeMachine } from './machine.ts'
import { type Comparison, isTried, ratioOf, type Spread, spreadOf, titleOf } from './result.ts'
import type { Figures } from './round.ts'

/** All of a comparison as Markdown: machine, figures with their spread, latencies, durability, and what has no figure and why. */
export function tables(comparison: Comparison): string {
  const { machine, rounds, quick } = comparison
  const how = rounds === 1 ? 'One round' : `Medians of ${rounds} rounds (least to most), in turn`
  const parts = [
    `${quick ? '**QUICK: shows that the benchmark runs, measures nothing.** ' : ''}${describeMachine(machine)}. ${how}.`,
    ...figures(comparison),
  ]
  return `${parts.filter(Boolean).join('\n\n')}\n`
}

/** Every table, and what is missing in them; some may be empty. */
export function figures(comparison: Comparison): string[] {
  const { latencies } = comparison
  return [
    markdown(comparison, RELAYED),
    markdown(comparison, CPU),
    markdown(comparison, MEMORY),
    ...(latencies.length > 0 ? [latencyTable(latencies)] : []),
    durabilityTable(comparison),
    gapsText(comparison),
  ]
}

/** A table of one figure. */
export interface Column {
  readonly head: string
  readonly key: keyof Figures
  readonly digits: number
  /** Say how many times Postfix it is, too. */
  readonly times: boolean
}

export const RELAYED: Column = { head: 'messages relayed a second', key: 'relayed', digits: 0, times: true }
export const CPU: Column = { head: 'CPU of a message, ms', key: 'cpuMs', digits: 2, times: true }
export const MEMORY: Column = { head: 'memory after the run, MiB', key: 'memoryMiB', digits: 0, times: false }

/** One figure as a Markdown table: a row a load, a column a server. */
export function markdown(comparison: Comparison, column: Column): string {
  const { loads, servers } = comparison
  const head = [column.times ? `${column.head}, and times Postfix` : column.head, ...servers.map(titleOf)]
  const cell = (load: string, mta: string) => {
    if (!isTried(comparison, load, mta)) return '–'
    const spread = spreadOf(comparison, load, mta, column.key)
    if (spread === null) return 'no figure'
    const ratio = column.times ? ratioOf(comparison, load, mta, column.key) : null
    return `${spreadText(spread, column.digits)}${ratio === null ? '' : `: ${ratio.toFixed(2)}×`}`
  }
  return grid(
    head,
    loads.map(({ name, title }) => [title, ...servers.map((server) => cell(name, server.name))]),
  )
}

function spreadText({ median, least, most }: Spread, digits: number): string {
  const [middle, low, high] = [median, least, most].map((value) => value.toFixed(digits))
  return low === high ? `${middle}` : `${middle} (${low} to ${high})`
}

export function durabilityTable({ servers }: Comparison): string {
  const rows = servers.map(({ name, version, durability, syncs }) => [
    `${name} ${version}`,
    syncsText(syncs),
    durability,
  ])
  return grid(['server', 'syncs per message before the 250', 'its setting'], rows, ['---', '--:', '---'])
}

/** Why cells and servers are empty, a line each. */
export const gaps = ({ cells, missing }: Comparison): string[] => [
  ...cells.flatMap(({ load, mta, noFigure }) => (noFigure === null ? [] : [`${mta}, ${load}: ${noFigure}`])),
  ...Object.entries(missing).map(([name, why]) => `${name} could not run here: ${why}`),
]

export function gapsText(comparison: Comparison): string {
  const lines = gaps(comparison)
  return lines.length === 0 ? '' : `No figure, and why:\n\n${lines.map((line) => `- ${firstLine(line)}`).join('\n')}`
}

const firstLine = (text: string): string => text.split('\n', 1)[0] ?? ''

const grid = (
  head: readonly string[],
  rows: readonly (readonly string[])[],
  rule = head.map((_, i) => (i ? '--:' : '---')),
) => [head, rule, ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
