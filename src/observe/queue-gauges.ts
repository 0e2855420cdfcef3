import type { Clock } from '../clock.ts'
import type { SpoolRoom, SpoolSummary } from '../spool/contract.ts'
import type { MetricsRegistry } from './registry.ts'

export interface QueueGaugeOptions {
  /** Destinations that get a time series of their own; the rest are added up as `other`. */
  readonly destinations: number
  /** A spool that does not answer for this long leaves its gauges as they were. */
  readonly timeoutMs: number
}

export const QUEUE_GAUGE_DEFAULTS: QueueGaugeOptions = { destinations: 50, timeoutMs: 2_000 }

const ROOMS: readonly SpoolRoom[] = ['open', 'full', 'broken']
const OTHER = 'other'

/** Asks the spool for its summary before each reading of the metrics, and sets the gauges of the queue from it. */
export function watchQueue(
  metrics: MetricsRegistry,
  summary: () => Promise<SpoolSummary>,
  clock: Clock,
  options: QueueGaugeOptions = QUEUE_GAUGE_DEFAULTS,
): void {
  metrics.beforeReading(async () => {
    const found = await within(summary(), options.timeoutMs, clock)
    if (found !== null) setQueueGauges(metrics, found, clock.now(), options.destinations)
  })
}

function setQueueGauges(metrics: MetricsRegistry, summary: SpoolSummary, now: number, destinations: number): void {
  for (const [state, recipients] of Object.entries(summary.states)) {
    metrics.gauge('postern_queue_recipients', recipients, { state })
  }
  const ageMs = summary.oldest === null ? 0 : Math.max(0, now - summary.oldest)
  metrics.gauge('postern_queue_oldest_seconds', ageMs / 1_000)
  metrics.gauge('postern_queue_damaged', summary.damaged)
  metrics.gauge('postern_spool_free_bytes', summary.freeBytes)
  for (const room of ROOMS) metrics.gauge('postern_spool_room', summary.room === room ? 1 : 0, { room })
  setDestinationGauges(metrics, summary, now, destinations)
}

type Destination = SpoolSummary['destinations'][number]

function setDestinationGauges(metrics: MetricsRegistry, summary: SpoolSummary, now: number, limit: number): void {
  const longestFirst = [...summary.destinations].sort((a, b) => b.pending + b.leased - a.pending - a.leased)
  const blocked = longestFirst.filter(({ blockedUntil }) => blockedUntil !== null && blockedUntil > now)
  metrics.gauge('postern_queue_blocked_destinations', blocked.length)
  metrics.replace(
    'postern_queue_destination_pending',
    bounded(longestFirst, limit, (d) => d.pending),
  )
  metrics.replace(
    'postern_queue_destination_leased',
    bounded(longestFirst, limit, (d) => d.leased),
  )
}

// Destinations are domains that the outside world chooses: without a bound it could grow the series at will
function bounded(destinations: readonly Destination[], limit: number, value: (d: Destination) => number) {
  const named = destinations.slice(0, limit).map((d) => [{ destination: d.destination }, value(d)] as const)
  const rest = destinations.slice(limit).reduce((sum, d) => sum + value(d), 0)
  return destinations.length > limit ? [...named, [{ destination: OTHER }, rest] as const] : named
}

/** The promise's value, or null if it takes longer or fails. */
function within<T>(promise: Promise<T>, timeoutMs: number, clock: Clock): Promise<T | null> {
  const { promise: late, resolve } = Promise.withResolvers<null>()
  const cancel = clock.after(timeoutMs, () => resolve(null))
  return Promise.race([promise.catch(() => null), late]).finally(cancel)
}
