import type { Clock } from '../clock.ts'
import type { Config } from '../config/index.ts'
import type { Chain } from '../inspect/chain.ts'
import { loadChain } from '../inspect/load.ts'
import type { Log } from '../log.ts'
import type { Metrics } from '../metrics.ts'

/** Makes the chain that the configuration asks for. Rejects, in words for the operator, if a plugin cannot be made. */
export function chainOf(
  { inspect, limits }: Config,
  seams: { readonly log: Log; readonly metrics: Metrics; readonly clock: Clock },
): Promise<Chain> {
  const entries = inspect.map(({ deadline, ...entry }) => ({ ...entry, deadlineMs: deadline }))
  return loadChain(entries, { bytes: limits.headerSize, fields: limits.headerFields, content: limits.size }, seams)
}
