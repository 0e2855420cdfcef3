import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import { type Reply, replyText } from '../mail/reply.ts'
import type { BlockReason, Lease } from '../spool/contract.ts'
import type { Unreachable } from './connect.ts'
import { Hop, type NextHop } from './hop.ts'
import { byDomain, type Job, Lane, laneKey, onlyDomain } from './lane.ts'
import { type Need, needOf } from './need.ts'
import type { DeliverOptions } from './options.ts'
import type { PathAlarms } from './path-alarms.ts'
import type { Router } from './router.ts'
import { waitAfter } from './schedule.ts'
import { Ways } from './ways.ts'

/** What the dispatcher leaves to others. */
export interface DispatcherPorts {
  /** A message came into memory. */
  readonly added: () => void
  readonly pump: (hop: Hop) => void
  /** Goes back to the spool untried; `reply` says why it waits, where its destination does not. */
  readonly giveBack: (job: Job, dueAt: number, reply?: Reply | null) => void
  /** Was tried without reaching anybody. `permanent`: it has failed. */
  readonly triedInVain: (job: Job, why: Unreachable, dueAt: number) => void
  readonly block: (destination: string, until: number, reason: BlockReason) => void
  readonly unblock: (destination: string) => void
  readonly alarms: PathAlarms
  readonly clock: Clock
  readonly log: Log
  readonly random: () => number
}

// What one message costs in memory beside its content, roughly, bytes
const OVERHEAD = 1024
// For what is leased, however little the operator gives to fresh content
const LEAST_BYTES = 2 ** 24
// How long a destination waits whose next hop has enough to do already, milliseconds
const BUSY_MS = 10_000

/**
 * Knows every message in memory, which lane it waits in, and which next hop the lane leads to.
 * Decides what comes in, and sends back what cannot go out now.
 */
export class Dispatcher {
  readonly lanes = new Map<string, Lane>()
  readonly hops = new Map<string, Hop>()
  readonly jobs = new Set<Job>()
  bytes = 0
  options: DeliverOptions
  router: Router
  readonly #ports: DispatcherPorts
  readonly #ways: Ways

  constructor(options: DeliverOptions, router: Router, ports: DispatcherPorts) {
    this.options = options
    this.router = router
    this.#ports = ports
    this.#ways = new Ways({
      ...ports,
      router: () => this.router,
      options: () => this.options,
      hopFor: (next) => this.hopFor(next),
      isInUse: (hop) => this.hops.get(hop.next.key) === hop,
      sendBack: (job, hop) => this.#sendBack(job, hop),
      rest: (lane, why, now) => this.#rest(lane, why, now),
    })
  }

  /** Whether there is memory for a message to a domain that nobody waits for otherwise. */
  hasRoomFor(domain: string, need: Need): boolean {
    const lane = this.#lane(domain, domain, need)
    const { hop } = lane
    // What comes after goes the same way, or it would overtake for ever
    if (lane.isFull) lane.more = true
    const { messages, bytes } = this.options.memory
    if (this.jobs.size >= messages || this.bytes >= bytes || lane.more || this.#isResting(lane)) return false
    return hop === null || this.#isOpenTo(hop)
  }

  /** Whether more may be leased. Some room there always is, or nothing would ever go out. */
  get hasRoomForLeases(): boolean {
    const { messages, bytes } = this.options.memory
    return this.jobs.size * 2 < Math.max(2, messages) && this.bytes < Math.max(bytes, LEAST_BYTES)
  }

  /** Takes a leased message into memory. */
  add(whole: Lease): void {
    const now = this.#ports.clock.now()
    const need = needOf(whole.envelope)
    const only = onlyDomain(whole)
    if (only !== null) this.#add(whole, this.#lane(whole.destination, only, need), now)
    else
      for (const { domain, lease } of byDomain(whole))
        this.#add(lease, this.#lane(lease.destination, domain, need), now)
  }

  #add(lease: Lease, lane: Lane, now: number): void {
    const bytes = OVERHEAD + (lease.content.bytes?.length ?? 0)
    const job: Job = { lease, lane, bytes, leasedUntil: lease.leasedUntil, restarts: 0, tried: [] }
    lane.usedAt = now
    lane.jobs++
    this.jobs.add(job)
    this.bytes += bytes
    this.#ports.added()
    this.#place(job, now)
  }

  /** A message that was under way begins anew at once, on the way that its lane takes by now. */
  again(job: Job, hop: Hop): void {
    const now = this.#ports.clock.now()
    if (job.lane.hop === hop && !hop.isResting(now)) hop.putBack(job)
    else this.#place(job, now)
  }

  /** A message is out of memory. */
  forget(job: Job): void {
    if (!this.jobs.delete(job)) return
    job.lane.jobs--
    this.bytes -= job.bytes
  }

  reached(hop: Hop, lane: Lane): void {
    const now = this.#ports.clock.now()
    this.#ports.alarms.over(lane)
    hop.succeeded(now)
    if (hop.blocked.size === 0) return
    for (const [blocked, until] of hop.blocked) {
      if (blocked === lane.destination || until > now) this.#ports.unblock(blocked)
    }
    hop.blocked.clear()
  }

  /** Nothing of a next hop answers: it rests, and everything that waits for it with it. */
  unreachable(hop: Hop, why: Unreachable): void {
    const now = this.#ports.clock.now()
    const [first, ...others] = hop.drain()
    if (why.unproven !== null) this.#tellOf(first ? [first, ...others] : [], why.unproven)
    if (why.is === 'permanent') {
      for (const job of first ? [first, ...others] : []) this.#ports.triedInVain(job, why, now)
      return
    }
    hop.failures++
    hop.trouble = replyText(why.reply)
    hop.until = now + waitAfter(hop.failures, this.options.backOff, this.#ports.random)
    this.#ports.log.warn(
      { nextHop: hop.next.name, failures: hop.failures, until: hop.until, reason: hop.trouble, tried: why.tried },
      'next hop cannot be reached',
    )
    if (first) {
      this.#ports.triedInVain(first, why, hop.until)
      this.#blockFor(first.lane, hop)
    }
    for (const job of others) this.#sendBack(job, hop)
  }

  /** Lets everything be tried again at once. */
  forgive(): void {
    for (const each of [...this.hops.values(), ...this.lanes.values()]) each.until = 0
    // The clock may have been set back: what was found then would count for as long again
    for (const lane of this.lanes.values()) lane.routedUntil = 0
    for (const hop of this.hops.values()) hop.avoided.clear()
  }

  hopFor(next: NextHop): Hop {
    const known = this.hops.get(next.key)
    if (known) {
      known.next = next
      return known
    }
    const hop = new Hop(next, this.options.concurrency)
    hop.usedAt = this.#ports.clock.now()
    this.hops.set(next.key, hop)
    return hop
  }

  /** Gives everything that waits back to the spool. */
  giveBackAll(): void {
    const jobs = [...this.hops.values()].flatMap((hop) => hop.drain())
    for (const lane of this.lanes.values()) jobs.push(...lane.queue.drain())
    for (const job of jobs) this.#ports.giveBack(job, this.#ports.clock.now())
  }

  /** What is known of why a destination waits; null if nothing. */
  troubleOf({ destination, envelope }: Pick<Lease, 'destination' | 'envelope'>): string | null {
    const domain = envelope.rcptTo[0]?.address.domain ?? destination
    const lane = this.lanes.get(laneKey(destination, domain, needOf(envelope)))
    return lane?.hop?.trouble ?? lane?.trouble ?? null
  }

  /** Leads lanes anew whose way was found long ago, or under a decision that has run out: nobody else would while no message comes. */
  renewWays(now: number): void {
    for (const lane of this.lanes.values()) {
      if (lane.queue.size > 0 && lane.hop !== null && lane.routedUntil <= now) this.#ways.find(lane)
    }
  }

  /** Nobody has used a lane for long. */
  forgetLane(key: string, lane: Lane): void {
    this.lanes.delete(key)
    this.#ports.alarms.over(lane)
  }

  /** Other routes hold from now on: lanes are led anew, and what is idle is closed. */
  reroute(options: DeliverOptions, router: Router): void {
    this.options = options
    this.router = router
    for (const hop of this.hops.values()) {
      hop.concurrency = options.concurrency
      // Their new way may be open
      for (const destination of hop.blocked.keys()) this.#ports.unblock(destination)
      hop.blocked.clear()
    }
    for (const lane of this.lanes.values()) {
      if (lane.until > this.#ports.clock.now()) this.#ports.unblock(lane.destination)
      // What was decided about the path holds no more: nothing goes on before it is decided anew
      lane.hop?.detach(lane)
      lane.routedUntil = 0
      lane.until = 0
      if (lane.queue.size > 0) this.#ways.find(lane)
    }
  }

  #lane(destination: string, domain: string, need: Need): Lane {
    const key = laneKey(destination, domain, need)
    const known = this.lanes.get(key)
    if (known) return known
    const { firstWindow, perDestination } = this.options.memory
    const lane = new Lane(destination, domain, need, Math.min(firstWindow, perDestination))
    lane.usedAt = this.#ports.clock.now()
    this.lanes.set(key, lane)
    return lane
  }

  #place(job: Job, now: number): void {
    const { lane } = job
    if (lane.until <= now && (lane.hop === null || lane.routedUntil <= now)) this.#ways.find(lane)
    const { hop } = lane
    if (lane.until > now) this.#giveBack(job, lane.until, lane.said)
    else if (hop === null) lane.queue.push(job)
    else if (hop.isResting(now)) this.#sendBack(job, hop)
    else if (hop.queued >= this.options.memory.perNextHop) this.#crowdedOut(job, now)
    else {
      hop.enqueue(job)
      this.#ports.pump(hop)
    }
  }

  #tellOf(jobs: readonly Job[], cause: string): void {
    for (const lane of new Set(jobs.map(({ lane }) => lane))) this.#ports.alarms.unproven(lane, cause)
  }

  #rest(lane: Lane, why: Unreachable, now: number): void {
    const [first, ...others] = lane.queue.drain()
    const { destination, domain } = lane
    lane.failures++
    lane.trouble = replyText(why.reply)
    lane.said = why.reply
    lane.until = now + waitAfter(lane.failures, this.options.backOff, this.#ports.random)
    this.#ports.log.warn({ destination, domain, until: lane.until, reason: lane.trouble }, 'no way found for now')
    if (first) this.#ports.triedInVain(first, why, lane.until)
    for (const job of others) this.#giveBack(job, lane.until, why.reply)
    if (!lane.isApart) this.#ports.block(destination, lane.until, { text: lane.trouble, failures: lane.failures })
  }

  #sendBack(job: Job, hop: Hop): void {
    this.#giveBack(job, hop.until, null)
    this.#blockFor(job.lane, hop)
  }

  /** The block of its destination says when it is next tried, and why; where there is none, it waits for itself. */
  #giveBack(job: Job, until: number, why: Reply | null): void {
    if (job.lane.isApart) this.#ports.giveBack(job, until, why)
    else this.#ports.giveBack(job, this.#ports.clock.now())
  }

  /** Blocks a destination as long as its next hop rests. Lanes apart do not speak for it. */
  #blockFor(lane: Lane, hop: Hop): void {
    const { destination } = lane
    if (lane.isApart || hop.blocked.get(destination) === hop.until) return
    hop.blocked.set(destination, hop.until)
    this.#ports.block(destination, hop.until, { text: hop.trouble ?? 'cannot be reached', failures: hop.failures })
  }

  /** Its next hop has enough waiting in memory from others: it may not take the room of other next hops. */
  #crowdedOut(job: Job, now: number): void {
    const until = now + BUSY_MS
    this.#giveBack(job, until, null)
    this.#ports.block(job.lane.destination, until, { text: 'the next hop is busy', failures: 0 })
  }

  #isResting({ until, hop }: Lane): boolean {
    const now = this.#ports.clock.now()
    return until > now || (hop?.isResting(now) ?? false)
  }

  #isOpenTo({ queued, bytes }: Hop): boolean {
    const { memory } = this.options
    return queued < memory.perNextHop && bytes * 2 < memory.bytes
  }
}
