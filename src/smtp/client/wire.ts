import type { Socket } from 'node:net'
import type { Clock } from '../../clock.ts'
import { type Reply, replyText } from '../../mail/reply.ts'
import type { ClientFailure, ClientLimits, ClientPhase } from './contract.ts'
import { Deadline } from './deadline.ts'
import { failureOf, inWords, PhaseError, socketErrorText } from './failure.ts'
import { ReplyParser } from './replies.ts'

/** Whoever talks at the moment. */
export interface Listener {
  /** The next reply that is owed. */
  reply(reply: Reply): void
  /** The connection is gone or of no more use; nothing else will come. */
  failed(failure: ClientFailure): void
}

/**
 * A connection on which commands are answered in order. It counts the replies that the peer owes:
 * a reply that came before its command was sent answers nothing, and ends the connection. So a
 * peer cannot acknowledge a message that it has not been sent.
 */
export class Wire {
  /** What is being waited for; meaningless while idle. */
  phase: ClientPhase = 'greeting'
  failure: ClientFailure | null = null
  readonly closed: Promise<void>
  readonly #socket: Socket
  readonly #parser: ReplyParser
  readonly #deadline: Deadline
  #listener: Listener | null = null
  #owed = 0
  #waitMs = 0
  #wake: (() => void) | null = null
  #detached = false

  constructor(socket: Socket, clock: Clock, limits: ClientLimits) {
    this.#socket = socket
    this.#parser = new ReplyParser(limits)
    this.#deadline = new Deadline(clock, () => this.#expired())
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()))
    socket.on('data', this.#data)
    socket.on('end', this.#gone)
    socket.on('close', this.#gone)
    socket.on('error', this.#broken)
  }

  /** Who hears what comes. */
  listen(listener: Listener): void {
    this.#listener = listener
  }

  /** Waits `ms` milliseconds at the most for what belongs to `phase`. */
  expect(phase: ClientPhase, ms: number): void {
    this.phase = phase
    this.#waitMs = ms
    this.#deadline.set(ms)
  }

  /** Sends commands, to which the peer owes `replies`. */
  send(commands: string, replies: number): void {
    this.#owed += replies
    this.#socket.write(commands, 'utf8')
  }

  /** Notes that the peer owes replies to what is sent with `write`. */
  owe(replies: number): void {
    this.#owed += replies
  }

  /** Sends bytes as they are. True: the system has them; otherwise they must stay as they are until `drained()`. */
  write(bytes: Buffer): boolean {
    this.#socket.write(bytes, this.#drained)
    return this.#socket.writableLength === 0
  }

  /** Sends two pieces in one call of the system. */
  writeBoth(first: Buffer, second: Buffer): void {
    this.#socket.cork()
    this.#socket.write(first)
    this.#socket.write(second)
    this.#socket.uncork()
  }

  /** Resolves when the system has all that was written, or the connection is gone. */
  drained(): Promise<void> {
    if (this.failure !== null || this.#socket.writableLength === 0) return Promise.resolve()
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }

  /** Nothing more is asked for now. What still comes ends the connection. */
  idle(): void {
    this.#listener = null
    this.#deadline.clear()
    if (this.#owed > 0) this.fail('replies are still owed')
  }

  /** Sends one command (none for the greeting) and gives its reply; rejects with PhaseError. */
  ask(phase: ClientPhase, ms: number, command: string | null): Promise<Reply> {
    if (this.failure !== null) return Promise.reject(new PhaseError(this.failure))
    const { promise, resolve, reject } = Promise.withResolvers<Reply>()
    this.listen({
      reply: (reply) => {
        this.idle()
        resolve(reply)
      },
      failed: (failure) => reject(new PhaseError(failure)),
    })
    this.expect(phase, ms)
    if (command === null) this.owe(1)
    else this.send(command, 1)
    return promise
  }

  /** Gives up the connection, with what was wrong. The first failure counts. */
  fail(text: string, reply: Reply | null = null): void {
    if (this.failure !== null || this.#detached) return
    const failure = failureOf(this.phase, text, reply)
    this.failure = failure
    const listener = this.#listener
    this.#listener = null
    this.#deadline.stop()
    this.#socket.destroy()
    this.#drained()
    listener?.failed(failure)
  }

  /** Closes at once. */
  destroy(): void {
    this.fail('closed by us')
    this.#socket.destroy()
  }

  /**
   * Closes once everything is written; TLS says goodbye. A peer that reads nothing any more, though it
   * has answered, gets `ms` milliseconds.
   */
  end(ms: number): void {
    if (this.failure !== null) return
    this.failure = failureOf('quit', 'closed by us')
    this.#deadline.set(ms)
    this.#socket.once('close', () => this.#deadline.stop())
    this.#socket.destroySoon()
  }

  /**
   * Lets go of the socket, for TLS to take it over, together with everything that was learnt in clear.
   * Rejects bytes that came in clear after the reply (response injection): throws PhaseError.
   */
  detach(): Socket {
    if (this.failure === null && (this.#parser.partial || this.#socket.readableLength > 0)) this.#unasked(null)
    if (this.failure !== null) throw new PhaseError(this.failure)
    this.#detached = true
    this.#deadline.stop()
    for (const [event, handler] of [
      ['data', this.#data],
      ['end', this.#gone],
      ['close', this.#gone],
    ] as const) {
      this.#socket.off(event, handler)
    }
    return this.#socket
  }

  #data = (chunk: Buffer): void => {
    // Only what was owed when these bytes came can be answered by them
    let allowed = this.#owed
    const wrong = this.#parser.feed(chunk, (reply) => {
      if (allowed === 0) this.#unasked(reply)
      if (this.failure !== null) return false
      allowed--
      this.#owed--
      this.#listener?.reply(reply)
      return this.failure === null
    })
    if (wrong !== null) this.fail(wrong)
    else if (allowed === 0 && this.#parser.partial) this.#unasked(null)
  }

  #drained = (): void => {
    if (this.failure === null && this.#socket.writableLength > 0) return
    const wake = this.#wake
    this.#wake = null
    wake?.()
  }

  #gone = (): void => this.fail('connection closed by the peer')

  #broken = (error: Error): void => this.fail(socketErrorText(error))

  #unasked(reply: Reply | null): void {
    const text = reply === null ? 'bytes that answer nothing' : `a reply that answers nothing: ${replyText(reply)}`
    // RFC 5321 section 3.8: a server that must close says 421 unasked
    this.fail(reply?.code === 421 ? `closed by the peer: ${replyText(reply)}` : text, reply)
  }

  #expired(): void {
    if (this.failure !== null) {
      this.#socket.destroy()
      return
    }
    const what = this.phase === 'content' ? 'no content taken' : 'no reply'
    this.fail(`${what} in ${inWords(this.#waitMs)}`)
  }
}
