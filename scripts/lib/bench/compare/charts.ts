import { type Bar, barChart, type Series, type Theme } from '../chart/bars.ts'
import type { Percentiles } from './latency.ts'
import { type Comparison, figuresOf, isTried, ratioOf, titleOf } from './result.ts'
import type { Figures } from './round.ts'

// Okabe and Ito's palette: told apart by those who see no red or green, on white and on black. One server, one colour
const COLOURS: Readonly<Record<string, string>> = {
  ...{ Postern: '#0072b2', Postfix: '#e69f00', Haraka: '#009e73', OpenSMTPD: '#cc79a7', Exim: '#d55e00' },
}
const OTHER = '#999999'

/** A chart by the name of its file, without the ending. */
export interface Chart {
  readonly name: string
  readonly title: string
  draw(theme: Theme): string
}

/** The charts that there are figures for. */
export function chartsOf(comparison: Comparison): Chart[] {
  const charts = [
    {
      name: 'throughput',
      title: 'Messages relayed, times Postfix',
      draw: (theme: Theme) => throughput(comparison, theme),
    },
    { name: 'cpu', title: 'CPU for a message, times Postfix', draw: (theme: Theme) => cpu(comparison, theme) },
    { name: 'latency', title: LATENCY_TITLE, draw: (theme: Theme) => latency(comparison, theme) },
  ]
  return charts.filter(({ name }) => name !== 'latency' || comparison.latencies.length > 0)
}

const noteOf = ({ machine, quick, rounds }: Comparison): string =>
  `${quick ? 'QUICK, no measurement · ' : ''}${machine.cores} cores of ${machine.processor}, Linux ${machine.kernel}, ` +
  `${rounds === 1 ? 'one round' : `medians of ${rounds} rounds`}, ${machine.at.slice(0, 10)} · scripts/bench compare`

const throughput = (comparison: Comparison, theme: Theme): string =>
  ratioChart(comparison, theme, {
    key: 'relayed',
    title: 'Messages relayed, times Postfix',
    measure: 'longer is better; beside each bar: times Postfix, and messages a second',
    words: ({ relayed }) => `${relayed.toFixed(0)}/s`,
  })

const cpu = (comparison: Comparison, theme: Theme): string =>
  ratioChart(comparison, theme, {
    key: 'cpuMs',
    title: 'CPU for a message, times Postfix',
    measure: 'shorter is better; beside each bar: times Postfix, and milliseconds a message',
    words: ({ cpuMs }) => `${cpuMs.toFixed(2)} ms`,
  })

interface Ratio {
  readonly key: 'relayed' | 'cpuMs'
  readonly title: string
  readonly measure: string
  words(figures: Figures): string
}

function ratioChart(comparison: Comparison, theme: Theme, { key, title, measure, words }: Ratio): string {
  const { servers, loads } = comparison
  const bar = (load: string, mta: string): Bar | undefined => {
    if (!isTried(comparison, load, mta)) return undefined
    const [figures, ratio] = [figuresOf(comparison, load, mta), ratioOf(comparison, load, mta, key)]
    if (figures === null || ratio === null) return { value: null, text: 'no figure' }
    return { value: ratio, text: `${ratio.toFixed(2)}× · ${words(figures)}` }
  }
  const groups = loads.map((load) => ({ label: load.title, bars: servers.map(({ name }) => bar(load.name, name)) }))
  return barChart({ title, measure, series: seriesOf(comparison), groups, note: noteOf(comparison) }, theme)
}

const LATENCY_TITLE = 'Time to acknowledge a message, at half of capacity'
const SHOWN: readonly (keyof Percentiles)[] = ['p50', 'p95', 'p99']

function latency(comparison: Comparison, theme: Theme): string {
  const { latencies } = comparison
  const bar = (ms: number): Bar => ({ value: ms, text: `${ms >= 100 ? ms.toFixed(0) : ms.toFixed(1)} ms` })
  const chart = {
    title: LATENCY_TITLE,
    measure: `from the end of DATA to its 250, milliseconds; shorter is better`,
    series: latencies.map(({ mta, rate }) => ({ label: `${mta} at ${rate.toFixed(0)}/s`, colour: colourOf(mta) })),
    groups: SHOWN.map((label) => ({ label, bars: latencies.map(({ answer }) => bar(answer[label])) })),
    note: noteOf(comparison),
  }
  return barChart(chart, theme)
}

const seriesOf = ({ servers }: Comparison): Series[] =>
  servers.map((server) => ({ label: titleOf(server), colour: colourOf(server.name) }))

const colourOf = (mta: string): string => COLOURS[mta] ?? OTHER
