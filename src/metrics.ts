/** The seam for metrics. Names and labels follow Prometheus' rules; units are base units, in the name. */
export interface Metrics {
  /** Adds `by` (default 1) to a counter. */
  count(name: string, labels?: Readonly<Record<string, string>>, by?: number): void
  /** Records one observation in a histogram (seconds, bytes). */
  observe(name: string, value: number, labels?: Readonly<Record<string, string>>): void
  /** Sets a gauge. */
  gauge(name: string, value: number, labels?: Readonly<Record<string, string>>): void
}

export const noMetrics: Metrics = { count() {}, observe() {}, gauge() {} }
