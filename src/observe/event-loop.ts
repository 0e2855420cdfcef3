import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { MetricsRegistry } from './registry.ts'

const RESOLUTION_MS = 10
const QUANTILES = [0.5, 0.9, 0.99, 1] as const

export interface EventLoopWatch {
  /** How late the main thread was since the last reading of the metrics, seconds; 0.99 is nearly the worst. */
  delaySeconds(quantile: number): number
  stop(): void
}

/** Measures how late timers fire on the main thread, and tells it as a gauge for each quantile; each reading starts anew. */
export function watchEventLoop(metrics: MetricsRegistry): EventLoopWatch {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  histogram.enable()
  // The histogram holds the whole distance between two ticks, so the tick itself is taken off
  const delaySeconds = (quantile: number) =>
    histogram.count === 0 ? 0 : Math.max(0, histogram.percentile(quantile * 100) / 1e9 - RESOLUTION_MS / 1e3)
  metrics.beforeReading(() => {
    for (const quantile of QUANTILES) {
      metrics.gauge('postern_event_loop_delay_seconds', delaySeconds(quantile), { quantile: String(quantile) })
    }
    histogram.reset()
  })
  return { delaySeconds, stop: () => histogram.disable() }
}
