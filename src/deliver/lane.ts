import type { Reply } from '../mail/reply.ts'
import type { Lease } from '../spool/contract.ts'
import { Fifo } from './fifo.ts'
import type { Hop } from './hop.ts'
import type { Need } from './need.ts'
import type { PathSecurity } from './path-security.ts'

/** One leased message in memory: some recipients that share a destination. */
export interface Job {
  readonly lease: Lease
  readonly lane: Lane
  /** Of content in memory, and a little for the rest. */
  readonly bytes: number
  /** Milliseconds since 1970; moves with renewal. */
  leasedUntil: number
  /** How often it began anew in this attempt, with another host or connection. */
  restarts: number
  /** What went wrong in this attempt, host by host. */
  readonly tried: string[]
}

/**
 * The messages in memory for one destination that go to one domain and need the same of their path, in the
 * order in which they came. What a path must prove is the recipients' domain's to say, wherever an
 * operator sends the mail; so lanes of one destination may have connections and troubles of their own.
 */
export class Lane {
  readonly destination: string
  /** The recipients' domain. Another than the destination where an operator named another way. */
  readonly domain: string
  readonly need: Need
  readonly queue = new Fifo<Job>()
  /** Where it leads; null until it was looked up. */
  hop: Hop | null = null
  /** When that is looked up again, milliseconds since 1970. */
  routedUntil = 0
  /** What was decided about the path there; null on this machine, and before. */
  security: PathSecurity | null = null
  routing = false
  /** Waits in its hop's ring. */
  inRing = false
  /** How many messages it may have in memory. */
  window: number
  /** Messages in memory, those that are being sent among them. */
  jobs = 0
  /** The spool may have more that is due for it. */
  more = false
  /** Lookups that failed in a row, and until when it waits for that. */
  failures = 0
  until = 0
  trouble: string | null = null
  /** The same as a reply, for those who wait. */
  said: Reply | null = null
  usedAt = 0

  constructor(destination: string, domain: string, need: Need, window: number) {
    this.destination = destination
    this.domain = domain
    this.need = need
    this.window = window
  }

  /** Its troubles are not those of its destination as a whole: its messages wait for themselves. */
  get isApart(): boolean {
    return this.need !== 'none' || this.domain !== this.destination
  }

  get isFull(): boolean {
    return this.queue.size >= this.window
  }

  /** Time to lease more, before it runs dry. */
  get isLow(): boolean {
    return this.queue.size * 2 < this.window
  }
}

export function laneKey(destination: string, domain: string, need: Need): string {
  if (domain === destination) return need === 'none' ? destination : `${destination} ${need}`
  return `${destination} for ${domain} ${need}`
}

/** The domain of all recipients of a lease, or null: only where an operator named another way they may be of several. */
export function onlyDomain({
  envelope: { rcptTo },
  destination,
}: Pick<Lease, 'envelope' | 'destination'>): string | null {
  const domain = rcptTo[0]?.address.domain ?? destination
  return rcptTo.every(({ address }) => address.domain === domain) ? domain : null
}

/** A lease for each domain among the recipients. */
export function byDomain(lease: Lease): readonly { domain: string; lease: Lease }[] {
  const { rcptTo } = lease.envelope
  const places = Map.groupBy(rcptTo.keys(), (place) => rcptTo[place]?.address.domain ?? '')
  return [...places].map(([each, at]) => ({ domain: each, lease: partOf(lease, at) }))
}

function partOf(lease: Lease, places: readonly number[]): Lease {
  const wanted = new Set(places)
  const only = <T>(all: readonly T[]): T[] => all.filter((_, place) => wanted.has(place))
  const { envelope, indexes, attempts, lastReplies, triedUntil } = lease
  return {
    ...lease,
    envelope: { ...envelope, rcptTo: only(envelope.rcptTo) },
    indexes: only(indexes),
    attempts: only(attempts),
    lastReplies: only(lastReplies),
    ...(triedUntil && { triedUntil: only(triedUntil) }),
  }
}
