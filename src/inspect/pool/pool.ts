import { availableParallelism } from 'node:os'
import type { Clock } from '../../clock.ts'
import type { Log } from '../../log.ts'
import type { Content } from '../../mail/content.ts'
import type { Metrics } from '../../metrics.ts'
import type { ArgsOf, Jobs, ResultOf } from './job.ts'
import type { PostJobs } from './jobs.ts'
import { Member, PoolError } from './member.ts'

export interface PoolOptions {
  /** Worker threads. Default: one less than the cores, at least one. */
  readonly threads?: number
  /** Jobs that may be under way or wait; more are refused. Default 2000. */
  readonly queue?: number
  /** Bytes of their content. Default 256 MiB. */
  readonly queueBytes?: number
  /** Larger content goes to the worker in pieces. Default 1 MiB. */
  readonly wholeBytes?: number
  /** A thread that does not answer for this long is ended, milliseconds; its jobs fail. Default 30 s. */
  readonly stallMs?: number
  /** The main file of a thread, in tests. */
  readonly file?: URL
}

export interface RunOptions {
  readonly signal?: AbortSignal
  /** Answers what the job asks. A rejection fails the job. */
  answer?(subject: unknown): Promise<unknown>
}

interface Seams {
  readonly clock: Clock
  readonly log: Log
  readonly metrics: Metrics
}

/** How long a thread that died at once is not replaced. */
const RESPAWN_MS = 1000

const EXTENSION = import.meta.url.endsWith('.ts') ? 'ts' : 'js'

/**
 * Threads for what would hold up the main one: hashing, signatures, parsing. They start with the
 * first job, or with `warm`. A thread that dies or hangs is replaced; its jobs reject.
 */
export class WorkerPool<J extends Jobs = PostJobs> {
  readonly #options: Required<PoolOptions>
  readonly #seams: Seams
  #members: Member[] = []
  #notBefore = 0
  #closed = false
  #stopChecks: (() => void) | null = null

  constructor(options: PoolOptions, seams: Seams) {
    this.#options = {
      threads: options.threads ?? Math.max(1, availableParallelism() - 1),
      queue: options.queue ?? 2000,
      queueBytes: options.queueBytes ?? 256 * 1024 * 1024,
      wholeBytes: options.wholeBytes ?? 1024 * 1024,
      stallMs: options.stallMs ?? 30_000,
      file: options.file ?? new URL(`thread.${EXTENSION}`, import.meta.url),
    }
    this.#seams = seams
  }

  /** Starts the threads, so that the first message need not wait for them. */
  warm(): void {
    if (this.#closed) return
    const { clock } = this.#seams
    this.#members = this.#members.filter(({ alive }) => alive)
    while (this.#members.length < this.#options.threads && clock.now() >= this.#notBefore) this.#spawn()
    this.#watch()
  }

  /**
   * Does a job in a thread. Content in memory is copied once; larger content is read and sent in
   * pieces, as fast as the job takes them. Rejects with PoolError.
   */
  async run<K extends keyof J & string>(
    job: K,
    args: ArgsOf<J, K>,
    content: Content | null,
    options: RunOptions = {},
  ): Promise<ResultOf<J, K>> {
    const member = this.#choose(Math.min(content?.size ?? 0, this.#options.wholeBytes))
    const { answer } = options
    const { wholeBytes } = this.#options
    const call = { job, args, content, wholeBytes, ...(answer !== undefined && { answer }) }
    return (await member.run(call, options.signal ?? null)) as ResultOf<J, K>
  }

  /** Ends the threads. What is under way fails. */
  async close(): Promise<void> {
    this.#closed = true
    this.#stopChecks?.()
    await Promise.all(this.#members.map((member) => member.close()))
  }

  /** The thread with the least to do. */
  #choose(size: number): Member {
    if (this.#closed) throw new PoolError('the pool is closed')
    this.warm()
    const [first, ...others] = this.#members
    if (first === undefined) throw new PoolError('there is no worker thread')
    const jobs = this.#members.reduce((sum, { pending }) => sum + pending, 0)
    const bytes = this.#members.reduce((sum, { load }) => sum + load, 0)
    const { queue, queueBytes } = this.#options
    // one message must always fit
    if (jobs >= queue || (bytes > 0 && bytes + size > queueBytes))
      throw new PoolError('the worker threads are overloaded')
    return others.reduce((least, member) => (busier(least, member) ? member : least), first)
  }

  #spawn(): void {
    const { clock, log, metrics } = this.#seams
    const startedAt = clock.now()
    const member = new Member(this.#options.file, startedAt, (cause) => {
      if (this.#closed) return
      metrics.count('postern_worker_deaths_total')
      log.error({ cause: cause.message }, 'a worker thread died and is replaced')
      if (clock.now() - startedAt < RESPAWN_MS) this.#notBefore = clock.now() + RESPAWN_MS
    })
    this.#members.push(member)
  }

  #watch(): void {
    if (this.#stopChecks !== null) return
    const tick = () => {
      for (const member of this.#members) member.check()
      this.#stopChecks = this.#seams.clock.after(this.#options.stallMs, tick)
    }
    this.#stopChecks = this.#seams.clock.after(this.#options.stallMs, tick)
  }
}

const busier = (a: Member, b: Member): boolean => a.load > b.load || (a.load === b.load && a.pending > b.pending)
