import type { Proof } from '../transport/contract.ts'
import type { Carrier } from './carrier.ts'
import { Fifo } from './fifo.ts'
import type { Job, Lane } from './lane.ts'
import type { ConcurrencyOptions } from './options.ts'
import type { PathSecurity, SecurityFacts } from './path-security.ts'
import type { Route } from './route.ts'
import type { HopHosts, Target } from './targets.ts'

/** A connection to a next hop. */
export interface Connection {
  readonly carrier: Carrier
  /** Null for mailboxes. */
  readonly target: Target | null
  /** What was asked of the path and what it proved, as it is written down; null on this machine. */
  readonly security: (SecurityFacts & { readonly proves: Proof }) | null
  /** Milliseconds since 1970. */
  readonly openedAt: number
  idleSince: number
  sent: number
}

/** What is reached over one set of hosts, whichever destinations lead there. */
export interface NextHop {
  /** Two destinations share connections, concurrency and back-off if their keys are the same. */
  readonly key: string
  /** For people. */
  readonly name: string
  readonly route: Route
  readonly hosts: HopHosts
  /** What its hosts must prove; null on this machine. */
  readonly security: PathSecurity | null
}

// A server that takes no more connections is not asked for more of them for a while, milliseconds
const CEILING_MS = 60_000

/**
 * The state of one next hop: who waits for it, how many connections it may have, and whether it
 * is backing off. Decides nothing by itself but whose turn it is.
 */
export class Hop {
  /** As it was found last: a new password leads to the same hosts, a new decision with the same key to the same path. */
  next: NextHop
  concurrency: ConcurrencyOptions
  readonly idle: Connection[] = []
  running = 0
  opening = 0
  /** Connections on which a recipient is asked about. */
  asking = 0
  queued = 0
  bytes = 0
  /** Failures to reach it in a row. */
  failures = 0
  /** Until when it is left alone, milliseconds since 1970. */
  until = 0
  trouble: string | null = null
  /** What was blocked in the spool on its account, and until when. */
  readonly blocked = new Map<string, number>()
  /** Addresses that failed lately, and until when they are tried last. */
  readonly avoided = new Map<string, number>()
  targets: readonly Target[] = []
  usedAt = 0
  rotation = 0
  readonly #ring = new Fifo<Lane>()
  #limit: number
  #ceilingUntil = 0

  constructor(next: NextHop, concurrency: ConcurrencyOptions) {
    this.next = next
    this.concurrency = concurrency
    this.#limit = Math.min(concurrency.initial, concurrency.perNextHop)
  }

  /** Connections in use or being opened. */
  get busy(): number {
    return this.running + this.opening
  }

  /** Connections that stand. */
  get open(): number {
    return this.running + this.idle.length
  }

  /** How many connections it may have. One is enough to find out whether it is back. */
  get limit(): number {
    return this.failures > 0 ? 1 : Math.min(this.#limit, this.concurrency.perNextHop)
  }

  isResting(now: number): boolean {
    return this.until > now
  }

  /** The lane whose turn is next. */
  get foremost(): Lane | undefined {
    return this.#ring.first
  }

  /** A lane got a message. */
  enqueue(job: Job): void {
    const { lane } = job
    lane.queue.push(job)
    this.#count(job, 1)
    this.#wait(lane)
  }

  /** The message whose turn it is: destinations take turns, each gives its oldest. */
  take(): Job | null {
    for (let lane = this.#ring.shift(); lane !== undefined; lane = this.#ring.shift()) {
      const job = lane.queue.shift()
      if (lane.queue.size > 0) this.#ring.push(lane)
      else lane.inRing = false
      if (job === undefined) continue
      this.#count(job, -1)
      return job
    }
    return null
  }

  /** A message that shall begin anew, before all others. Its lane must lead here: a lane waits in one ring only. */
  putBack(job: Job): void {
    const { lane } = job
    lane.queue.unshift(job)
    this.#count(job, 1)
    if (lane.inRing) this.#ring.remove(lane)
    lane.inRing = true
    this.#ring.unshift(lane)
  }

  /** Takes in a lane with what it holds already. */
  attach(lane: Lane): void {
    lane.hop = this
    for (const job of lane.queue) this.#count(job, 1)
    if (lane.queue.size > 0) this.#wait(lane)
  }

  detach(lane: Lane): void {
    lane.hop = null
    for (const job of lane.queue) this.#count(job, -1)
    if (lane.inRing) this.#ring.remove(lane)
    lane.inRing = false
  }

  /** Everything that waits, taken out. */
  drain(): Job[] {
    const jobs: Job[] = []
    for (const lane of this.#ring.drain()) {
      lane.inRing = false
      jobs.push(...lane.queue.drain())
    }
    for (const job of jobs) this.#count(job, -1)
    return jobs
  }

  succeeded(now: number): void {
    this.failures = 0
    this.until = 0
    this.trouble = null
    if (this.#limit < this.concurrency.perNextHop && now >= this.#ceilingUntil) this.#limit++
  }

  /** Something went wrong between us: half as many connections. */
  shrink(): void {
    this.#limit = Math.max(1, Math.floor(this.#limit / 2))
  }

  /** It takes no more connections than it has. */
  capAtOpen(now: number): void {
    this.#limit = Math.max(1, this.open)
    this.#ceilingUntil = now + CEILING_MS
  }

  avoid(target: Target, until: number): void {
    this.avoided.set(addressKey(target), until)
  }

  isAvoided(target: Target, now: number): boolean {
    const until = this.avoided.get(addressKey(target))
    if (until !== undefined && until <= now) this.avoided.delete(addressKey(target))
    return until !== undefined && until > now
  }

  #wait(lane: Lane): void {
    if (lane.inRing) return
    lane.inRing = true
    this.#ring.push(lane)
  }

  #count(job: Job, sign: 1 | -1): void {
    this.queued += sign
    this.bytes += sign * job.bytes
  }
}

const addressKey = ({ address, port }: Target): string => `${address} ${port}`

/** `mail.example.org[192.0.2.1]:25`, for people. */
export const targetName = ({ host, address, port }: Target): string =>
  host === address ? `[${address}]:${port}` : `${host}[${address}]:${port}`
