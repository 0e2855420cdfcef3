import type { Clock } from '../clock.ts'
import type { Config } from '../config/index.ts'
import type { Chain } from '../inspect/chain.ts'
import { loadChain } from '../inspect/load.ts'
import type { WorkerPool } from '../inspect/pool/pool.ts'
import type { Log } from '../log.ts'
import type { Metrics } from '../metrics.ts'
import type { Resolver } from '../net/dns.ts'

interface Seams {
  readonly log: Log
  readonly metrics: Metrics
  readonly clock: Clock
}

/** What plugins use and no chain owns. */
export interface ChainRooms {
  readonly resolver: Resolver
  readonly pool: WorkerPool
}

/** Makes the chain that the configuration asks for. Rejects, in words for the operator, if a plugin cannot be made. */
export function chainOf(config: Config, seams: Seams, { resolver, pool }: ChainRooms): Promise<Chain> {
  const { inspect, limits, hostname } = config
  const entries = inspect.map(({ deadline, ...entry }) => ({ ...entry, deadlineMs: deadline }))
  const domains = new Set(config.domains.keys())
  const context = { ...seams, services: { hostname, domains, resolver, pool } }
  return loadChain(entries, { bytes: limits.headerSize, fields: limits.headerFields, content: limits.size }, context)
}
