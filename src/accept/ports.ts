import type { Clock } from '../clock.ts'
import type { Chain } from '../inspect/chain.ts'
import type { Log } from '../log.ts'
import type { Address } from '../mail/address.ts'
import type { Envelope, Recipient, ReversePath } from '../mail/envelope.ts'
import type { Metrics } from '../metrics.ts'
import type { Later } from '../smtp/server/contract.ts'
import type { DeliveryPlan, Lease, Spool } from '../spool/contract.ts'

/** What accept needs of the rest of the daemon. Ports that are null switch off what needs them. */
export interface AcceptPorts {
  readonly spool: Pick<Spool, 'room' | 'newId' | 'receive' | 'put'>
  readonly planner: Planner
  readonly chain: Chain
  readonly log: Log
  readonly metrics: Metrics
  readonly clock: Clock
  readonly recipientList: RecipientList | null
  readonly recipientLookup: RecipientLookup | null
  readonly names: NameLookup | null
  /** Bytes that the spool's disk can still take, known without waiting; null if it is not known. */
  readonly freeBytes?: () => number | null
  /** What the whole process holds; left out, only what messages that arrive hold is looked at. */
  readonly memory?: MemoryRoom
}

/** Whether the process has memory for more. Answers at once. */
export interface MemoryRoom {
  /** Whether something may begin that may come to hold so many bytes. */
  admits(bytes: number): boolean
  /** Whether even what has begun must not grow any more. */
  readonly isSpent: boolean
}

/** Where each recipient goes, and who takes it there. Implemented by deliver. */
export interface Planner {
  /** Called once for each recipient just before the commit. Never waits. */
  plan(recipient: Recipient, envelope: Envelope): DeliveryPlan
  /** The leases that came with a commit, in the plans of which `leaseUntil` was set. */
  take(leases: readonly Lease[]): void
}

/** The recipients of our domains, from files. Reloaded by whoever implements it. */
export interface RecipientList {
  /** `key` is what `recipientKey` gives. */
  has(domain: string, key: string): boolean
}

/** Asks whoever knows a domain's recipients: its own server, or the directory. */
export interface RecipientLookup {
  /** Never rejects; whatever goes wrong is `temporary`. Bounded in time by the implementation. */
  lookup(address: Address, sender: ReversePath): Later<'exists' | 'unknown' | 'temporary'>
}

/** DNS, as far as accept asks it. Both are bounded in time, and never reject. */
export interface NameLookup {
  /** The name that the address's PTR gives and that leads back to the address; null if there is none. */
  reverse(address: string): Later<{ readonly name: string | null } | 'temporary'>
  /** Whether mail can be sent to a domain: MX, A or AAAA. `refuses`: it has a null MX (RFC 7505). */
  domain(domain: string): Later<'exists' | 'missing' | 'refuses' | 'temporary'>
}
