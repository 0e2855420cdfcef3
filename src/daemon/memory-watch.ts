import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { MemoryRoom } from '../accept/ports.ts'
import type { Alarms } from '../alarms.ts'
import type { Clock } from '../clock.ts'
import type { Config } from '../config/index.ts'
import type { Log } from '../log.ts'
import type { Metrics } from '../metrics.ts'
import { type MemoryStanding, memoryGroups, standingOf } from './memory-groups.ts'

/** From which share of a bound on nothing new is taken, and below which it is again. */
export interface MemoryOptions {
  /** Bytes that the process may hold; null: what the system allows. */
  readonly boundBytes: number | null
  readonly refuseAt: number
  readonly resumeAt: number
}

export interface MemorySeams {
  readonly log: Log
  readonly metrics: Metrics
  readonly clock: Clock
  readonly alarms: Alarms
  /** What is held now, against each bound that there is. */
  readonly look?: (boundBytes: number | null) => readonly MemoryStanding[]
  /** Lets go of what nobody uses any more. */
  readonly collect?: () => Promise<unknown>
}

const LOOK_MS = 250
/** So much may be let in between two looks, even where there is hardly room. */
const BETWEEN_LOOKS_BYTES = 4 * 1024 * 1024
/** Garbage is memory too; to find it costs a moment in which nothing else is done. */
const COLLECT_MS = 5000
/** Memory that was needed once does not all go back to the system: after so long below the higher share, the lower one is waited for no more. */
const CALM_MS = 10_000
/** In a flood it is short and enough again many times: to operators that is one trouble, over when it has not been short for so long. */
const OVER_MS = 60_000
const ALARM = 'memory'

export const memoryOptions = ({ limits }: Config): MemoryOptions => ({
  boundBytes: limits.process.memory,
  refuseAt: limits.process.refuseAt,
  resumeAt: limits.process.resumeAt,
})

/**
 * Compares what the whole process holds with what it may hold, so that senders are asked to come again later before the
 * kernel ends it. Looks at set times, and as often as what was let in since might have filled what was left.
 */
export class MemoryWatch implements MemoryRoom {
  readonly #seams: Required<MemorySeams>
  #options: MemoryOptions
  #nearest: MemoryStanding | null = null
  #shortSince: number | null = null
  #calmSince: number | null = null
  #collectedAt = Number.NEGATIVE_INFINITY
  #letInBytes = 0
  /** When it was last short; null if operators know that it is no more. */
  #lastShort: number | null = null
  #isTold = false
  #stop: () => void = () => {}

  constructor(options: MemoryOptions, seams: MemorySeams) {
    this.#options = options
    this.#seams = { look: lookAtAll(), collect: collector(), ...seams }
    this.#look()
    this.#lookLater()
  }

  update(options: MemoryOptions): void {
    this.#options = options
    this.#look()
  }

  admits(bytes: number): boolean {
    if (this.#shortSince !== null) return false
    this.#letInBytes += bytes
    if (this.#letInBytes > Math.max(this.#leftBytes() / 2, BETWEEN_LOOKS_BYTES)) this.#look()
    return this.#shortSince === null
  }

  /** Half of what was kept free is gone as well. */
  get isSpent(): boolean {
    return this.#shortSince !== null && this.#share() >= (1 + this.#options.refuseAt) / 2
  }

  /** In a line for operators; null while there is enough. */
  get trouble(): string | null {
    if (this.#shortSince === null || this.#nearest === null) return null
    const { heldBytes, limitBytes, of } = this.#nearest
    const share = `${mib(heldBytes)} of ${mib(limitBytes)} MiB are held`
    return `memory is short: ${share} (${of}), and no new mail is taken until it is less; allow more, or take fewer connections (limits.connections)`
  }

  stop(): void {
    this.#stop()
  }

  #lookLater(): void {
    this.#stop = this.#seams.clock.after(LOOK_MS, () => {
      this.#lookLater()
      this.#look()
      if (this.#shortSince !== null) this.#endure()
      else this.#recover()
    })
  }

  #look(): void {
    const found = this.#seams.look(this.#options.boundBytes)
    this.#nearest = found.reduce<MemoryStanding | null>(nearer, null)
    this.#letInBytes = 0
    if (this.#shortSince === null && this.#share() >= this.#options.refuseAt) this.#becameShort()
    else if (this.#shortSince !== null && this.#isEnough()) this.#becameEnough()
    this.#measure()
  }

  #becameShort(): void {
    const { log, clock } = this.#seams
    const isFirst = this.#lastShort === null
    this.#lastShort = this.#shortSince = clock.now()
    this.#calmSince = null
    log[isFirst ? 'warn' : 'debug'](this.#facts(), 'memory is short: nothing new is taken')
    this.#collect()
  }

  #isEnough(): boolean {
    const { refuseAt, resumeAt } = this.#options
    const now = this.#seams.clock.now()
    if (this.#share() < resumeAt) return true
    if (this.#share() >= refuseAt || this.#calmSince === null || now < this.#calmSince) {
      this.#calmSince = this.#share() >= refuseAt ? null : now
    }
    return this.#calmSince !== null && now - this.#calmSince >= CALM_MS
  }

  #becameEnough(): void {
    this.#shortSince = null
    this.#seams.log.debug(this.#facts(), 'there is memory enough for now')
  }

  #recover(): void {
    const now = this.#seams.clock.now()
    if (this.#lastShort === null || (now >= this.#lastShort && now - this.#lastShort < OVER_MS)) return
    this.#lastShort = null
    this.#isTold = false
    this.#seams.log.info(this.#facts(), 'there is memory enough again')
    this.#seams.alarms.clear(ALARM)
  }

  /** What garbage alone had filled is over by the next look, and nobody needs to hear of it. */
  #endure(): void {
    const { trouble } = this
    this.#lastShort = this.#seams.clock.now()
    if (trouble !== null && !this.#isTold) this.#seams.alarms.raise(ALARM, trouble, this.#facts())
    this.#isTold = true
    this.#collect()
  }

  #collect(): void {
    const now = this.#seams.clock.now()
    if (now >= this.#collectedAt && now - this.#collectedAt < COLLECT_MS) return
    this.#collectedAt = now
    const { collect, log } = this.#seams
    collect().then(
      () => this.#look(),
      (err: unknown) => log.debug({ err }, 'no memory was collected'),
    )
  }

  #measure(): void {
    const { metrics } = this.#seams
    metrics.gauge('postern_memory_short', this.#shortSince === null ? 0 : 1)
    if (this.#nearest === null) return
    metrics.gauge('postern_memory_held_bytes', this.#nearest.heldBytes)
    metrics.gauge('postern_memory_limit_bytes', this.#nearest.limitBytes)
  }

  #facts() {
    const { heldBytes = null, limitBytes = null, of = null } = this.#nearest ?? {}
    return { heldBytes, limitBytes, of }
  }

  #share(): number {
    return this.#nearest === null ? 0 : shareOf(this.#nearest)
  }

  #leftBytes(): number {
    if (this.#nearest === null) return Number.POSITIVE_INFINITY
    return this.#nearest.limitBytes * this.#options.refuseAt - this.#nearest.heldBytes
  }
}

const shareOf = ({ heldBytes, limitBytes }: MemoryStanding): number => heldBytes / limitBytes
const nearer = (one: MemoryStanding | null, other: MemoryStanding) =>
  one === null || shareOf(other) > shareOf(one) ? other : one
const mib = (bytes: number): number => Math.round(bytes / 2 ** 20)

/** The groups are found once: service managers move no process that runs. Their limits are read each time. */
function lookAtAll(): NonNullable<MemorySeams['look']> {
  const groups = memoryGroups()
  return (boundBytes) => {
    const found = groups.map(standingOf).filter((standing) => standing !== null)
    if (boundBytes === null) return found
    return [...found, { of: 'limits.process.memory', heldBytes: process.memoryUsage.rss(), limitBytes: boundBytes }]
  }
}

/** V8 collects when its heap has grown, and knows nothing of the limit. Made where it is wanted first: the flag changes nothing else. */
function collector(): () => Promise<unknown> {
  let collect: ((how: object) => Promise<unknown>) | null = null
  return async () => {
    if (collect === null) {
      setFlagsFromString('--expose-gc')
      collect = runInNewContext('gc') as (how: object) => Promise<unknown>
    }
    return collect({ type: 'major', execution: 'async' })
  }
}
