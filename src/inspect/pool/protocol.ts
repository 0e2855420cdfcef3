/**
 * What travels between the main thread and a worker of the pool. All that happens in one turn of
 * the event loop goes as one message; bytes lie in one buffer per message, which is moved.
 */
export interface Batch<Event> {
  readonly events: readonly Event[]
  /** The bytes of the events, one after the other. */
  readonly arena: ArrayBuffer | null
}

/** A job's number, unique per worker. */
type Id = number

/** To a worker. A number of bytes says how many of the arena belong to the event. */
export type Order =
  /** `bytes`: all of the content; null: none yet, it comes in pieces. */
  | readonly ['run', id: Id, job: string, args: unknown, bytes: number | null]
  | readonly ['piece', id: Id, bytes: number]
  | readonly ['end', id: Id]
  /** The content could not be read. */
  | readonly ['broken', id: Id]
  | readonly ['cancel', id: Id]
  | readonly ['answer', id: Id, question: number, answer: unknown]
  | readonly ['ping']

/** From a worker. */
export type Report =
  | readonly ['done', id: Id, result: unknown]
  | readonly ['failed', id: Id, message: string]
  /** A piece was taken: another may come. */
  | readonly ['taken', id: Id]
  | readonly ['ask', id: Id, question: number, subject: unknown]
  | readonly ['pong']

/** Collects the events of one turn, and sends them together. */
export class Outbox<Event> {
  readonly #send: (batch: Batch<Event>, transfer: ArrayBuffer[]) => void
  #events: Event[] = []
  #bytes: Uint8Array[] = []
  #size = 0

  constructor(send: (batch: Batch<Event>, transfer: ArrayBuffer[]) => void) {
    this.#send = send
  }

  /** Bytes are copied before the next turn of the event loop. */
  push(event: Event, bytes?: Uint8Array): void {
    if (this.#events.length === 0) setImmediate(() => this.#flush())
    this.#events.push(event)
    if (bytes === undefined) return
    this.#bytes.push(bytes)
    this.#size += bytes.length
  }

  #flush(): void {
    const arena = this.#pack()
    const events = this.#events
    this.#events = []
    this.#send({ events, arena }, arena === null ? [] : [arena])
  }

  #pack(): ArrayBuffer | null {
    if (this.#size === 0) return null
    const arena = new Uint8Array(this.#size)
    let at = 0
    for (const bytes of this.#bytes) {
      arena.set(bytes, at)
      at += bytes.length
    }
    this.#bytes = []
    this.#size = 0
    return arena.buffer
  }
}

/** Gives the arena's bytes piece by piece; the pieces are views. */
export function arenaReader(arena: ArrayBuffer | null): (bytes: number) => Buffer {
  const all = Buffer.from(arena ?? new ArrayBuffer(0))
  let at = 0
  return (bytes) => {
    at += bytes
    return all.subarray(at - bytes, at)
  }
}
