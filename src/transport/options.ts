import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import type { SecureRegister } from '../mail/secure-domain.ts'
import type { Metrics } from '../metrics.ts'
import type { Resolver } from '../net/dns.ts'
import type { ClearTextException } from './exceptions.ts'
import type { StsOptions } from './mta-sts/policies.ts'

/** What may change while it is in use: everything but where policies are kept and how they are fetched. */
export interface TransportOptions {
  readonly register: SecureRegister
  /** Whether TLSA records bind where the domain is not in the register. */
  readonly dane: boolean
  /** Whether MTA-STS policies do. */
  readonly mtaSts: boolean
  readonly exceptions: readonly ClearTextException[]
  /** How long a decision holds at the most, milliseconds. Default a minute: what it rests on is kept elsewhere. */
  readonly decisionMs?: number
}

export interface TransportSetup {
  /** Folder in which MTA-STS policies are kept; null: nowhere. */
  readonly folder: string | null
  /** Where they are not `STS_DEFAULTS`. */
  readonly sts?: Partial<StsOptions>
}

export interface TransportDeps {
  readonly resolver: Resolver
  readonly clock: Clock
  readonly log: Log
  readonly metrics?: Metrics
}

export const DECISION_MS = 60_000
/** Hosts of one path that are looked at; the others are refused. */
export const MAX_HOSTS = 32
