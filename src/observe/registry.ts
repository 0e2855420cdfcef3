import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { Metrics } from '../metrics.ts'
import { METRICS, type MetricDeclaration, type MetricName } from './metric-table.ts'

type Labels = Readonly<Record<string, string>>

export interface MetricsOptions {
  /** Throw on an undeclared name or label instead of counting it. For tests. */
  readonly strict?: boolean
  /** Include figures of the process and of Node (memory, CPU, garbage collection). */
  readonly process?: boolean
}

/** The metrics of the process: the seam that the rooms count through, and what reads it out. */
export interface MetricsRegistry extends Metrics {
  /** Runs before each reading, to set gauges that are asked for rather than told. A failure of one is ignored: the rest is still told. */
  beforeReading(collect: () => void | Promise<void>): void
  /** Sets a labelled gauge to exactly these values: labels that are not named disappear. */
  replace(name: MetricName, values: readonly (readonly [Labels, number])[]): void
  /** Everything in Prometheus' text format. */
  text(): Promise<string>
  readonly contentType: string
}

interface Tables {
  readonly counters: Map<string, Counter>
  readonly gauges: Map<string, Gauge>
  readonly histograms: Map<string, Histogram>
}

/**
 * Makes the registry, with every metric of the table in it. An undeclared name or label must not
 * cost a message: it is counted in `postern_metrics_misused_total`, unless `strict`.
 */
export function createMetrics({ strict = false, process = false }: MetricsOptions = {}): MetricsRegistry {
  const registry = new Registry()
  const tables = declareAll(registry)
  if (process) collectDefaultMetrics({ register: registry })
  const collectors: (() => void | Promise<void>)[] = []
  const guard = strict ? throwing : countingMisuse(tables)
  return {
    count: (name, labels, by = 1) => guard(() => find(tables.counters, name).inc(labels ?? {}, by)),
    observe: (name, value, labels) => guard(() => find(tables.histograms, name).observe(labels ?? {}, value)),
    gauge: (name, value, labels) => guard(() => find(tables.gauges, name).set(labels ?? {}, value)),
    replace: (name, values) => guard(() => replaceAll(find(tables.gauges, name), values)),
    beforeReading: (collect) => collectors.push(collect),
    contentType: registry.contentType,
    text: async () => {
      await Promise.allSettled(collectors.map(async (collect) => collect()))
      return registry.metrics()
    },
  }
}

function declareAll(registry: Registry): Tables {
  const tables: Tables = { counters: new Map(), gauges: new Map(), histograms: new Map() }
  for (const [name, declaration] of Object.entries(METRICS)) declare(tables, registry, name, declaration)
  return tables
}

function declare(tables: Tables, registry: Registry, name: string, declaration: MetricDeclaration): void {
  const common = { name, help: declaration.help, labelNames: [...(declaration.labels ?? [])], registers: [registry] }
  if (declaration.type === 'counter') tables.counters.set(name, new Counter(common))
  else if (declaration.type === 'gauge') tables.gauges.set(name, new Gauge(common))
  else tables.histograms.set(name, new Histogram({ ...common, buckets: [...(declaration.buckets ?? [])] }))
}

function find<M>(table: Map<string, M>, name: string): M {
  const metric = table.get(name)
  if (metric === undefined) throw new Error(`no such metric: ${name}`)
  return metric
}

function replaceAll(gauge: Gauge, values: readonly (readonly [Labels, number])[]): void {
  gauge.reset()
  for (const [labels, value] of values) gauge.set(labels, value)
}

const throwing = (work: () => void): void => work()

function countingMisuse(tables: Tables): (work: () => void) => void {
  const misused = find(tables.counters, 'postern_metrics_misused_total')
  return (work) => {
    try {
      work()
    } catch {
      misused.inc()
    }
  }
}
