import type { Address } from '../mail/address.ts'
import type { RateLimiter } from '../net/rate.ts'
import type { MailCommand } from '../smtp/server/contract.ts'
import type { SpoolRoom } from '../spool/contract.ts'
import { holdsRoute } from './addresses.ts'
import type { Client } from './clients.ts'
import type { ArrivalMemory } from './memory.ts'
import type { Rates } from './options.ts'
import type { Policy } from './policy.ts'
import { isOurPostmaster, isOwnAddress } from './postmaster.ts'
import type { Refusal } from './replies.ts'

/** Who is talking, as policy sees it. */
export interface Peer {
  readonly policy: Policy
  readonly client: Client | null
  /** Whether TLS is on. */
  readonly tls: boolean
  /** What rates and penalties are counted by: the client, or the address (IPv6: the /64) of one from outside. */
  readonly source: string
}

export const sizeLimit = ({ policy, client }: Peer): number => client?.size ?? policy.options.limits.size

export const recipientLimit = ({ policy, client }: Peer): number =>
  client?.recipients ?? policy.options.limits.recipients

/** Whether the spool takes mail. */
export function checkRoom({ replies }: Policy, room: SpoolRoom): Refusal | null {
  if (room === 'open') return null
  return room === 'full' ? replies.noRoom : replies.broken
}

/** Whether there is memory for another message. */
export function checkMemory({ options, replies }: Policy, arriving: ArrivalMemory): Refusal | null {
  if (!arriving.admits()) return replies.memoryShort
  return arriving.hasRoom(options.limits.memoryBytes) ? null : replies.noMemory
}

/** RFC 3207 section 4: a server may demand TLS before mail. */
export function checkTls({ policy, client, tls: on }: Peer): Refusal | null {
  const { tls } = client?.options ?? policy.options.outside
  return tls === 'required' && !on ? policy.replies.tlsRequired : null
}

export function checkSender({ policy, client }: Peer, { from }: MailCommand): Refusal | null {
  return client?.senders?.allows(from) === false ? policy.replies.senderNotAllowed : null
}

/** RFC 1870 section 6: 552 for what is never taken, 452 for what there is no room for now. */
export function checkSize(peer: Peer, size: number | null, freeBytes: number | null): Refusal | null {
  if (size === null) return null
  if (size > sizeLimit(peer)) return peer.policy.replies.tooLarge
  return freeBytes !== null && size > freeBytes ? peer.policy.replies.noRoom : null
}

/** What one message, or one recipient, costs of the rate that the peer may use. */
export function checkRate({ policy, client, source }: Peer, what: keyof Rates, limiter: RateLimiter): Refusal | null {
  const rate = (client?.options ?? policy.options.outside).rates[what]
  if (rate === null) return null
  return limiter.take(`${what} ${source}`, rate) === 0 ? null : policy.replies.rate
}

/** Never an open relay: what is not for our domains is taken only from a client that may send anywhere. */
export function checkRelay({ policy, client }: Peer, to: Address): Refusal | null {
  if (policy.options.domains.has(to.domain)) {
    return client === null && holdsRoute(to) ? policy.replies.sourceRouted : null
  }
  if (isOurPostmaster(to, policy) || isOwnAddress(to, policy)) return null
  return client?.options.relay === true ? null : policy.replies.relayDenied
}
