import type { Clock } from '../clock.ts'
import { type Reply, replyText } from '../mail/reply.ts'
import type { Unreachable } from './connect.ts'
import type { Hop, NextHop } from './hop.ts'
import type { Job, Lane } from './lane.ts'
import type { DeliverOptions } from './options.ts'
import type { PathAlarms } from './path-alarms.ts'
import { holds, type PathSecurity } from './path-security.ts'
import { ownReply } from './replies.ts'
import type { Found, Router, Stopped } from './router.ts'

/** What is done with a way that was found, or with those who wait where there is none. */
export interface WaysPorts {
  /** The one that counts now. */
  readonly router: () => Router
  readonly options: () => DeliverOptions
  readonly hopFor: (next: NextHop) => Hop
  /** Whether it was not forgotten meanwhile. */
  readonly isInUse: (hop: Hop) => boolean
  readonly pump: (hop: Hop) => void
  /** Its next hop rests. */
  readonly sendBack: (job: Job, hop: Hop) => void
  /** Nothing of the lane goes out for a while. */
  readonly rest: (lane: Lane, why: Unreachable, now: number) => void
  readonly triedInVain: (job: Job, why: Unreachable, dueAt: number) => void
  readonly alarms: PathAlarms
  readonly clock: Clock
}

/** Finds the way of each lane: which next hop it leads to, under which decision about the path, and until when. */
export class Ways {
  readonly #ports: WaysPorts

  constructor(ports: WaysPorts) {
    this.#ports = ports
  }

  /** Leads a lane to the next hop that the router finds, or lets it rest where there is none. */
  find(lane: Lane): void {
    if (lane.routing) return
    const found = this.#ports.router().find(lane)
    if (found instanceof Promise) this.#routeLater(lane, found)
    else this.#lead(lane, found, lane.hop)
  }

  #routeLater(lane: Lane, finding: Promise<Found>): void {
    const router = this.#ports.router()
    const before = this.#waitIfUndecided(lane)
    lane.routing = true
    void finding.catch(unexpected).then((found) => {
      lane.routing = false
      // The table changed meanwhile
      if (router !== this.#ports.router()) this.find(lane)
      else this.#lead(lane, found, before)
    })
  }

  /** A decision that has run out carries nothing more. Gives the next hop that it led to. */
  #waitIfUndecided(lane: Lane): Hop | null {
    const { hop, security } = lane
    if (hop !== null && security !== null && !holds(security, this.#ports.clock.now())) hop.detach(lane)
    return hop
  }

  #lead(lane: Lane, found: Found, before: Hop | null): void {
    if (found.is === 'hop') this.#attach(lane, this.#ports.hopFor(found.next), found.next.security)
    else if (found.is === 'stopped') this.#stop(lane, found)
    else this.#astray(lane, found, before)
  }

  #attach(lane: Lane, hop: Hop, security: PathSecurity | null): void {
    const now = this.#ports.clock.now()
    lane.failures = 0
    lane.trouble = null
    lane.said = null
    lane.security = security
    lane.routedUntil = Math.min(now + this.#ports.options().lookup.refreshMs, security?.decision.until ?? Infinity)
    if (lane.hop !== hop) {
      lane.hop?.detach(lane)
      hop.attach(lane)
    }
    if (hop.isResting(now)) for (const job of hop.drain()) this.#ports.sendBack(job, hop)
    else this.#ports.pump(hop)
  }

  /** No way was found. One that is known already is gone on with for now, unless what allowed it is over. */
  #astray(lane: Lane, found: { is: 'permanent' | 'temporary'; reply: Reply }, before: Hop | null): void {
    const now = this.#ports.clock.now()
    const ends = lane.security?.decision.ends ?? Number.POSITIVE_INFINITY
    if (found.is === 'temporary' && now < ends && before !== null && this.#ports.isInUse(before)) {
      this.#attach(lane, before, lane.security)
      lane.routedUntil = Math.min(now + this.#ports.options().lookup.refreshMs, ends)
      return
    }
    lane.hop?.detach(lane)
    const why: Unreachable = { ...found, remote: null, tried: [], unproven: null }
    if (found.is === 'permanent') for (const job of lane.queue.drain()) this.#ports.triedInVain(job, why, now)
    else this.#ports.rest(lane, why, now)
  }

  /** The way that was known may not be taken any more, and no other. Whoever shares it with others goes on. */
  #stop(lane: Lane, { reply, tried, security, proof }: Stopped): void {
    lane.hop?.detach(lane)
    lane.security = security
    if (proof) this.#ports.alarms.unproven(lane, replyText(reply))
    this.#ports.rest(lane, { is: 'temporary', reply, remote: null, tried, unproven: null }, this.#ports.clock.now())
  }
}

const unexpected = (error: unknown): Found => ({
  is: 'temporary',
  reply: ownReply(
    451,
    '4.3.0',
    `looking up the way failed: ${error instanceof Error ? error.message : 'unknown error'}`,
  ),
})
