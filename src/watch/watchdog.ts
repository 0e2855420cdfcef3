import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import type { AlarmBoard } from './board.ts'
import type { CauseCounts } from './causes.ts'
import type { AlarmKind, Finding, LookRequest, QueueLook } from './contract.ts'
import type { WatchOptions } from './options.ts'
import { MOST_COUNTED, overdueFindings } from './overdue.ts'

/** What the watchdog looks at. */
export interface WatchdogPorts {
  /** Bounded in time however long the queue is. Rejects if the spool does not answer. */
  readonly look: (want: LookRequest) => Promise<QueueLook>
  /** What other rooms tell when they are asked, by kind: scanners, certificates, the register. Never throws. */
  readonly ask: () => readonly (readonly [AlarmKind, readonly Finding[]])[]
}

interface Parts {
  readonly board: AlarmBoard
  readonly causes: CauseCounts
  readonly clock: Clock
  readonly log: Log
}

/** Looks at regular times whether everything that should have happened has. */
export class Watchdog {
  #options: WatchOptions
  readonly #ports: WatchdogPorts
  readonly #parts: Parts
  #startedAt: number
  #cancel: () => void = () => {}
  #looking: Promise<void> = Promise.resolve()
  #stopped = false
  #blind = false

  constructor(options: WatchOptions, ports: WatchdogPorts, parts: Parts) {
    this.#options = options
    this.#ports = ports
    this.#parts = parts
    this.#startedAt = parts.clock.now()
    this.#arm()
  }

  update(options: WatchOptions): void {
    this.#options = options
    this.#arm()
  }

  /** One look, now. Never rejects. */
  async look(): Promise<void> {
    const { board, causes, clock } = this.#parts
    for (const [kind, findings] of this.#ports.ask()) board.sync(kind, findings)
    const queue = await this.#queue()
    if (this.#stopped) return
    if (queue !== null) {
      board.sync('overdue', overdueFindings(queue, clock.now()))
      causes.waiting(queue.backlogs)
    }
    board.sync('surge', causes.surges(), () => causes.isYoung)
    board.forgetUnconfirmed()
  }

  /** Resolves when no look is under way. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#cancel()
    await this.#looking
  }

  /** What came due while we did not run is late from our start on: it has its time to be caught up with. */
  async #queue(): Promise<QueueLook | null> {
    const now = this.#parts.clock.now()
    // The clock was set back: how late anything is shows from now on
    if (now < this.#startedAt) this.#startedAt = now
    const { overdueMs } = this.#options
    try {
      const found = await this.#ports.look({ now, before: now - overdueMs, most: MOST_COUNTED })
      this.#blind = false
      return now - this.#startedAt < overdueMs ? { ...found, ...NOT_YET } : found
    } catch (error) {
      if (!this.#blind) this.#parts.log.warn({ error }, 'the watchdog cannot look at the queue')
      this.#blind = true
      return null
    }
  }

  #arm(): void {
    this.#cancel()
    if (this.#stopped) return
    this.#cancel = this.#parts.clock.after(this.#options.lookMs, () => {
      this.#looking = this.look().finally(() => this.#arm())
    })
  }
}

const NOT_YET = { pending: null, leases: null, holds: null, expired: null, notices: null, journal: null } as const
