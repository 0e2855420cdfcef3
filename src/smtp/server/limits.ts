import type { WireLimits } from './contract.ts'

const MINUTE = 60_000

/** What holds where neither the listener nor the handler says otherwise. */
export const DEFAULT_LIMITS: WireLimits = {
  size: 35 * 1024 * 1024,
  // RFC 5321 section 4.5.3.1.8: at the least
  recipients: 100,
  uselessCommands: 100,
  errors: 20,
  // RFC 5321 section 4.5.3.2.7: at the least
  idleMs: 5 * MINUTE,
  dataMs: 30 * MINUTE,
  tlsMs: MINUTE,
  sessionMs: 240 * MINUTE,
  wrongEndMs: 10_000,
  commandLine: 4096,
  lenient: false,
}

/** The limits of one session: the defaults, what the listener changes, what the handler changes. */
export function mergeLimits(...changes: readonly (Partial<WireLimits> | null | undefined)[]): WireLimits {
  return Object.assign({}, DEFAULT_LIMITS, ...changes)
}
