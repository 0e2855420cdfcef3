import { Worker } from 'node:worker_threads'
import type { Content } from '../../mail/content.ts'
import { type Batch, type Order, Outbox, type Report } from './protocol.ts'

/** A job could not be done: it failed, its thread died, there are too many, or the pool is closed. */
export class PoolError extends Error {
  override readonly name = 'PoolError'
}

/** What the main side does for a job while it runs. */
export interface Call {
  readonly job: string
  readonly args: unknown
  readonly content: Content | null
  /** Content up to this size goes along whole, bytes. */
  readonly wholeBytes: number
  answer?(subject: unknown): Promise<unknown>
}

interface Pending extends Call {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: Error) => void
  /** Lets the next piece of streamed content go. */
  taken: () => void
}

const PIECE_BYTES = 256 * 1024
/** Pieces that a worker has not taken yet. */
const WINDOW = 4
const MAX_HEAP_MB = 512
// As the main thread has: V8's own measure is several times that
const YOUNG_MB = 24

/** The main side of one worker thread. */
export class Member {
  readonly startedAt: number
  /** Bytes of whole content that the worker has not answered for. */
  load = 0
  readonly #worker: Worker
  readonly #outbox: Outbox<Order>
  readonly #pending = new Map<number, Pending>()
  readonly #onEnd: (cause: Error) => void
  #next = 0
  #alive = true
  /** Nothing was heard since the last ping. */
  #silent = false

  constructor(file: URL, now: number, onEnd: (cause: Error) => void) {
    this.startedAt = now
    this.#onEnd = onEnd
    this.#worker = new Worker(file, {
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB, maxOldGenerationSizeMb: MAX_HEAP_MB },
    })
    this.#outbox = new Outbox((batch, transfer) => this.#send(batch, transfer))
    this.#worker.on('message', (batch: Batch<Report>) => this.#onBatch(batch))
    this.#worker.on('error', (error) => this.#end(error))
    this.#worker.on('exit', () => this.#end(new Error('it ended')))
    this.#worker.unref()
  }

  get alive(): boolean {
    return this.#alive
  }

  get pending(): number {
    return this.#pending.size
  }

  /** The result of the job. Rejects with PoolError. When `signal` is aborted, the answer is no longer waited for. */
  run(call: Call, signal: AbortSignal | null): Promise<unknown> {
    if (signal?.aborted) return Promise.reject(new PoolError('no longer wanted'))
    const id = this.#next++
    // of what goes in pieces no more than that is on its way
    const size = Math.min(call.content?.size ?? 0, call.wholeBytes)
    const cancel = () => this.#cancel(id)
    const done = new Promise<unknown>((resolve, reject) => {
      this.#worker.ref()
      this.#pending.set(id, { ...call, resolve, reject, taken: () => {} })
      this.#start(id, call)
    })
    this.load += size
    signal?.addEventListener('abort', cancel, { once: true })
    return done.finally(() => {
      this.load -= size
      signal?.removeEventListener('abort', cancel)
    })
  }

  #send(batch: Batch<Order>, transfer: ArrayBuffer[]): void {
    try {
      this.#worker.postMessage(batch, transfer)
    } catch (error) {
      // arguments that cannot travel are a fault of the program; which job's they are cannot be told here
      void this.#worker.terminate()
      this.#end(error as Error)
    }
  }

  #start(id: number, { job, args, content, wholeBytes }: Call): void {
    if (content === null) this.#outbox.push(['run', id, job, args, 0])
    else if (content.bytes !== null && content.size <= wholeBytes) {
      this.#outbox.push(['run', id, job, args, content.size], content.bytes)
    } else {
      this.#outbox.push(['run', id, job, args, null])
      this.#feed(id, content).catch(() => this.#broken(id))
    }
  }

  /** Sends content in pieces, no faster than the worker takes them. */
  async #feed(id: number, content: Content): Promise<void> {
    let onWay = 0
    let wake = () => {}
    const pending = this.#pending.get(id)
    if (pending === undefined) return
    pending.taken = () => {
      onWay--
      wake()
    }
    for await (const chunk of content.bytes === null ? content.stream() : [content.bytes]) {
      for (let at = 0; at < chunk.length; at += PIECE_BYTES) {
        while (onWay >= WINDOW && this.#pending.has(id)) {
          await new Promise<void>((resolve) => {
            wake = resolve
          })
        }
        if (!this.#pending.has(id)) return
        const piece = chunk.subarray(at, at + PIECE_BYTES)
        onWay++
        this.#outbox.push(['piece', id, piece.length], piece)
      }
    }
    this.#outbox.push(['end', id])
  }

  #broken(id: number): void {
    this.#outbox.push(['broken', id])
    this.#settle(id)?.reject(new PoolError('the content could not be read'))
  }

  #cancel(id: number): void {
    const pending = this.#settle(id)
    if (pending === undefined) return
    this.#outbox.push(['cancel', id])
    pending.reject(new PoolError('no longer wanted'))
  }

  /** The job is over, however it ended; undefined if it was already. */
  #settle(id: number): Pending | undefined {
    const pending = this.#pending.get(id)
    this.#pending.delete(id)
    // an idle thread does not keep the process alive
    if (this.#pending.size === 0) this.#worker.unref()
    pending?.taken()
    return pending
  }

  #onBatch({ events }: Batch<Report>): void {
    this.#silent = false
    for (const event of events) {
      if (event[0] === 'pong') continue
      const [kind, id] = event
      if (kind === 'done') this.#settle(id)?.resolve(event[2])
      else if (kind === 'failed') this.#settle(id)?.reject(new PoolError(event[2]))
      else if (kind === 'taken') this.#pending.get(id)?.taken()
      else void this.#answer(id, event[2], event[3])
    }
  }

  async #answer(id: number, question: number, subject: unknown): Promise<void> {
    try {
      const answer = await this.#pending.get(id)?.answer?.(subject)
      if (this.#pending.has(id)) this.#outbox.push(['answer', id, question, answer])
    } catch (error) {
      this.#outbox.push(['cancel', id])
      this.#settle(id)?.reject(new PoolError((error as Error).message))
    }
  }

  /** To be called from time to time: a thread that has work and does not answer from one time to the next is ended. */
  check(): void {
    if (this.#pending.size === 0) {
      this.#silent = false
    } else if (this.#silent) {
      this.#end(new Error('it does not answer'))
      void this.#worker.terminate()
    } else {
      this.#silent = true
      this.#outbox.push(['ping'])
    }
  }

  #end(cause: Error): void {
    if (!this.#alive) return
    this.#alive = false
    for (const id of [...this.#pending.keys()])
      this.#settle(id)?.reject(new PoolError(`a worker thread died: ${cause.message}`))
    this.#onEnd(cause)
  }

  async close(): Promise<void> {
    this.#end(new Error('the pool is closed'))
    await this.#worker.terminate()
  }
}
