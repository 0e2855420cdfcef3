import type { Clock } from '../../clock.ts'
import type { Log } from '../../log.ts'
import type { Metrics } from '../../metrics.ts'
import { failureOf, ScannerFailure } from './failure.ts'
import { Slots } from './slots.ts'

/** One scanner's way of speaking. */
export interface Scanner<J, R> {
  /** As it stands in the configuration. */
  readonly name: string
  /** Rejects with ScannerFailure where there is no answer that counts, and when `signal` aborts. */
  scan(job: J, signal: AbortSignal): Promise<R>
  /** Resolves with its version if it is well. */
  check(signal: AbortSignal): Promise<string>
  close(): void
}

export interface HostOptions {
  /** Scans at once at one host, and how many more may wait for it. */
  readonly connections: number
  readonly waiting: number
  /** Milliseconds between two looks at a host, and how long each may take. */
  readonly checkEveryMs: number
  readonly checkTimeoutMs: number
}

export interface Seams {
  readonly clock: Clock
  readonly log: Log
  readonly metrics: Metrics
}

/** A host that failed is left alone for so long, doubling, but never longer than between two looks. */
const FIRST_BACK_OFF_MS = 500

type State = { readonly is: 'up'; readonly version: string | null } | Down

interface Down {
  readonly is: 'down'
  readonly since: number
  readonly cause: string
}

/** One host of a scanner: whether it answers, and what is under way there. */
export class Host<J, R> {
  readonly scanner: Scanner<J, R>
  readonly #kind: string
  readonly #options: HostOptions
  readonly #seams: Seams
  readonly #slots: Slots
  readonly #underWay = new Set<AbortController>()
  /** Until something is known it is worth a try. */
  #state: State = { is: 'up', version: null }
  #backOffMs = 0
  #retryAt = 0
  #othersUp: () => boolean = () => false
  #cancelLook: () => void = () => {}
  #looking = false
  #closed = false

  constructor(kind: string, scanner: Scanner<J, R>, options: HostOptions, seams: Seams) {
    this.#kind = kind
    this.scanner = scanner
    this.#options = options
    this.#seams = seams
    this.#slots = new Slots(options.connections, options.waiting)
  }

  get up(): boolean {
    return this.#state.is === 'up'
  }

  /** Whether a message may try it now, up or not. */
  get due(): boolean {
    return this.up || this.#seams.clock.now() >= this.#retryAt
  }

  /** One scan. `controller` breaks it off: the caller's, so that it can be linked with more. Rejects with ScannerFailure. */
  async scan(job: J, controller: AbortController): Promise<R> {
    const release = await this.#slots.take(controller.signal)
    this.#underWay.add(controller)
    try {
      const result = await this.scanner.scan(job, controller.signal)
      this.#isUp(null)
      return result
    } catch (error) {
      const failure = failureOf(controller.signal.aborted ? controller.signal.reason : error, 'broken')
      this.#learn(failure)
      throw failure
    } finally {
      this.#underWay.delete(controller)
      release()
    }
  }

  /** What failed with one message may be the message's fault: a look will tell. */
  #learn(failure: ScannerFailure): void {
    const { kind } = failure
    if (kind === 'unreachable' || kind === 'nonsense') {
      this.#isDown(failure)
      this.#lookLater()
    } else if (kind === 'late' || kind === 'broken') this.#lookNow()
  }

  /** Looks at the host now, and from then on again and again. `othersUp`: whether messages here could go elsewhere. */
  watch(othersUp: () => boolean): void {
    this.#othersUp = othersUp
    this.#lookNow()
  }

  #lookNow(): void {
    if (this.#looking || this.#closed) return
    this.#cancelLook()
    this.#looking = true
    void this.#look().finally(() => {
      this.#looking = false
      this.#lookLater()
    })
  }

  #lookLater(): void {
    if (this.#looking || this.#closed) return
    this.#cancelLook()
    const { checkEveryMs } = this.#options
    const wait = this.up ? checkEveryMs : Math.min(checkEveryMs, this.#backOffMs)
    this.#cancelLook = this.#seams.clock.after(wait, () => this.#lookNow())
  }

  async #look(): Promise<void> {
    const { checkTimeoutMs } = this.#options
    const controller = new AbortController()
    const late = new ScannerFailure('late', `no answer in ${checkTimeoutMs} ms`)
    const cancel = this.#seams.clock.after(checkTimeoutMs, () => controller.abort(late))
    try {
      this.#isUp(await this.scanner.check(controller.signal))
    } catch (error) {
      const failure = failureOf(controller.signal.aborted ? controller.signal.reason : error, 'broken')
      this.#isDown(failure)
      // what hangs there need not wait for its own time limit while another host could do it
      if (this.#othersUp()) for (const each of this.#underWay) each.abort(failure)
    } finally {
      cancel()
    }
  }

  #isUp(version: string | null): void {
    const before = this.#state
    this.#state = { is: 'up', version: version ?? (before.is === 'up' ? before.version : null) }
    this.#backOffMs = 0
    this.#gauge(1)
    if (before.is === 'down') this.#seams.log.info(this.#line, 'a scanner answers again')
  }

  #isDown({ message: cause }: ScannerFailure): void {
    if (this.#closed) return
    const { clock, log } = this.#seams
    const since = this.#state.is === 'down' ? this.#state.since : clock.now()
    if (this.up) log.error({ ...this.#line, cause }, 'a scanner does not answer')
    this.#state = { is: 'down', since, cause }
    this.#backOffMs = Math.min(this.#options.checkEveryMs, this.#backOffMs * 2 || FIRST_BACK_OFF_MS)
    this.#retryAt = clock.now() + this.#backOffMs
    this.#gauge(0)
  }

  #gauge(value: 0 | 1): void {
    this.#seams.metrics.gauge('postern_scanner_up', value, { scanner: this.#kind, host: this.scanner.name })
  }

  get #line(): object {
    return { scanner: this.#kind, host: this.scanner.name }
  }

  /** For operators, on one line. */
  text(): string {
    const state = this.#state
    if (state.is === 'up') return `${this.scanner.name} answers${state.version === null ? '' : ` (${state.version})`}`
    return `${this.scanner.name} does not answer since ${new Date(state.since).toISOString()}: ${state.cause}`
  }

  close(): void {
    this.#closed = true
    this.#cancelLook()
    for (const each of this.#underWay) each.abort(new ScannerFailure('broken', 'Postern let go of it'))
    this.scanner.close()
  }
}
