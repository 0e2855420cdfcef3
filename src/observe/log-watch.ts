import type { LogSink } from './log.ts'
import type { MetricsRegistry } from './registry.ts'

/** Tells as a metric how many lines the log has lost. */
export function watchLog(metrics: MetricsRegistry, sink: Pick<LogSink, 'dropped'>): void {
  let told = 0
  metrics.beforeReading(() => {
    const dropped = sink.dropped()
    metrics.count('postern_log_dropped_total', {}, dropped - told)
    told = dropped
  })
}
