import type { Dispatcher } from './dispatcher.ts'
import type { Hop } from './hop.ts'
import type { Pool } from './pool.ts'

/** What operators see of delivery. */
export interface DeliverStatus {
  /** Messages in memory, and the bytes of content they hold. */
  readonly messages: number
  readonly bytes: number
  readonly connections: number
  readonly nextHops: readonly NextHopStatus[]
}

export interface NextHopStatus {
  readonly name: string
  /** Destinations in memory that lead there. */
  readonly destinations: number
  /** Messages that wait for it in memory. */
  readonly waiting: number
  readonly sending: number
  readonly idle: number
  readonly opening: number
  /** Connections that it may have now. */
  readonly limit: number
  /** Failures to reach it in a row, when it is tried again (milliseconds since 1970), and why it failed. */
  readonly failures: number
  readonly restsUntil: number | null
  readonly trouble: string | null
}

export function statusOfDelivery({ hops, lanes, jobs, bytes }: Dispatcher, pool: Pool, now: number): DeliverStatus {
  const leading = new Map<Hop, number>()
  for (const { hop } of lanes.values()) if (hop) leading.set(hop, (leading.get(hop) ?? 0) + 1)
  const nextHops = [...hops.values()].map((hop) => statusOfHop(hop, leading.get(hop) ?? 0, now))
  return { messages: jobs.size, bytes, connections: pool.open, nextHops }
}

const statusOfHop = (hop: Hop, destinations: number, now: number): NextHopStatus => ({
  name: hop.next.name,
  destinations,
  waiting: hop.queued,
  sending: hop.running,
  idle: hop.idle.length,
  opening: hop.opening,
  limit: hop.limit,
  failures: hop.failures,
  restsUntil: hop.isResting(now) ? hop.until : null,
  trouble: hop.trouble,
})
