import { type ContentFault, ContentReader } from './content.ts'
import type { DataSink, HandlerReply, WireLimits } from './contract.ts'
import { FAILED, faultReply, TOO_BIG, type WireReply } from './replies.ts'

export interface Taken {
  /** Index of the first byte that is not the message's. */
  readonly used: number
  readonly ended: boolean
  /** Nothing more may be read until it is done; null if all may go on. */
  readonly wait: Promise<void> | null
}

// What a refused message may go on to send before the connection is closed, as a multiple of the
// size limit: the client hears why only if it may finish
const OVERRUN = 2

/** The content of one message on its way to its sink. Once refused, it is read on and dropped up to its end mark. */
export class Intake {
  refusal: WireReply | null = null
  readonly startedAt: number

  readonly #sink: DataSink
  readonly #limit: number
  readonly #reader: ContentReader
  readonly #onFailure: (error: unknown) => void
  #received = 0

  constructor(sink: DataSink, options: { limits: WireLimits; startedAt: number; onFailure: (error: unknown) => void }) {
    this.#sink = sink
    this.#limit = options.limits.size
    this.#reader = new ContentReader(options.limits.lenient)
    this.startedAt = options.startedAt
    this.#onFailure = options.onFailure
  }

  get fault(): ContentFault | null {
    return this.#reader.fault
  }

  /** Whether a refused message has gone on for too long. */
  get overrun(): boolean {
    return this.refusal !== null && this.#received > OVERRUN * this.#limit
  }

  take(chunk: Buffer, start: number): Taken {
    const { content, used, ended } = this.#reader.feed(chunk, start)
    this.#received += used - start
    const { fault, size } = this.#reader
    if (fault !== null) this.#refuse(faultReply(fault))
    else if (size > this.#limit) this.#refuse(TOO_BIG)
    const wait = this.refusal === null && content.length > 0 ? this.#write(content) : null
    return { used, ended, wait }
  }

  end(): Promise<HandlerReply> {
    const { size, eightBit, normalised, plainLines } = this.#reader
    return this.#sink.end({ size, eightBit, normalised, plainLines })
  }

  /** The end mark will not come. */
  abort(): void {
    if (this.refusal === null) this.#refuse(FAILED)
  }

  #write(content: Buffer): Promise<void> | null {
    try {
      const written = this.#sink.write(content)
      return written === true ? null : written.catch((error: unknown) => this.#fail(error))
    } catch (error) {
      this.#fail(error)
      return null
    }
  }

  #fail(error: unknown): void {
    this.#onFailure(error)
    this.#refuse(FAILED)
  }

  #refuse(why: WireReply): void {
    if (this.refusal !== null) return
    this.refusal = why
    try {
      this.#sink.abort()
    } catch (error) {
      this.#onFailure(error)
    }
  }
}
