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
  'admin.socket': ({ admin: { timeouts, ...socket } }) => socket,
  'admin.timeouts': ({ admin }) => admin.timeouts,
  'metrics.listen': ({ metrics }) => metrics.listen,
  'metrics.timeouts': ({ metrics }) => metrics.timeouts,
  // one that there was not before counts at once
  'publish.mtaSts.timeouts': ({ publish }) => publish.mtaSts?.timeouts,
  'limits.connections.waiting': ({ limits }) => limits.connections.waiting,
  'log.addresses': ({ log }) => log.addresses,
}

/** The keys that differ between two configurations and count only from the next start. */
export function needRestart(before: Config, after: Config): string[] {
  return Object.entries(FIXED)
    .filter(([, value]) => differ(value(before), value(after)))
    .map(([key]) => key)
}

const differ = (before: unknown, after: unknown): boolean =>
  before !== undefined && after !== undefined && !isDeepStrictEqual(before, after)
