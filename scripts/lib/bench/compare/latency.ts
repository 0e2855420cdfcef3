import type { Outcome } from './round.ts'

/** How long messages took, ms. */
export interface Percentiles {
  readonly p50: number
  readonly p95: number
  readonly p99: number
  readonly max: number
}

/** A server at a steady rate. */
export interface Latency {
  readonly mta: string
  /** Messages a second: half of what it relays. */
  readonly rate: number
  /** From the end of DATA to its 250. */
  readonly answer: Percentiles
  /** From the end of DATA to the arrival of the whole message at the next hop. */
  readonly arrival: Percentiles
  /** From when the message should have begun to its 250: what a client feels, waiting for a session included. */
  readonly whole: Percentiles
}

/** Reads the latencies of a round at a steady rate. */
export function latencyOf(mta: string, rate: number, { sending, at }: Outcome): Latency {
  const { messages } = sending
  return {
    mta,
    rate,
    answer: percentiles(messages.map(({ end, reply }) => reply - end)),
    arrival: percentiles(messages.map(({ number, end }) => (at.get(number) ?? Number.NaN) - end)),
    whole: percentiles(messages.map(({ due, reply }) => reply - due)),
  }
}

/** Nearest-rank percentiles of durations in seconds, given in ms. */
export function percentiles(seconds: readonly number[]): Percentiles {
  const sorted = seconds.map((each) => each * 1000).sort((a, b) => a - b)
  const at = (share: number) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1) }
}

const HEAD = ['at half of capacity, ms: p50, p95, p99, max', 'messages/s', 'to the 250', 'to the next hop']

/** The latencies as a Markdown table, a row a server. */
export function latencyTable(latencies: readonly Latency[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  const rows = latencies.map(({ mta, rate, answer, arrival }) => [mta, rate.toFixed(0), words(answer), words(arrival)])
  return [HEAD, HEAD.map((_, i) => (i === 0 ? '---' : '--:')), ...rows].map(line).join('\n')
}

const words = (each: Percentiles): string =>
  [each.p50, each.p95, each.p99, each.max].map((ms) => (ms >= 100 ? ms.toFixed(0) : ms.toFixed(1))).join(', ')
