import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import type { AlarmBoard } from './board.ts'
import type { OperatorLetter } from './contract.ts'
import { letterOf } from './letter.ts'
import { AGAIN_MS, type WatchOptions } from './options.ts'

/** Hands one letter to each operator. Rejects if it could be handed to none. */
export type SendLetter = (letter: OperatorLetter) => Promise<void>

const HOUR_MS = 3_600_000
const FAILED = 'mail operators'

/**
 * Tells operators by mail: what comes within a short time in one letter, so many letters an hour at the
 * most, and what still stands again after a day. That no letter can be sent is an alarm of its own, which
 * is told everywhere but by letter.
 */
export class OperatorMail {
  #options: WatchOptions
  readonly #board: AlarmBoard
  readonly #clock: Clock
  readonly #log: Log
  #send: SendLetter | null = null
  #cancel: (() => void) | null = null
  #sending: Promise<void> | null = null
  #notBefore = 0
  #closed = false

  constructor(options: WatchOptions, board: AlarmBoard, { clock, log }: { readonly clock: Clock; readonly log: Log }) {
    this.#options = options
    this.#board = board
    this.#clock = clock
    this.#log = log
    board.whenChanged(() => this.#arm())
  }

  /** Begins to send; what was raised before is told then. */
  start(send: SendLetter): void {
    this.#send = send
    this.#arm()
  }

  update(options: WatchOptions): void {
    this.#options = options
    this.#arm()
  }

  /** Resolves when the letter that is being sent is. What is untold is told after the next start. */
  async close(): Promise<void> {
    this.#closed = true
    this.#cancel?.()
    await this.#sending
  }

  #arm(): void {
    if (this.#closed || this.#send === null || this.#sending !== null) return
    this.#cancel?.()
    this.#cancel = null
    const at = this.#nextAt()
    if (at === null) return
    this.#cancel = this.#clock.after(Math.max(0, at - this.#clock.now()), () => this.#begin())
  }

  #nextAt(): number | null {
    const { mailTo, gatherMs, repeatMs } = this.#options
    const wanted = mailTo.length === 0 ? null : this.#board.nextMail(gatherMs, repeatMs)
    // However the clock was set meanwhile, it is no longer until the next try
    const notBefore = Math.min(this.#notBefore, this.#clock.now() + AGAIN_MS)
    return wanted === null ? null : Math.max(wanted, notBefore, this.#hourlyAt())
  }

  /** When another letter may go out. */
  #hourlyAt(): number {
    const sent = this.#board.sentSince(this.#clock.now() - HOUR_MS)
    const { mailsPerHour } = this.#options
    return sent.length < mailsPerHour ? 0 : (sent[sent.length - mailsPerHour] ?? 0) + HOUR_MS
  }

  #begin(): void {
    const send = this.#send
    if (send === null) return
    this.#sending = this.#tell(send).finally(() => {
      this.#sending = null
      this.#arm()
    })
  }

  async #tell(send: SendLetter): Promise<void> {
    const untold = this.#board.untold(this.#options.repeatMs)
    // about the way to the operators itself nothing can be said on that way
    const news = untold.news.filter(({ key }) => key !== FAILED)
    const over = untold.over.filter(({ key }) => key !== FAILED)
    if (news.length + over.length === 0) return this.#board.told(untold, false)
    try {
      await send(letterOf({ ...untold, news, over }, this.#options.hostname, this.#clock.now()))
    } catch (error) {
      return this.#failed(error)
    }
    this.#board.told(untold, true)
    this.#board.clear(FAILED)
    this.#log.info({ news: news.length, over: over.length }, 'operators were told of alarms by mail')
  }

  #failed(error: unknown): void {
    const why = error instanceof Error ? error.message : String(error)
    this.#notBefore = this.#clock.now() + AGAIN_MS
    this.#board.raise(FAILED, `operators cannot be told of alarms by mail: ${why}; look with: postern status`)
  }
}
