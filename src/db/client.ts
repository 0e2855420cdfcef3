import { type MessagePort, Worker } from 'node:worker_threads'
import {
  Arena,
  arenaReader,
  type BatchStats,
  type CallBatch,
  type Greeting,
  type ReplyBatch,
  type WireError,
} from './protocol.ts'

/** The operations of a thread: name, what goes in, what comes out. */
export type Operations = Record<string, { args: unknown; result: unknown }>

/** A call failed or cannot be made. `code` is SQLite's, the file system's, `GONE` (the thread died) or `CLOSED`. */
export class StoreError extends Error {
  override readonly name = 'StoreError'
  readonly code: string
  constructor(message: string, code: string) {
    super(message)
    this.code = code
  }
}

interface Waiting {
  readonly resolve: (value: unknown, blobs: readonly Buffer[]) => void
  readonly reject: (error: Error) => void
}

interface Call {
  readonly op: string
  readonly args: unknown
  readonly blobs: readonly Uint8Array[]
}

const NO_BLOBS: readonly Uint8Array[] = []

export interface ClientOptions {
  readonly now: () => number
  /** Under load, the time between two messages to the thread, milliseconds: fewer and larger commits. Default 0. */
  readonly gatherMs?: number
  /** After each batch of replies. */
  readonly onBatch?: (stats: BatchStats) => void
  /** Once, when the thread ends without having been asked to. */
  readonly onDeath?: (error: Error) => void
}

/**
 * The main side of a database thread. Calls made in one turn of the event loop travel as one
 * message; the thread commits all that has queued up, and answers in the order of the calls.
 */
export class ThreadClient<Ops extends Operations> {
  readonly #port: MessagePort
  readonly #worker: Worker
  readonly #options: ClientOptions
  readonly #waiting: Waiting[] = []
  #answered = 0
  #flushedAt = 0
  #queue: Call[] = []
  #ended: StoreError | null = null
  #closing = false

  /** Use `startThread`. */
  constructor(worker: Worker, port: MessagePort, options: ClientOptions) {
    this.#worker = worker
    this.#port = port
    this.#options = options
    port.on('message', (message: ReplyBatch) => this.#onReply(message))
    worker.on('error', (error) => this.#onEnd(error))
    worker.on('exit', () => this.#onEnd(new Error('the database thread ended')))
  }

  /** Resolves when the call's commit is on stable storage. Blobs are copied before the next turn of the event loop. */
  call<K extends keyof Ops & string>(op: K, args: Ops[K]['args'], blobs = NO_BLOBS): Promise<Ops[K]['result']> {
    return new Promise((resolve, reject) => {
      this.#enqueue({ op, args, blobs }, { resolve: (value) => resolve(value as Ops[K]['result']), reject })
    })
  }

  /** Likewise, for calls that are answered with bytes. */
  callForBytes<K extends keyof Ops & string>(
    op: K,
    args: Ops[K]['args'],
    blobs = NO_BLOBS,
  ): Promise<{ value: Ops[K]['result']; blobs: readonly Buffer[] }> {
    return new Promise((resolve, reject) => {
      const answer: Waiting['resolve'] = (value, bytes) => resolve({ value: value as Ops[K]['result'], blobs: bytes })
      this.#enqueue({ op, args, blobs }, { resolve: answer, reject })
    })
  }

  /** Hands something over beside the calls, such as a port. Not answered. */
  control(control: unknown, transfer: readonly MessagePort[] = []): void {
    this.#port.postMessage({ control }, [...transfer])
  }

  /** Calls that are not answered yet. */
  get pending(): number {
    return this.#waiting.length - this.#answered
  }

  /** Answers what is queued, then ends the thread. Harmless twice. */
  async close(): Promise<void> {
    if (this.#ended !== null || this.#closing) return
    this.#closing = true
    const exited = new Promise<void>((resolve) => this.#worker.once('exit', () => resolve()))
    this.#flush()
    this.control('close')
    await exited
  }

  #enqueue(call: Call, waiting: Waiting): void {
    const refusal = this.#ended ?? (this.#closing ? new StoreError('the store is closed', 'CLOSED') : null)
    if (refusal !== null) {
      waiting.reject(refusal)
      return
    }
    if (this.#queue.length === 0) this.#schedule()
    this.#queue.push(call)
    this.#waiting.push(waiting)
  }

  /** At once when it is quiet; under load not before `gatherMs` have passed since the last message. */
  #schedule(): void {
    const wait = (this.#options.gatherMs ?? 0) - (performance.now() - this.#flushedAt)
    // Not the clock of the seam: a machine's pace, not the time of day
    if (wait > 0) setTimeout(() => this.#flush(), wait)
    else setImmediate(() => this.#flush())
  }

  #flush(): void {
    if (this.#queue.length === 0) return
    this.#flushedAt = performance.now()
    const arena = new Arena()
    const calls: unknown[] = []
    for (const { op, args, blobs } of this.#queue) calls.push(op, args, arena.add(blobs))
    this.#queue = []
    const buffer = arena.pack()
    const batch: CallBatch = { now: this.#options.now(), calls, arena: buffer }
    this.#port.postMessage(batch, buffer === null ? [] : [buffer])
  }

  #onReply({ results, arena, stats }: ReplyBatch): void {
    const read = arenaReader(arena)
    for (let i = 0; i < results.length; i += 3) {
      const waiting = this.#next()
      if (results[i] === true) waiting?.resolve(results[i + 1], read(results[i + 2] as number[] | null))
      else waiting?.reject(toError(results[i + 1] as WireError))
    }
    this.#options.onBatch?.(stats)
  }

  // A list with a moving head: Array.shift on a long list costs as much as the list is long
  #next(): Waiting | undefined {
    const waiting = this.#waiting[this.#answered++]
    if (this.#answered === this.#waiting.length || this.#answered >= 1024) {
      this.#waiting.splice(0, this.#answered)
      this.#answered = 0
    }
    return waiting
  }

  #onEnd(cause: Error): void {
    if (this.#ended !== null) return
    this.#ended = this.#closing
      ? new StoreError('the store is closed', 'CLOSED')
      : new StoreError(`the database thread is gone: ${cause.message}`, 'GONE')
    for (const { reject } of this.#waiting.splice(0).slice(this.#answered)) reject(this.#ended)
    this.#port.close()
    if (!this.#closing) this.#options.onDeath?.(this.#ended)
  }
}

const toError = ({ message, code }: WireError): StoreError => new StoreError(message, code)

// These threads make short-lived rows and little else; V8 would let that grow to several times this
const YOUNG_MB = 12
// A million destinations would still fit
const OLD_MB = 1024

/**
 * Starts a database thread and waits until its store is open. `name` is the thread's file beside
 * `base` (an `import.meta.url`), without its extension: `.ts` in a checkout, `.js` when compiled.
 * Rejects with what the thread could not do, under the error's name there.
 */
export async function startThread<Ops extends Operations, Ready>(
  { base, name, data }: { base: string; name: string; data: unknown },
  options: ClientOptions,
): Promise<{ client: ThreadClient<Ops>; ready: Ready }> {
  const extension = base.endsWith('.ts') ? 'ts' : 'js'
  const { port1, port2 } = new MessageChannel()
  const worker = new Worker(new URL(`${name}.${extension}`, base), {
    workerData: { port: port2, data },
    transferList: [port2],
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB, maxOldGenerationSizeMb: OLD_MB },
  })
  const ready = (await greeting(worker, port1 as unknown as MessagePort)) as Ready
  return { client: new ThreadClient<Ops>(worker, port1 as unknown as MessagePort, options), ready }
}

function greeting(worker: Worker, port: MessagePort): Promise<unknown> {
  return new Promise((resolve, reject) => {
    worker.once('error', reject)
    port.once('message', (message: Greeting) => {
      worker.off('error', reject)
      if ('ready' in message) return resolve(message.ready)
      port.close()
      const error = new Error(message.failed.message)
      error.name = message.failed.name
      reject(error)
    })
  })
}
