import { type Clock, systemClock } from '../../src/clock.ts'
import { WorkerPool } from '../../src/inspect/pool/pool.ts'
import type { BuiltInContext, Services } from '../../src/inspect/services.ts'
import { silentLog } from '../../src/log.ts'
import { noMetrics } from '../../src/metrics.ts'
import { defer, type Scope } from './scope.ts'
import { type Zone, type ZoneResolver, zoneResolver } from './zone.ts'

export interface ServicesOptions {
  readonly hostname?: string
  readonly domains?: readonly string[]
  readonly failing?: readonly string[]
  readonly clock?: Clock
}

export interface TestContextOfPlugins extends BuiltInContext {
  readonly services: Services & { readonly resolver: ZoneResolver }
}

/** What a daemon lends to its plugins: real worker threads, and a DNS that is `zone`. */
export function pluginContext(
  scope: Scope,
  zone: Zone,
  { hostname = 'relay.test', domains = [], failing = [], clock = systemClock }: ServicesOptions = {},
): TestContextOfPlugins {
  const seams = { clock, log: silentLog, metrics: noMetrics }
  const pool = new WorkerPool({ threads: 1 }, { ...seams, clock: systemClock })
  defer(scope, () => pool.close())
  const services = { hostname, domains: new Set(domains), resolver: zoneResolver(zone, failing), pool }
  return { ...seams, services }
}
