import type { Address } from '../mail/address.ts'
import type { Network } from '../net/network.ts'
import type { Rate } from '../net/rate.ts'

/** Everything that accept decides by. daemon.ts makes it from the configuration; `DEFAULTS` holds what may be left out. */
export interface AcceptOptions {
  /** Our own name, lower-case A-labels: greeting, Received field, loop detection. */
  readonly hostname: string
  /** A line added to every refusal: where to find help. At most 200 characters; null for none. */
  readonly support: string | null
  /** Who reads what is sent to this server's own postmaster (RFC 5321 section 4.5.1); null where nobody does. */
  readonly postmaster: Address | null
  /** Addresses that this server itself reads, such as those for reports, as `addressKey` gives them: mail to them is taken from everywhere. */
  readonly ownAddresses?: ReadonlySet<string>
  readonly clients: readonly ClientOptions[]
  /** Domains that we take mail for from anywhere, by lower-case A-label. */
  readonly domains: ReadonlyMap<string, DomainOptions>
  readonly recipientCheck: RecipientCheckOptions
  readonly outside: OutsideOptions
  readonly connections: ConnectionLimits
  readonly limits: AcceptLimits
  readonly holds: HoldOptions
}

/** A registered source of mail. Known by the smallest network that holds its address, or by its certificate, which comes first. */
export interface ClientOptions {
  readonly name: string
  readonly networks: readonly Network[]
  /** SHA-256 of the certificate (DER) in hex; colons and case do not matter. */
  readonly fingerprints: readonly string[]
  readonly tls: 'required' | 'optional'
  /** Reverse-paths that it may use; null for any. */
  readonly senders: readonly SenderPattern[] | null
  /** Whether it may send to domains that are not ours. */
  readonly relay: boolean
  /** A device: bare LF and odd HELO names are taken, and the null reverse-path only where `senders` lists it. */
  readonly device: boolean
  /** Whether missing Date and Message-ID are added (RFC 6409 section 8). */
  readonly addMissing: boolean
  readonly rates: Rates
  /** Its own limits; null for the general one. */
  readonly size: number | null
  readonly recipients: number | null
  /** Connections at a time; null for no limit but that on all. */
  readonly connections: number | null
}

/** Whom a client may send as. */
export type SenderPattern =
  | { readonly is: 'any' }
  /** `<>`, the null reverse-path of notifications. */
  | { readonly is: 'null' }
  /** One address. */
  | { readonly is: 'address'; readonly key: string }
  /** `@domain`; with `below`, every name below it but not the domain itself. */
  | { readonly is: 'domain'; readonly domain: string; readonly below: boolean }

/** Messages and recipients are counted by themselves; null for no limit. */
export interface Rates {
  readonly messages: Rate | null
  readonly recipients: Rate | null
}

export interface DomainOptions {
  /** How recipients are known: all are taken, those of the list, or those that the next hop knows. */
  readonly recipients: 'any' | 'list' | 'ask'
}

/** How answers about recipients are kept. */
export interface RecipientCheckOptions {
  /** How long a recipient is known to exist, or not to, milliseconds. */
  readonly knownMs: number
  readonly unknownMs: number
  /** While nobody can be asked. `accept`: taken, and the domain's own server decides later. `defer`: 450. */
  readonly unavailable: 'accept' | 'defer'
}

/** What becomes of a message that a plugin holds, if nobody decides. */
export interface HoldOptions {
  /** Milliseconds. */
  readonly deadlineMs: number
  readonly afterwards: 'release' | 'reject' | 'discard'
}

/** What is asked of senders that are not registered. */
export interface OutsideOptions {
  readonly tls: 'required' | 'optional'
  /** `record`: look the name up for the trace. `require`: refuse addresses whose reverse name does not lead back to them. */
  readonly reverseName: 'off' | 'record' | 'require'
  /** Whether the sender's domain must exist in DNS. */
  readonly resolvableSender: boolean
  /** For each address (IPv6: each /64). */
  readonly rates: Rates
  /** Recipients in one message with the null reverse-path: a notification has one (RFC 3464 section 2). */
  readonly nullSenderRecipients: number
  /** Unknown recipients in a session, after which it is ended. */
  readonly unknownRecipients: number
  /** Unknown recipients from an address (IPv6: a /64), however many sessions it spreads them over. */
  readonly unknownRate: Rate | null
  /** How long an address is refused after that, milliseconds. */
  readonly penaltyMs: number
}

/** Connections at a time. */
export interface ConnectionLimits {
  readonly total: number
  /** Of all that are not registered, so that clients always find room. */
  readonly outside: number
  /** Of one address that is not registered (IPv6: one /64). */
  readonly perAddress: number
  /** Of one network that is not registered: IPv4 /24, IPv6 /48. */
  readonly perNetwork: number
}

export interface AcceptLimits {
  /** Bytes of a message. */
  readonly size: number
  readonly recipients: number
  /** Bytes and fields of a header. */
  readonly headerBytes: number
  readonly headerFields: number
  /** Received fields, after which a message is taken to go round in circles (RFC 5321 section 6.3: at least 100). */
  readonly hops: number
  /** Received fields of our own, likewise. */
  readonly ownHops: number
  /** Bytes that all messages that are just arriving may hold in memory, together. */
  readonly memoryBytes: number
  /** Sources that rates, penalties and recipients are remembered of. */
  readonly remembered: number
}

const HOUR = 3_600_000
export const NO_RATES: Rates = { messages: null, recipients: null }

/** The documented default of each part of the options. */
export const DEFAULTS = {
  client: {
    networks: [],
    fingerprints: [],
    tls: 'required',
    senders: null,
    relay: true,
    device: false,
    addMissing: false,
    rates: NO_RATES,
    size: null,
    recipients: null,
    connections: null,
  },
  outside: {
    tls: 'optional',
    reverseName: 'record',
    resolvableSender: false,
    rates: {
      messages: { count: 100, perMs: 60_000 },
      recipients: { count: 300, perMs: 60_000 },
    },
    nullSenderRecipients: 1,
    unknownRecipients: 10,
    unknownRate: { count: 100, perMs: HOUR },
    penaltyMs: HOUR / 4,
  },
  connections: { total: 10_000, outside: 8_000, perAddress: 50, perNetwork: 200 },
  limits: {
    size: 35 * 1024 * 1024,
    recipients: 100,
    headerBytes: 256 * 1024,
    headerFields: 1000,
    hops: 100,
    ownHops: 3,
    memoryBytes: 256 * 1024 * 1024,
    remembered: 100_000,
  },
  recipientCheck: { knownMs: 24 * HOUR, unknownMs: HOUR / 6, unavailable: 'accept' },
  holds: { deadlineMs: 5 * 24 * HOUR, afterwards: 'reject' },
} as const satisfies {
  client: Omit<ClientOptions, 'name'>
  outside: OutsideOptions
  connections: ConnectionLimits
  limits: AcceptLimits
  recipientCheck: RecipientCheckOptions
  holds: HoldOptions
}
