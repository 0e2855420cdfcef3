import { mkdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { barChart } from '../chart/bars.ts'
import { latencyTable } from './latency.ts'
import { describeMachine } from './machine.ts'
import { type Comparison, figuresOf, gaps, markdown, ratioOf } from './result.ts'

const PLACE = resolve('scripts/bench.d/published')
/** What only shows that the benchmark runs is not published. */
const QUICK_PLACE = join(tmpdir(), 'postern-bench-quick')

/** Writes results, tables and charts into scripts/bench.d/published, from where the README shows them. Gives the folder. */
export function publish(comparison: Comparison): string {
  const place = comparison.quick ? QUICK_PLACE : PLACE
  mkdirSync(place, { recursive: true })
  const write = (name: string, text: string) => writeFileSync(join(place, name), text)
  write('compare.json', `${JSON.stringify(comparison, null, 2)}\n`)
  write('compare.md', tables(comparison))
  write('throughput.svg', throughputChart(comparison))
  write('cpu.svg', cpuChart(comparison))
  if (comparison.latencies.length > 0) write('latency.svg', latencyChart(comparison))
  return place
}

export function tables(comparison: Comparison): string {
  const { servers, latencies } = comparison
  const durability = servers.map(({ name, durability: how }) => `- ${name}: ${how}`)
  const parts = [
    `${describeMachine(comparison.machine)}. Medians of ${comparison.rounds} rounds, in turn.`,
    markdown(comparison),
    ...(latencies.length > 0 ? [latencyTable(latencies)] : []),
    durability.join('\n'),
    gaps(comparison).join('\n\n'),
  ]
  return `${parts.filter(Boolean).join('\n\n')}\n`
}

const noteOf = ({ machine, quick, rounds }: Comparison): string =>
  `${quick ? 'QUICK, no measurement · ' : ''}${machine.cores} cores of ${machine.processor}, Linux ${machine.kernel}, ` +
  `medians of ${rounds} rounds, ${machine.at.slice(0, 10)} · scripts/bench compare`

function throughputChart(comparison: Comparison): string {
  return barChart({
    title: 'Messages relayed, times Postfix',
    measure: 'longer is better; beside each bar: times Postfix, and messages a second',
    series: seriesOf(comparison),
    groups: groupsOf(comparison, (load, mta) => {
      const figures = figuresOf(comparison, load, mta)
      const ratio = ratioOf(comparison, load, mta, 'relayed')
      if (figures === null || ratio === null) return { value: null, text: 'no figure' }
      return { value: ratio, text: `${ratio.toFixed(2)}×  ${figures.relayed.toFixed(0)}/s` }
    }),
    note: noteOf(comparison),
  })
}

function cpuChart(comparison: Comparison): string {
  return barChart({
    title: 'CPU for a message, times Postfix',
    measure: 'shorter is better; beside each bar: times Postfix, and milliseconds a message',
    series: seriesOf(comparison),
    groups: groupsOf(comparison, (load, mta) => {
      const figures = figuresOf(comparison, load, mta)
      const ratio = ratioOf(comparison, load, mta, 'cpuMs')
      if (figures === null || ratio === null) return { value: null, text: 'no figure' }
      return { value: ratio, text: `${ratio.toFixed(2)}×  ${figures.cpuMs.toFixed(2)} ms` }
    }),
    note: noteOf(comparison),
  })
}

const PERCENTILES = ['p50', 'p95', 'p99', 'max'] as const

function latencyChart(comparison: Comparison): string {
  const { latencies } = comparison
  const bar = (ms: number) => ({ value: ms, text: `${ms.toFixed(1)} ms` })
  return barChart({
    title: 'Time to acknowledge a message, at half of capacity',
    measure: 'from the end of DATA to its 250, milliseconds; shorter is better',
    series: latencies.map(({ mta, rate }) => `${mta} at ${rate.toFixed(0)}/s`),
    groups: PERCENTILES.map((label) => ({ label, bars: latencies.map(({ answer }) => bar(answer[label])) })),
    note: noteOf(comparison),
  })
}

const seriesOf = ({ servers }: Comparison): string[] => servers.map(({ name, version }) => `${name} ${version}`)

const groupsOf = (
  { loads, servers }: Comparison,
  bar: (load: string, mta: string) => { value: number | null; text: string },
) => loads.map(({ name, title }) => ({ label: title, bars: servers.map((server) => bar(name, server.name)) }))
