import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import type { Lease, Spool } from '../spool/contract.ts'
import type { Dispatcher } from './dispatcher.ts'
import type { Job, Lane } from './lane.ts'

export interface FeederPorts {
  readonly spool: Pick<Spool, 'lease' | 'nextDue'>
  readonly dispatcher: Dispatcher
  /** False while nothing may be begun. */
  readonly mayBegin: () => boolean
  readonly clock: Clock
  readonly log: Log
}

// A message planned as pending is on disk by then, milliseconds
const EXPECTED_MS = 1000
// A spool that gives nothing is asked again after this
const RETRY_MS = 1000
// Shortest time until it is asked again, where lanes had no room, and where all had
const CROWDED_MS = 1000
const SOON_MS = 50

/**
 * Leases messages from the spool as memory has room for them: when something falls due, when a lane
 * runs low that has more in the spool, when the spool was full of things that had no room. Asks once at a time.
 */
export class Feeder {
  readonly #ports: FeederPorts
  /** The spool may have something due for anybody. */
  #all = false
  readonly #low = new Set<Lane>()
  #feeding = false
  #wakeAt = Number.POSITIVE_INFINITY
  #cancel: (() => void) | null = null
  #expecting = false
  #stopped = false
  #idle: (() => void)[] = []

  constructor(ports: FeederPorts) {
    this.#ports = ports
  }

  /** Something is due. */
  poke(): void {
    this.#all = true
    this.#feed()
  }

  /** Something will be due in the spool shortly: it is being committed. */
  expect(): void {
    if (this.#expecting) return
    this.#expecting = true
    this.#ports.clock.after(EXPECTED_MS, () => {
      this.#expecting = false
      this.poke()
    })
  }

  /** Something will be due then. */
  wakeAt(time: number): void {
    if (time >= this.#wakeAt || this.#stopped) return
    this.#cancel?.()
    this.#wakeAt = time
    this.#cancel = this.#ports.clock.after(time - this.#ports.clock.now(), () => {
      this.#wakeAt = Number.POSITIVE_INFINITY
      this.poke()
    })
  }

  /** A message of a lane was taken to be sent. */
  drained({ lane }: Job): void {
    if (lane.more && lane.isLow && !this.#low.has(lane)) {
      const { perDestination } = this.#ports.dispatcher.options.memory
      lane.window = Math.min(perDestination, lane.window * 2)
      this.#low.add(lane)
    }
    this.roomFreed()
  }

  /** Something left memory. */
  roomFreed(): void {
    if (this.#low.size > 0 || this.#all) this.#feed()
  }

  /** Leases nothing more; resolves when nothing is under way. */
  stop(): Promise<void> {
    this.#stopped = true
    this.#cancel?.()
    return this.#feeding ? new Promise((resolve) => this.#idle.push(resolve)) : Promise.resolve()
  }

  get #mayFeed(): boolean {
    const { mayBegin, dispatcher } = this.#ports
    return !this.#stopped && mayBegin() && dispatcher.hasRoomForLeases
  }

  #feed(): void {
    if (this.#feeding || !this.#mayFeed) return
    this.#feeding = true
    void this.#rounds()
  }

  async #rounds(): Promise<void> {
    try {
      while ((this.#all || this.#low.size > 0) && this.#mayFeed) {
        // Lanes that run dry go first: they have proven to be alive
        if (this.#low.size > 0) await this.#feedLow()
        else await this.#feedAll()
      }
    } catch (error) {
      this.#ports.log.error({ error }, 'the spool gives nothing, trying again')
      this.wakeAt(this.#ports.clock.now() + RETRY_MS)
    }
    this.#feeding = false
    for (const resolve of this.#idle.splice(0)) resolve()
  }

  async #feedLow(): Promise<void> {
    const lanes = [...this.#low]
    this.#low.clear()
    const { batch } = this.#ports.dispatcher.options.memory
    const room = Math.max(1, Math.min(...lanes.map((lane) => lane.window - lane.queue.size)))
    const only = [...new Set(lanes.map(({ destination }) => destination))]
    const asked = Math.min(room, batch)
    const leases = await this.#lease(Math.min(batch, asked * only.length), asked, NONE, only)
    const got = Map.groupBy(leases, ({ destination }) => destination)
    for (const lane of lanes) lane.more = false
    this.#take(leases)
    for (const lane of lanes) {
      if ((got.get(lane.destination)?.length ?? 0) >= asked || leases.length >= batch) this.#expectMore(lane)
    }
  }

  async #feedAll(): Promise<void> {
    this.#all = false
    const { options, lanes } = this.#ports.dispatcher
    const { batch, firstWindow } = options.memory
    const full = [...lanes.values()].filter((lane) => !lane.isLow)
    for (const lane of full) lane.more = true
    const perDestination = Math.max(1, Math.floor(firstWindow / 2))
    const leases = await this.#lease(batch, perDestination, new Set(full.map(({ destination }) => destination)))
    this.#take(leases)
    const got = Map.groupBy(leases, ({ destination }) => destination)
    for (const lane of got.size > 0 ? lanes.values() : []) {
      if ((got.get(lane.destination)?.length ?? 0) >= perDestination) this.#expectMore(lane)
    }
    if (leases.length >= batch) this.#all = true
    else await this.#sleep(full.length > 0 ? CROWDED_MS : SOON_MS)
  }

  /** What was leased may have gone out already: then nothing would tell that the lane is low. */
  #expectMore(lane: Lane): void {
    lane.more = true
    if (lane.isLow) this.#low.add(lane)
  }

  #lease(
    limit: number,
    perDestination: number,
    except: ReadonlySet<string>,
    only?: readonly string[],
  ): Promise<Lease[]> {
    const { spool, clock, dispatcher } = this.#ports
    const leasedUntil = clock.now() + dispatcher.options.leaseMs
    return spool.lease({ limit, perDestination, leasedUntil, except, ...(only && { only }) })
  }

  #take(leases: readonly Lease[]): void {
    for (const lease of leases) this.#ports.dispatcher.add(lease)
  }

  /** Nothing is due: until when? What is due all the same came just now, or belongs to lanes that are full. */
  async #sleep(atLeastMs: number): Promise<void> {
    const next = await this.#ports.spool.nextDue()
    if (next !== null) this.wakeAt(Math.max(next, this.#ports.clock.now() + atLeastMs))
  }
}

const NONE: ReadonlySet<string> = new Set()
