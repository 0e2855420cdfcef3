import type { Lease } from '../spool/contract.ts'
import { Fifo } from './fifo.ts'
import type { Hop } from './hop.ts'

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
 * The messages in memory for one destination, in the order in which they came. `strict` lanes are
 * for those that need proven TLS (RFC 8689): they have connections and troubles of their own.
 */
export class Lane {
  readonly destination: string
  readonly strict: boolean
  readonly queue = new Fifo<Job>()
  /** Where it leads; null until it was looked up. */
  hop: Hop | null = null
  /** When that is looked up again, milliseconds since 1970. */
  routedUntil = 0
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
  usedAt = 0

  constructor(destination: string, strict: boolean, window: number) {
    this.destination = destination
    this.strict = strict
    this.window = window
  }

  get isFull(): boolean {
    return this.queue.size >= this.window
  }

  /** Time to lease more, before it runs dry. */
  get isLow(): boolean {
    return this.queue.size * 2 < this.window
  }
}

export const laneKey = (destination: string, strict: boolean): string =>
  strict ? `${destination} strict` : destination

/** Whether a message may only travel over proven TLS. Not so bounces: RFC 8689 section 5. */
export const isStrict = ({ requireTls, mailFrom }: Lease['envelope']): boolean => requireTls && mailFrom !== null
