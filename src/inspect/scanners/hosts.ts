import type { Clock } from '../../clock.ts'
import type { Health } from '../plugin.ts'
import { failureOf, ScannerFailure } from './failure.ts'
import { Host, type HostOptions, type Scanner, type Seams } from './host.ts'

export interface HostsOptions extends HostOptions {
  /** Milliseconds for one message, with waiting and all hosts that are tried. */
  readonly timeoutMs: number
}

/** A message on which so many hosts broke is not tried on more: it may be what breaks them. */
const MOST_BROKEN = 2

/**
 * Several hosts of one kind of scanner, in order of preference. A message goes to the first that is
 * up, and to the next when that fails; one that failed is left alone for a while, which doubles,
 * and is looked at until it answers again.
 */
export class Hosts<J, R> {
  readonly #kind: string
  readonly #hosts: readonly Host<J, R>[]
  readonly #timeoutMs: number
  readonly #seams: Seams

  /** `kind` is what logs and metrics call the scanner. Looks at all hosts from now on, until `close`. */
  constructor(kind: string, scanners: readonly Scanner<J, R>[], options: HostsOptions, seams: Seams) {
    this.#kind = kind
    this.#hosts = scanners.map((scanner) => new Host(kind, scanner, options, seams))
    this.#timeoutMs = options.timeoutMs
    this.#seams = seams
    for (const host of this.#hosts) host.watch(() => this.#hosts.some((other) => other !== host && other.up))
  }

  /** Rejects with ScannerFailure if no host gives an answer that counts, and when `signal` aborts. */
  async scan(job: J, signal: AbortSignal): Promise<R> {
    const { clock, metrics } = this.#seams
    const startedAt = clock.now()
    const time = new Time(clock, this.#timeoutMs, signal)
    try {
      return await this.#tryAll(job, time)
    } finally {
      time.end()
      metrics.observe('postern_scan_seconds', (clock.now() - startedAt) / 1000, { scanner: this.#kind })
    }
  }

  async #tryAll(job: J, time: Time): Promise<R> {
    const failures: [host: string, ScannerFailure][] = []
    for (const host of this.#candidates()) {
      try {
        return await host.scan(job, time.attempt())
      } catch (error) {
        failures.push([host.scanner.name, failureOf(error, 'broken')])
      }
      if (time.over || failures.filter(([, { kind }]) => BREAKS.includes(kind)).length >= MOST_BROKEN) break
    }
    throw together(failures)
  }

  /** Those that are up, and then those whose time to be left alone is over. */
  #candidates(): readonly Host<J, R>[] {
    return [...this.#hosts.filter(({ up }) => up), ...this.#hosts.filter(({ up, due }) => !up && due)]
  }

  health(): Health {
    return {
      ok: this.#hosts.every(({ up }) => up),
      text: `${this.#kind}: ${this.#hosts.map((host) => host.text()).join('; ')}`,
    }
  }

  close(): void {
    for (const host of this.#hosts) host.close()
  }
}

const BREAKS: readonly string[] = ['broken', 'late', 'nonsense']

function together(failures: readonly [string, ScannerFailure][]): ScannerFailure {
  const texts = failures.map(([host, { message }]) => `${host}: ${message}`)
  // what is over the limit of one would stay so: that says most about what to do
  const telling = failures.find(([, { kind }]) => kind === 'limit') ?? failures.at(-1)
  return new ScannerFailure(telling?.[1].kind ?? 'unreachable', texts.join('; ') || 'no host answered of late')
}

/** The time for one message: passes on its end, and the caller's signal, to the attempt under way. */
class Time {
  readonly #signal: AbortSignal
  readonly #cancel: () => void
  readonly #left = () => this.#stop(new ScannerFailure('left', 'broken off'))
  #current = new AbortController()
  over = false

  constructor(clock: Clock, timeoutMs: number, signal: AbortSignal) {
    this.#signal = signal
    this.#cancel = clock.after(timeoutMs, () => this.#stop(new ScannerFailure('late', `no answer in ${timeoutMs} ms`)))
    if (signal.aborted) this.#left()
    else signal.addEventListener('abort', this.#left, { once: true })
  }

  /** A controller for the next attempt. */
  attempt(): AbortController {
    if (!this.over) this.#current = new AbortController()
    return this.#current
  }

  #stop(why: ScannerFailure): void {
    this.over = true
    this.#current.abort(why)
  }

  end(): void {
    this.#cancel()
    this.#signal.removeEventListener('abort', this.#left)
  }
}
