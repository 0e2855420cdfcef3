import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import type { Spool } from '../spool/contract.ts'
import type { Dispatcher } from './dispatcher.ts'
import type { Hop } from './hop.ts'
import type { Job } from './lane.ts'
import type { Pool } from './pool.ts'
import { tidy } from './tidy.ts'

export interface KeeperPorts {
  readonly spool: Pick<Spool, 'renew'>
  readonly dispatcher: Dispatcher
  readonly pool: Pool
  readonly clock: Clock
  readonly log: Log
}

const TICK_MS = 5_000

/** Keeps house in memory, on one timer: renews leases, closes idle connections, forgets what is not used. */
export class Keeper {
  readonly #ports: KeeperPorts
  #cancel: (() => void) | null = null
  #renewing = false

  constructor(ports: KeeperPorts) {
    this.#ports = ports
  }

  /** There is something to look after. */
  wake(): void {
    this.#cancel ??= this.#ports.clock.after(TICK_MS, () => this.#tick())
  }

  stop(): void {
    this.#cancel?.()
    this.#cancel = () => {}
  }

  /** Closes what is idle: all of it, or what has been so for long. */
  closeIdle(idleMs: number): void {
    const before = this.#ports.clock.now() - idleMs
    for (const hop of this.#ports.dispatcher.hops.values()) this.#closeIdleOf(hop, before)
  }

  #closeIdleOf(hop: Hop, before: number): void {
    for (const connection of hop.idle.filter(({ idleSince }) => idleSince <= before)) {
      hop.idle.splice(hop.idle.indexOf(connection), 1)
      void connection.carrier.quit().catch(() => {})
      this.#ports.pool.release(hop)
    }
  }

  /** The spool counts by the new time: a lease that seemed to last longer would be renewed too late. */
  clockWentBack(byMs: number): void {
    for (const job of this.#ports.dispatcher.jobs) job.leasedUntil -= byMs
  }

  #tick(): void {
    this.#cancel = null
    const { dispatcher, clock } = this.#ports
    this.closeIdle(dispatcher.options.connections.idleMs)
    dispatcher.renewWays(clock.now())
    tidy(dispatcher, clock.now())
    if (!this.#renewing) void this.#renew()
    if (dispatcher.jobs.size + dispatcher.lanes.size + dispatcher.hops.size > 0) this.wake()
  }

  /** Half of its time is over, or nobody knows how much, and it is still in use. */
  async #renew(): Promise<void> {
    const { dispatcher, clock, spool, log } = this.#ports
    const { leaseMs } = dispatcher.options
    const now = clock.now()
    // What has lapsed (the machine slept, its clock was put forward) may be another's by now, and is not revived
    // One that would last longer than any came while the clock was set back, and was not told of it
    const old = [...dispatcher.jobs].filter(({ leasedUntil: till }) => {
      const left = till - now
      return left > 0 && (left < leaseMs / 2 || left > leaseMs)
    })
    if (old.length === 0) return
    this.#renewing = true
    const leasedUntil = now + leaseMs
    try {
      await spool.renew(old.map(leaseOf), leasedUntil)
      const renewedAt = clock.now()
      for (const job of old) if (job.leasedUntil > renewedAt) job.leasedUntil = leasedUntil
    } catch (error) {
      log.error({ leases: old.length, error }, 'leases could not be renewed')
    }
    this.#renewing = false
  }
}

const leaseOf = ({ lease: { queueId, indexes } }: Job) => ({ queueId, indexes })
