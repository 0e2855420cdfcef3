import type { Clock } from '../clock.ts'
import type { Config } from '../config/index.ts'
import type { Chain } from '../inspect/chain.ts'
import { loadChain } from '../inspect/load.ts'
import { OptionsError } from '../inspect/options.ts'
import type { WorkerPool } from '../inspect/pool/pool.ts'
import type { RecipientCertificates, Services } from '../inspect/services.ts'
import type { Log } from '../log.ts'
import type { Metrics } from '../metrics.ts'
import type { Resolver } from '../net/dns.ts'
import type { Reports } from '../reports/contract.ts'
import { sensitiveServices } from './sensitive.ts'

interface Seams {
  readonly log: Log
  readonly metrics: Metrics
  readonly clock: Clock
}

/** What plugins use and no chain owns. */
export interface ChainRooms {
  readonly resolver: Resolver
  readonly pool: WorkerPool
  readonly certificates?: RecipientCertificates
  readonly reporting?: { readonly reports: Pick<Reports, 'dmarcObservations'> }
}

/** Makes the chain that the configuration asks for. Rejects, in words for the operator, if a plugin cannot be made. */
export async function chainOf(config: Config, seams: Seams, rooms: ChainRooms): Promise<Chain> {
  const { resolver, pool, certificates, reporting } = rooms
  const { inspect, limits, hostname } = config
  const unknown = unknownClient(config)
  if (unknown !== undefined) throw new OptionsError(`inspect: when: there is no client ${unknown} in clients`)
  const entries = inspect.map(({ deadline, ...entry }) => ({ ...entry, deadlineMs: deadline }))
  const domains = new Set(config.domains.keys())
  const services: Services = {
    ...{ hostname, domains, resolver, pool },
    ...sensitiveServices(config, seams.clock),
    ...(certificates !== undefined && { certificates }),
    ...(reporting !== undefined && { dmarcObservations: reporting.reports.dmarcObservations }),
  }
  const context = { ...seams, services }
  return loadChain(entries, { bytes: limits.headerSize, fields: limits.headerFields, content: limits.size }, context)
}

/** A name that stands in a condition and in no client: what it was meant for would pass unseen. */
function unknownClient({ inspect, clients }: Config): string | undefined {
  const known = new Set(['*', ...clients.map(({ name }) => name)])
  return inspect.flatMap(({ when }) => when?.clients ?? []).find((name) => !known.has(name))
}
