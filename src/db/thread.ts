import { type MessagePort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import type { Operations } from './client.ts'
import type { CrashPoint } from './crash.ts'
import type { Connection } from './database.ts'
import { Arena, arenaReader, type CallBatch, type Control, type ReplyBatch, type WireError } from './protocol.ts'

/** A result with bytes beside it. */
export class WithBlobs<T = unknown> {
  readonly value: T
  readonly blobs: readonly Uint8Array[]
  constructor(value: T, blobs: readonly Uint8Array[]) {
    this.value = value
    this.blobs = blobs
  }
}

/** Runs inside the batch's transaction; a throw undoes this call and no other. `now` is the caller's clock. */
export type Handlers<Ops extends Operations> = {
  readonly [K in keyof Ops]: (
    args: Ops[K]['args'],
    now: number,
    blobs: readonly Buffer[],
  ) => Ops[K]['result'] | WithBlobs<Ops[K]['result']>
}

/** What a thread's file gives to `runThread`. */
export interface Store<Ops extends Operations> {
  readonly db: Connection
  readonly handlers: Handlers<Ops>
  /** Sent to the main side once. */
  readonly ready: unknown
  /** Before the transaction of a batch begins; must not throw. */
  beforeBegin?(now: number): void
  /** The last thing inside the transaction, after all calls. */
  beforeCommit?(now: number): void
  /** What the calls changed in memory becomes true, or is forgotten. */
  committed?(now: number): void
  rolledBack?(): void
  /** A batch failed with this code and was undone; its calls are about to be tried one by one. */
  failed?(code: string): void
  /** When nothing has come for `idleMs`. */
  idle?(): void
  control?(message: unknown): void
  close(): void
}

interface ThreadSettings {
  readonly idleMs: number
  readonly crash: CrashPoint
}

// More than this in one transaction would only make the first of them wait
const MAX_CALLS = 2000

/** The main function of a thread's file: opens the store, then serves batches until told to close. */
export function runThread<Ops extends Operations, Data>(
  open: (data: Data) => Store<Ops>,
  settings: (data: Data) => ThreadSettings,
): void {
  const { port, data } = workerData as { port: MessagePort; data: Data }
  try {
    const store = open(data)
    new Server(port, store, settings(data)).start()
    port.postMessage({ ready: store.ready })
  } catch (error) {
    const { name, message } = error instanceof Error ? error : new Error(String(error))
    port.postMessage({ failed: { name, message } })
    port.close()
  }
}

type Message = CallBatch | Control
type Outcome = { ok: true; value: unknown } | { ok: false; error: WireError }

class Server<Ops extends Operations> {
  readonly #port: MessagePort
  readonly #store: Store<Ops>
  readonly #settings: ThreadSettings
  readonly #idle: NodeJS.Timeout
  readonly #begin
  readonly #commit
  readonly #rollback

  constructor(port: MessagePort, store: Store<Ops>, settings: ThreadSettings) {
    this.#port = port
    this.#store = store
    this.#settings = settings
    this.#begin = store.db.prepare('BEGIN')
    this.#commit = store.db.prepare('COMMIT')
    this.#rollback = store.db.prepare('ROLLBACK')
    // A thread's own timer: idleness is not something that a test's clock can know
    this.#idle = setTimeout(() => store.idle?.(), settings.idleMs).unref()
  }

  start(): void {
    this.#port.on('message', (first: Message) => this.#drain(first))
  }

  /** Takes all that has queued up while the last commit ran. */
  #drain(first: Message): void {
    const batches: CallBatch[] = []
    let calls = 0
    for (let message: Message | undefined = first; message !== undefined; message = this.#receive(calls)) {
      if ('control' in message) {
        this.#interrupt(batches, message.control)
        return
      }
      batches.push(message)
      calls += message.calls.length / 3
    }
    this.#run(batches)
    this.#idle.refresh()
  }

  #receive(calls: number): Message | undefined {
    return calls < MAX_CALLS ? (receiveMessageOnPort(this.#port)?.message as Message | undefined) : undefined
  }

  #interrupt(batches: CallBatch[], control: unknown): void {
    if (batches.length > 0) this.#run(batches)
    if (control === 'close') this.#close()
    else this.#store.control?.(control)
  }

  #close(): void {
    clearTimeout(this.#idle)
    this.#store.close()
    this.#port.close()
  }

  #run(batches: readonly CallBatch[]): void {
    const calls = batches.flatMap(unpack)
    this.#store.beforeBegin?.(calls.at(-1)?.now ?? 0)
    const started = performance.now()
    const { outcomes, commitMs } = this.#together(calls) ?? this.#oneByOne(calls)
    const runMs = performance.now() - started - commitMs
    this.#settings.crash('reply.before')
    this.#reply(outcomes, { calls: calls.length, runMs, commitMs })
  }

  #together(calls: readonly UnpackedCall[]): Done | null {
    const done = this.#attempt(calls)
    if (!('error' in done)) return done
    this.#store.failed?.(done.error.code)
    return null
  }

  /** After a failure: each call in a transaction of its own, so that only the guilty one fails. */
  #oneByOne(calls: readonly UnpackedCall[]): Done {
    let commitMs = 0
    const outcomes = calls.map((call): Outcome => {
      const done = this.#attempt([call])
      if ('error' in done) return { ok: false, error: done.error }
      commitMs += done.commitMs
      return done.outcomes[0] as Outcome
    })
    return { outcomes, commitMs }
  }

  #attempt(calls: readonly UnpackedCall[]): Done | { readonly error: WireError } {
    const now = calls.at(-1)?.now ?? 0
    let done: Done
    try {
      this.#begin.run()
      const values = calls.map((call) => this.#handle(call))
      done = { outcomes: values.map((value) => ({ ok: true, value })), commitMs: this.#end(now) }
    } catch (error) {
      this.#undo()
      return { error: wireError(error) }
    }
    // Outside the try: a failure in here is no failure of the commit, and ends the thread
    this.#store.committed?.(now)
    return done
  }

  #handle({ op, args, now, blobs }: UnpackedCall): unknown {
    const handler = this.#store.handlers[op]
    if (handler === undefined) throw new Error(`no operation ${op}`)
    const result = handler(args as never, now, blobs)
    this.#settings.crash(op)
    return result
  }

  #end(now: number): number {
    this.#store.beforeCommit?.(now)
    this.#settings.crash('commit.before')
    const started = performance.now()
    this.#commit.run()
    const took = performance.now() - started
    this.#settings.crash('commit.after')
    return took
  }

  #undo(): void {
    // SQLite has already rolled back after some failures, such as a full disk
    if (this.#store.db.inTransaction) this.#rollback.run()
    this.#store.rolledBack?.()
  }

  #reply(outcomes: readonly Outcome[], stats: ReplyBatch['stats']): void {
    const arena = new Arena()
    const results: unknown[] = []
    for (const outcome of outcomes) {
      if (!outcome.ok) results.push(false, outcome.error, null)
      else if (outcome.value instanceof WithBlobs)
        results.push(true, outcome.value.value, arena.add(outcome.value.blobs))
      else results.push(true, outcome.value, null)
    }
    const buffer = arena.pack()
    const reply: ReplyBatch = { results, arena: buffer, stats }
    this.#port.postMessage(reply, buffer === null ? [] : [buffer])
  }
}

interface Done {
  readonly outcomes: readonly Outcome[]
  readonly commitMs: number
}

interface UnpackedCall {
  readonly op: string
  readonly args: unknown
  readonly now: number
  readonly blobs: readonly Buffer[]
}

function unpack({ now, calls, arena }: CallBatch): UnpackedCall[] {
  const read = arenaReader(arena)
  const list: UnpackedCall[] = []
  for (let i = 0; i < calls.length; i += 3) {
    list.push({ op: calls[i] as string, args: calls[i + 1], now, blobs: read(calls[i + 2] as number[] | null) })
  }
  return list
}

function wireError(error: unknown): WireError {
  if (!(error instanceof Error)) return { message: String(error), code: 'ERROR' }
  const code = (error as { code?: unknown }).code
  return { message: error.message, code: typeof code === 'string' ? code : 'ERROR' }
}
