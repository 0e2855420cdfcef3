import type { Content } from '../../mail/content.ts'
import { isPermanent, isPositive, type Reply, reply, replyText } from '../../mail/reply.ts'
import { fitterFor, pieces } from './content.ts'
import type { ClientFailure, ClientPhase, ClientTimeouts, RecipientReply, SendResult } from './contract.ts'
import { socketErrorText } from './failure.ts'
import type { Plan } from './plan.ts'
import type { Listener, Wire } from './wire.ts'

/** What a transaction needs to know of its session. */
export interface Setting {
  readonly wire: Wire
  readonly timeouts: ClientTimeouts
  readonly lmtp: boolean
  readonly pipelining: boolean
  readonly dsn: boolean
}

/** How a transaction ended: for the caller, and for the session that goes on. */
export interface Ended {
  readonly result: SendResult
  /** The peer may still think of a transaction: RSET before the next one. */
  readonly resetFirst: boolean
}

/** Content that is small and checked: both parts go out in one call. */
export interface Prepared {
  readonly body: Buffer
  readonly end: Buffer
}

const CLOSING = 421
const GO_AHEAD = 354
const LONE_DOT = Buffer.from('.\r\n')
const UNKNOWN: RecipientReply = { is: 'unknown' }

/** RFC 5321 section 2.3.8: CR and LF stand only together. */
export const BARE_LINE_ENDS = reply(554, '5.6.0', 'The content has bare line ends')

type Step = 'reset' | 'mail' | 'rcpt' | 'data' | 'end'

/** Phases of a message with a time of their own. */
type Timed = Exclude<keyof ClientTimeouts, 'quit'>

/**
 * One message on its way: MAIL, RCPT, DATA, content, as an automaton that each reply moves on. Where
 * the peer pipelines (RFC 2920) all commands leave in one write, and the content in a second one.
 */
export class Transaction implements Listener {
  readonly #setting: Setting
  readonly #wire: Wire
  readonly #plan: Plan
  readonly #content: Content
  readonly #prepared: Prepared | null
  readonly #done: (ended: Ended) => void
  readonly #replies: (RecipientReply | null)[]
  #step: Step
  /** Position in `plan.rcpts` of the next RCPT reply. */
  #at = 0
  /** Indexes in the envelope of those that the peer took, in order. */
  readonly #accepted: number[] = []
  #mailRefused = false
  /** Position in `#accepted` of the next LMTP reply. */
  #settled = 0
  #over = false

  constructor(
    setting: Setting,
    message: { plan: Plan; content: Content; prepared: Prepared | null },
    done: (ended: Ended) => void,
  ) {
    this.#setting = setting
    this.#wire = setting.wire
    this.#plan = message.plan
    this.#content = message.content
    this.#prepared = message.prepared
    this.#replies = message.plan.settled
    this.#done = done
    this.#step = 'mail'
  }

  /** Begins; `reset` says whether RSET goes first. */
  start(reset: boolean): void {
    const { mail, rcpts } = this.#plan
    this.#step = reset ? 'reset' : 'mail'
    this.#wire.listen(this)
    this.#wire.expect('mail', this.#setting.timeouts.mail)
    if (!this.#setting.pipelining) {
      this.#wire.send(reset ? 'RSET\r\n' : mail, 1)
      return
    }
    let commands = reset ? `RSET\r\n${mail}` : mail
    for (const { command } of rcpts) commands += command
    this.#wire.send(`${commands}DATA\r\n`, rcpts.length + (reset ? 3 : 2))
  }

  reply(answer: Reply): void {
    if (answer.code === CLOSING) this.#onClosing(answer)
    else if (answer.code >= 300 && answer.code < 400 && this.#step !== 'data') this.#nonsense(answer)
    else if (this.#wire.phase === 'content') this.#onTooEarly(answer)
    else this.#onStep(answer)
  }

  failed(failure: ClientFailure): void {
    this.#finish(failure, false)
  }

  #onStep(answer: Reply): void {
    switch (this.#step) {
      case 'reset':
        this.#onReset(answer)
        break
      case 'mail':
        this.#onMail(answer)
        break
      case 'rcpt':
        this.#onRcpt(answer)
        break
      case 'data':
        this.#onData(answer)
        break
      case 'end':
        this.#onEnd(answer)
    }
  }

  /** RFC 5321 section 3.8: the peer closes. Whoever has no answer yet is deferred by this one. */
  #onClosing(answer: Reply): void {
    for (const [index, known] of this.#replies.entries()) {
      if (known === null) this.#settle(index, answer)
    }
    this.#wire.fail(`closed by the peer: ${replyText(answer)}`, answer)
  }

  #onReset(answer: Reply): void {
    if (isPositive(answer)) this.#next('mail', 'mail', this.#plan.mail)
    else this.#nonsense(answer)
  }

  #onMail(answer: Reply): void {
    if (!isPositive(answer)) {
      this.#mailRefused = true
      for (const { index } of this.#plan.rcpts) this.#settle(index, answer)
    }
    // Where the commands are out, their replies will come whatever this one was
    if (this.#mailRefused && !this.#setting.pipelining) this.#finish(null, false)
    else this.#nextRcpt()
  }

  #onRcpt(answer: Reply): void {
    const planned = this.#plan.rcpts[this.#at++]
    if (planned !== undefined && !this.#mailRefused) this.#take(planned.index, answer)
    if (this.#at < this.#plan.rcpts.length) this.#nextRcpt()
    else if (!this.#setting.pipelining && this.#accepted.length === 0) this.#finish(null, true)
    else this.#next('data', 'data', 'DATA\r\n')
  }

  #take(index: number, answer: Reply): void {
    if (isPositive(answer)) this.#accepted.push(index)
    else this.#settle(index, answer, this.#isCrowded(answer) ? 'deferred' : undefined)
  }

  /** RFC 5321 section 4.5.3.1.10: 552 for too many recipients is 452 by an old name. A full mailbox says 5.2.2. */
  #isCrowded({ code, enhanced }: Reply): boolean {
    return code === 552 && this.#accepted.length > 0 && (enhanced === null || enhanced === '5.5.3')
  }

  #onData(answer: Reply): void {
    if (answer.code === GO_AHEAD) {
      if (this.#accepted.length === 0) this.#emptyMessage()
      else this.#sendContent()
    } else if (isPositive(answer)) {
      this.#nonsense(answer)
    } else {
      for (const index of this.#accepted) this.#settle(index, answer)
      this.#finish(null, !this.#mailRefused)
    }
  }

  #onEnd(answer: Reply): void {
    // RFC 2033 section 4.2: LMTP has one reply for each recipient that was taken, in order
    const answered = this.#setting.lmtp ? this.#accepted.slice(this.#settled, this.#settled + 1) : this.#accepted
    for (const index of answered) this.#settle(index, answer)
    this.#settled += answered.length
    if (this.#settled < this.#accepted.length) this.#expect('end')
    else this.#finish(null, false)
  }

  /** RFC 2920 section 3.1: a peer that says 354 though it took no recipient gets a lone dot. LMTP would owe no reply to it: we hang up. */
  #emptyMessage(): void {
    if (this.#setting.lmtp) {
      this.#wire.fail('354 although no recipient was taken')
      return
    }
    this.#step = 'end'
    this.#expect('end')
    this.#wire.owe(1)
    this.#wire.write(LONE_DOT)
  }

  #sendContent(): void {
    this.#step = 'end'
    this.#wire.owe(this.#setting.lmtp ? this.#accepted.length : 1)
    if (this.#prepared === null) {
      // Before the first byte is read: from here on a reply is one that comes too early
      this.#expect('content', 'block')
      this.#streamContent().catch((error) => this.#wire.fail(`the content cannot be read: ${socketErrorText(error)}`))
      return
    }
    this.#expect('end')
    if (this.#prepared.body.length === 0) this.#wire.write(this.#prepared.end)
    else this.#wire.writeBoth(this.#prepared.body, this.#prepared.end)
  }

  async #streamContent(): Promise<void> {
    const fitter = fitterFor(this.#content)
    let left = this.#content.size
    for await (const piece of pieces(this.#content)) {
      if (this.#over) return
      const bytes = fitter.next(piece)
      if (bytes === null) break
      left -= piece.length
      this.#expect('content', 'block')
      // The piece is only lent
      if (!this.#wire.write(bytes)) await this.#wire.drained()
    }
    if (!this.#over) this.#endContent(fitter.end(), left)
  }

  #endContent(end: Buffer | null, left: number): void {
    if (end === null) {
      this.#damaged()
    } else if (left !== 0) {
      // A file cut short must not arrive as a shorter message
      this.#wire.fail('the content is not as long as it should be')
    } else {
      this.#expect('end')
      this.#wire.write(end)
    }
  }

  /** Nothing can take back the bytes that are out: the end mark is never sent, so that the peer drops them. */
  #damaged(): void {
    for (const index of this.#accepted) this.#settleOurs(index, BARE_LINE_ENDS)
    this.#wire.fail('the content has bare line ends')
  }

  /** A refusal before the end mark is final; praise is not. */
  #onTooEarly(answer: Reply): void {
    if (!isPositive(answer)) for (const index of this.#accepted) this.#settle(index, answer)
    this.#wire.fail(`answered before the end of the content: ${replyText(answer)}`, answer)
  }

  #nonsense(answer: Reply): void {
    this.#wire.fail(`an answer that makes no sense: ${replyText(answer)}`, answer)
  }

  #nextRcpt(): void {
    this.#next('rcpt', 'rcpt', this.#plan.rcpts[this.#at]?.command ?? '')
  }

  #next(step: Step, phase: 'mail' | 'rcpt' | 'data', command: string): void {
    this.#step = step
    this.#expect(phase)
    if (!this.#setting.pipelining) this.#wire.send(command, 1)
  }

  #expect(phase: ClientPhase, time: Timed = phase as Timed): void {
    this.#wire.expect(phase, this.#setting.timeouts[time])
  }

  #settle(index: number, answer: Reply, as?: 'deferred'): void {
    const is = as ?? (isPositive(answer) ? 'relayed' : isPermanent(answer) ? 'failed' : 'deferred')
    this.#replies[index] = { is, reply: answer, phase: this.#wire.phase }
  }

  #settleOurs(index: number, answer: Reply): void {
    this.#replies[index] = { is: 'failed', reply: answer, phase: 'content', ours: true }
  }

  #finish(failure: ClientFailure | null, resetFirst: boolean): void {
    if (this.#over) return
    this.#over = true
    this.#wire.idle()
    this.#wire.phase = 'mail'
    const recipients = this.#replies.map((known) => known ?? UNKNOWN)
    this.#done({ result: { recipients, failure, dsnHandedOn: this.#setting.dsn }, resetFirst })
  }
}
