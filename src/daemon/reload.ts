import { isDeepStrictEqual } from 'node:util'
import type { Config } from '../config/index.ts'

/** Keys that a running daemon cannot change, as their values stand in a configuration. */
const FIXED: Readonly<Record<string, (config: Config) => unknown>> = {
  state: ({ state }) => state,
  spool: ({ spool }) => spool,
  ledger: ({ ledger }) => ledger,
  dns: ({ dns }) => dns,
  'delivery.mtaStsTimeout': ({ delivery }) => delivery.mtaStsTimeout,
  'certificates.file': ({ certificates }) => certificates.file,
  'admin.socket': ({ admin }) => admin,
  'metrics.listen': ({ metrics }) => metrics,
  'limits.connections.waiting': ({ limits }) => limits.connections.waiting,
  'log.addresses': ({ log }) => log.addresses,
}

/** The keys that differ between two configurations and count only from the next start. */
export function needRestart(before: Config, after: Config): string[] {
  return Object.entries(FIXED)
    .filter(([, value]) => !isDeepStrictEqual(value(before), value(after)))
    .map(([key]) => key)
}
