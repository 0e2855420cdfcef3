import type { Alarms } from '../alarms.ts'
import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import type { Address } from '../mail/address.ts'
import type { Reply } from '../mail/reply.ts'
import { EMPTY_REGISTER, type SecureRegister } from '../mail/secure-domain.ts'
import type { Metrics } from '../metrics.ts'
import type { Resolver } from '../net/dns.ts'
import type { ClientTimeouts } from '../smtp/client/contract.ts'
import type { Hold, Lease, Spool } from '../spool/contract.ts'
import type { TlsResults, TransportSecurity } from '../transport/contract.ts'
import { MX_ROUTE, type RouteTable } from './route.ts'
import { DEFAULT_SCHEDULE, type Schedule } from './schedule.ts'
import type { MessageStore } from './store.ts'

/** Everything that an operator may decide about delivery. Times in milliseconds, sizes in bytes. */
export interface DeliverOptions {
  /** Our name: in notifications, and for detecting loops. */
  readonly hostname: string
  /** Our name in EHLO. */
  readonly helo: string
  readonly routes: RouteTable
  /** Where it names a next hop for a domain, that counts before all routes. */
  readonly register: SecureRegister
  /** When a recipient is tried again. */
  readonly retry: Schedule
  /** When a next hop that cannot be reached is tried again, by failures in a row. */
  readonly backOff: Schedule
  /** Older messages are returned to their sender. */
  readonly lifetimeMs: number
  /** Likewise for messages with the null reverse-path, which are never returned; at most `lifetimeMs`. */
  readonly bounceLifetimeMs: number
  /** What is released from a hold is tried for what was left of its lifetime when it was held, and for so long at least. */
  readonly afterReleaseMs: number
  /** When a sender hears that the message still waits; null: never. */
  readonly delayNoticeMs: number | null
  readonly concurrency: ConcurrencyOptions
  readonly connections: ConnectionOptions
  readonly memory: MemoryOptions
  /** How long a recipient is ours before the spool may give it to another worker; renewed in time. */
  readonly leaseMs: number
  readonly timeouts: ClientTimeouts
  /** Addresses to connect from, one of each family at the most; none: the system chooses. */
  readonly localAddresses: readonly string[]
  readonly lookup: LookupOptions
  readonly notifications: NotificationOptions
  /** How often what has become too old is looked for, and how much of it in one commit. */
  readonly sweepMs: number
  readonly sweepBatch: number
  /** How long asking a next hop about a recipient may take. */
  readonly askTimeoutMs: number
}

export interface ConcurrencyOptions {
  /** Connections to a next hop of which nothing is known. One more for each success, half after a failure. */
  readonly initial: number
  readonly perNextHop: number
  /** To all next hops together. */
  readonly total: number
}

export interface ConnectionOptions {
  /** A connection without work is closed after this. */
  readonly idleMs: number
  /** Messages on one connection. */
  readonly messages: number
  /** A connection is not used for another message after this. */
  readonly ageMs: number
}

/** Bounds of what waits in memory. What is over them waits in the spool. */
export interface MemoryOptions {
  /** Of content. One next hop gets half of it at the most. */
  readonly bytes: number
  readonly messages: number
  /** Messages of one destination; it starts with `firstWindow` and grows as they go. */
  readonly perDestination: number
  readonly firstWindow: number
  readonly perNextHop: number
  /** Destinations of which something is remembered though none of their messages is in memory. Likewise next hops. */
  readonly destinations: number
  /** Messages in one lease from the spool. */
  readonly batch: number
}

export interface LookupOptions {
  /** Address families to connect over, the preferred one first; both take turns. */
  readonly families: readonly (4 | 6)[]
  /** Bounds of one attempt. */
  readonly maxHosts: number
  readonly maxAddresses: number
  /** Whether MX may lead to this machine or be an IP address. For tests. */
  readonly allowLocal: boolean
  /** Names, beside `hostname`, under which we are an exchanger. */
  readonly ownNames: readonly string[]
  /** Where we listen. */
  readonly ownAddresses: readonly { readonly address: string; readonly port: number }[]
  /** How long a domain's exchangers are believed before they are looked up again. */
  readonly refreshMs: number
  /** How long a host that failed is tried after all others. */
  readonly avoidMs: number
}

export interface NotificationOptions {
  /** From whom; null: `MAILER-DAEMON` at `hostname`. */
  readonly from: Address | null
  /** Who hears of failed messages with the null reverse-path; null: nobody, the log does. */
  readonly postmaster: Address | null
  /** What is returned where the sender did not say (RFC 3461 section 4.3). */
  readonly returned: 'full' | 'headers'
  /** Larger messages are returned as their header only. */
  readonly fullBytes: number
  /** More of a header is cut off. */
  readonly headerBytes: number
}

export interface DeliverDeps {
  readonly spool: Spool
  readonly resolver: Resolver
  /** What each path must prove, and whether it may be taken. */
  readonly security: Pick<TransportSecurity, 'decide'>
  /** Who hears at once that a path cannot be proven; left out, nobody: the log does. */
  readonly alarms?: Alarms
  /** Told of each message that was put off after an attempt; `nextHop` is null where none was reached. Never throws. */
  readonly deferred?: (found: {
    readonly queueId: string
    readonly nextHop: string | null
    readonly reply: Reply
  }) => void
  /** Where it is written down for reports to other domains (RFC 8460) how sessions over TLS went. */
  readonly tlsResults?: TlsResults
  readonly clock: Clock
  readonly log: Log
  readonly metrics: Metrics
  /** For routes via `store`; null where there are no mailboxes. */
  readonly store: MessageStore | null
  /**
   * Asked before a hold is released by its deadline: null, or the hold that takes its place. Left out,
   * all are released. A rejection leaves the hold for the next sweep.
   */
  readonly holdAgain?: (lease: Lease, hold: Hold) => Promise<Hold | null>
  /** 0 to 1, for jitter and for spreading over equal hosts. */
  readonly random?: () => number
}

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const MIB = 2 ** 20

/** RFC 5321 section 4.5.3.2, but for `connect`, on which a sender with other hosts to try need not wait so long. */
export const DEFAULT_TIMEOUTS: ClientTimeouts = {
  connect: 30 * SECOND,
  greeting: 5 * MINUTE,
  hello: 5 * MINUTE,
  tls: MINUTE,
  auth: 2 * MINUTE,
  mail: 5 * MINUTE,
  rcpt: 5 * MINUTE,
  data: 2 * MINUTE,
  block: 3 * MINUTE,
  end: 10 * MINUTE,
}

export const DELIVER_DEFAULTS: Omit<DeliverOptions, 'hostname' | 'helo'> = {
  routes: { default: MX_ROUTE, domains: new Map() },
  register: EMPTY_REGISTER,
  retry: DEFAULT_SCHEDULE,
  backOff: DEFAULT_SCHEDULE,
  lifetimeMs: 5 * DAY,
  bounceLifetimeMs: 5 * DAY,
  afterReleaseMs: DAY,
  delayNoticeMs: 4 * HOUR,
  concurrency: { initial: 5, perNextHop: 20, total: 200 },
  connections: { idleMs: 15 * SECOND, messages: 1000, ageMs: 10 * MINUTE },
  memory: {
    bytes: 64 * MIB,
    messages: 10_000,
    perDestination: 1000,
    firstWindow: 100,
    perNextHop: 2000,
    destinations: 10_000,
    batch: 200,
  },
  leaseMs: 10 * MINUTE,
  timeouts: DEFAULT_TIMEOUTS,
  localAddresses: [],
  lookup: {
    families: [6, 4],
    maxHosts: 5,
    maxAddresses: 10,
    allowLocal: false,
    ownNames: [],
    ownAddresses: [],
    refreshMs: 5 * MINUTE,
    avoidMs: 5 * MINUTE,
  },
  notifications: { from: null, postmaster: null, returned: 'headers', fullBytes: 100 * 1024, headerBytes: 32 * 1024 },
  sweepMs: MINUTE,
  sweepBatch: 100,
  askTimeoutMs: 20 * SECOND,
}
