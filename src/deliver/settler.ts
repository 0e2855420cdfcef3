import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import { type Outcome, type Spool, SpoolUnavailable } from '../spool/contract.ts'

// A spool that cannot be written is asked again after this, milliseconds
const RETRY_MS = 1000

export interface SettlerPorts {
  /** These are on disk. */
  readonly settled: (outcomes: readonly Outcome[]) => void
  /** What is written of an outcome where there is no room for its notices: nobody fails untold. */
  readonly untold: (outcome: Outcome) => Outcome
  /** The spool can be written again. */
  readonly recovered: () => void
}

/**
 * Hands outcomes to the spool, as many in one go as have come while the last ones were written. None is
 * ever dropped: what became of a message is forgotten only once it is on disk, or else it would be
 * sent twice. Only where the spool is gone for good they are: the next start knows no better, and sends again.
 */
export class Settler {
  readonly #spool: Pick<Spool, 'settle'>
  readonly #clock: Clock
  readonly #log: Log
  readonly #ports: SettlerPorts
  #waiting: Outcome[] = []
  #busy = false
  #scheduled = false
  #isGone = false
  /** The last attempt failed: until one succeeds, nothing new should be begun. */
  isBroken = false
  #idle: (() => void)[] = []

  constructor({ spool, clock, log }: { spool: Pick<Spool, 'settle'>; clock: Clock; log: Log }, ports: SettlerPorts) {
    this.#spool = spool
    this.#clock = clock
    this.#log = log
    this.#ports = ports
  }

  get waiting(): number {
    return this.#waiting.length
  }

  add(outcome: Outcome): void {
    if (this.#isGone) return
    this.#waiting.push(outcome)
    if (this.#busy || this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      if (!this.#busy) void this.#flush()
    })
  }

  /** Resolves when everything that was added is on disk. */
  drained(): Promise<void> {
    if (!this.#busy && this.#waiting.length === 0) return Promise.resolve()
    return new Promise((resolve) => this.#idle.push(resolve))
  }

  async #flush(): Promise<void> {
    this.#busy = true
    while (this.#waiting.length > 0) {
      const outcomes = this.#waiting
      this.#waiting = []
      try {
        await this.#spool.settle(outcomes)
        this.#succeeded(outcomes)
      } catch (error) {
        if (await this.#failed(outcomes, error)) return
      }
    }
    this.#rest()
  }

  #rest(): void {
    this.#busy = false
    for (const resolve of this.#idle.splice(0)) resolve()
  }

  /** True if the spool is to be left alone for a while. */
  async #failed(outcomes: Outcome[], error: unknown): Promise<boolean> {
    if (!(error instanceof SpoolUnavailable)) return this.#oneByOne(outcomes)
    if (error.isGone) return this.#giveUp(outcomes.length, error)
    const left = await this.#apart(outcomes)
    if (left.length === 0) return false
    this.isBroken = true
    this.#log.error({ outcomes: left.length, error }, 'outcomes cannot be written, trying again')
    this.#waiting = [...left, ...this.#waiting]
    this.#clock.after(RETRY_MS, () => void this.#flush())
    return true
  }

  /** Nobody would ever write them: who waits for us may stop. True: nothing is tried any more. */
  #giveUp(lost: number, error: Error): true {
    this.#isGone = true
    this.isBroken = true
    const outcomes = lost + this.#waiting.length
    this.#waiting = []
    this.#log.error({ outcomes, error }, 'the spool is gone: what became of these is not written, they are sent again')
    this.#rest()
    return true
  }

  /**
   * A large notice needs room on the disk that outcomes alone do not: on a full one it must not keep
   * them from being written, or nothing would ever leave. Gives back what was not written.
   */
  async #apart(outcomes: readonly Outcome[]): Promise<readonly Outcome[]> {
    const telling = outcomes.filter(({ notifications }) => notifications.length > 0)
    const plain = outcomes.filter(({ notifications }) => notifications.length === 0)
    if (telling.length === 0 || !(await this.#isWritten(plain))) return outcomes
    for (const [i, outcome] of telling.entries()) {
      if (await this.#isWritten([outcome])) continue
      if (!(await this.#isWritten([this.#ports.untold(outcome)]))) return telling.slice(i)
      this.#log.error({ queueId: outcome.queueId }, 'there is no room for a notice: its recipients are tried again')
    }
    return []
  }

  async #isWritten(outcomes: readonly Outcome[]): Promise<boolean> {
    if (outcomes.length === 0) return true
    try {
      await this.#spool.settle(outcomes)
    } catch {
      return false
    }
    this.#succeeded(outcomes)
    return true
  }

  /** One outcome that the spool cannot take must not hold up the others; its lease lapses. */
  async #oneByOne(outcomes: Outcome[]): Promise<boolean> {
    for (const [i, outcome] of outcomes.entries()) {
      try {
        await this.#spool.settle([outcome])
        this.#succeeded([outcome])
      } catch (error) {
        if (error instanceof SpoolUnavailable) return this.#failed(outcomes.slice(i), error)
        this.#log.error({ queueId: outcome.queueId, error }, 'the spool refuses an outcome')
      }
    }
    return false
  }

  #succeeded(outcomes: readonly Outcome[]): void {
    const recovered = this.isBroken
    this.isBroken = false
    if (recovered) this.#ports.recovered()
    this.#ports.settled(outcomes)
  }
}
