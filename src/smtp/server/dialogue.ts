import { isPositive } from '../../mail/reply.ts'
import type { HandlerReply, Later, WireEnd, WireTls } from './contract.ts'
import { Conversation, type ConversationParts } from './conversation.ts'
import { overdue } from './deadlines.ts'
import { Input } from './input.ts'
import type { Intake, Taken } from './intake.ts'
import { isLater } from './later.ts'
import { readLine } from './lines.ts'
import { greeting, SHUTTING_DOWN, TALKED_EARLY, type WireReply, wireText } from './replies.ts'

/** What a dialogue needs of its connection. */
export interface Line {
  write(text: string): void
  /** Calls back once the client has taken what was written. */
  whenWritable(next: () => void): void
  /** Bytes that have come and are not read: the chunk at hand, and what waits behind it. */
  queued(): number
  /** Begins a handshake; `done` gives back the chunk at hand. */
  startTls(done: () => void): void
  /** Closes once what was written is sent. */
  close(): void
  destroy(): void
}

/** `tls`: a handshake runs. `greeting`: before 220. `talk`: commands and content. `over`: nothing is read any more. */
type Phase = 'tls' | 'greeting' | 'talk' | 'over'

/** One session: takes chunks as they come, has commands carried out one after the other, and answers. Knows no sockets. */
export class Dialogue {
  readonly #line: Line
  readonly #talk: Conversation
  readonly #input = new Input()
  readonly #startedAt: number
  /** When it last became the client's turn, or a byte came. */
  #since: number
  #phase: Phase = 'greeting'
  #greeted = false
  #talkedEarly = false
  /** The handler has to answer before anything more is read. */
  #waiting = false
  /** The server closes: the session ends with its transaction. */
  #leaving = false
  #why: WireEnd = 'lost'
  #gone = false
  #out = ''

  constructor(line: Line, parts: ConversationParts) {
    this.#line = line
    this.#talk = new Conversation(parts, () => !this.#input.isEmpty || line.queued() > this.#input.chunkLength)
    this.#startedAt = parts.settings.options.clock.now()
    this.#since = this.#startedAt
  }

  // What the connection tells

  /** Asks the handler, then greets. */
  begin(): void {
    if (this.#phase === 'over') return
    const { handler, session } = this.#talk
    this.#contain(() => {
      this.#ask(
        () => handler.connect(session),
        (answer) => this.#greet(answer),
      )
      this.#run()
    })
  }

  /** A handshake has begun. */
  securing(): void {
    this.#phase = 'tls'
    this.#touch()
  }

  /** The handshake is done. */
  secured(tls: WireTls): void {
    if (this.#phase !== 'tls') return
    this.#talk.resetTransaction()
    this.#talk.session.secured(tls)
    this.#touch()
    this.#phase = this.#greeted ? 'talk' : 'greeting'
    if (!this.#greeted) return
    this.#talk.refreshLimits()
    if (this.#leaving) this.#sayNow(SHUTTING_DOWN)
  }

  /** Bytes from the client, which are only lent; `done` asks for more. */
  receive(chunk: Buffer, done: () => void): void {
    this.#contain(() => this.#receive(chunk, done))
  }

  #receive(chunk: Buffer, done: () => void): void {
    this.#talk.session.bytesIn += chunk.length
    this.#touch()
    if (this.#phase === 'greeting' && this.#talk.options.earlyTalk !== 'allow') this.#talkedEarly = true
    if (this.#phase === 'over' || this.#talkedEarly) {
      done()
      return
    }
    this.#input.push(chunk, done)
    if (this.#phase === 'talk') this.#run()
    this.#input.keep()
  }

  /** Looks at the clock. */
  check(now: number): void {
    if (this.#phase === 'over' || this.#waiting) return
    const { limits, intake, transaction } = this.#talk
    if (this.#phase === 'tls') {
      if (now - this.#since > limits.tlsMs) this.#abandon('timeout')
      return
    }
    const inTransaction = transaction !== null
    const reply = overdue({ startedAt: this.#startedAt, since: this.#since, intake, inTransaction }, limits, now)
    if (reply !== null) this.#contain(() => this.#sayNow(reply))
  }

  /** The server closes: now, if nothing is under way, otherwise after the transaction. */
  leave(): void {
    this.#leaving = true
    if (this.#phase === 'tls') this.#abandon('shutdown')
    else if (this.#isIdle) this.#sayNow(SHUTTING_DOWN)
  }

  /** The server has waited for long enough. */
  expel(): void {
    if (this.#phase === 'talk' && !this.#waiting) this.#sayNow(SHUTTING_DOWN)
    this.#abandon('shutdown')
  }

  /** The connection is gone. */
  gone(): void {
    if (this.#gone) return
    this.#gone = true
    this.#end(this.#why)
    const { guard, handler, session } = this.#talk
    guard.tell(() => handler.closed(session, this.#why))
  }

  // Reading

  #run(): void {
    while (!this.#waiting && this.#phase === 'talk' && !this.#input.isEmpty) {
      const { intake } = this.#talk
      if (intake !== null) this.#readContent(intake)
      else if (!this.#readCommand()) break
    }
    this.#flush()
    if (!this.#waiting && this.#phase !== 'greeting') this.#releaseInput()
  }

  #releaseInput(): void {
    if (this.#phase !== 'talk') this.#input.discard()
    const done = this.#input.release()
    if (done === null) return
    if (this.#phase === 'tls') this.#line.startTls(done)
    else this.#line.whenWritable(done)
  }

  #readCommand(): boolean {
    const found = readLine(this.#input.bytes, this.#input.at, this.#talk.limits)
    if (found === null) return false
    this.#input.at = found.used
    const { line } = found
    if (typeof line !== 'string') this.#talk.forgetLine()
    this.#ask(
      () => (typeof line === 'string' ? this.#talk.execute(line) : line),
      (answer) => this.#say(answer),
    )
    return true
  }

  #readContent(intake: Intake): void {
    const taken = intake.take(this.#input.bytes, this.#input.at)
    this.#input.at = taken.used
    if (taken.wait === null) {
      this.#tookContent(intake, taken)
      return
    }
    this.#waiting = true
    taken.wait.then(() => this.#resume(() => this.#tookContent(intake, taken)))
  }

  #tookContent(intake: Intake, { ended }: Taken): void {
    const { refusal } = intake
    if (!ended && !intake.overrun) return
    this.#talk.intake = null
    if (refusal !== null) {
      this.#talk.resetTransaction()
      this.#say(ended ? refusal : { ...refusal, close: true })
      return
    }
    this.#talk.transaction = null
    this.#ask(
      () => intake.end(),
      (answer) => this.#sayFinal(answer),
    )
  }

  // Answering

  /** Has `question` answered, now or later, and then goes on with `next`. */
  #ask(question: () => Later<HandlerReply>, next: (answer: HandlerReply) => void): void {
    const { guard } = this.#talk
    const answer = guard.ask(question)
    if (!isLater(answer)) {
      next(guard.sound(answer))
      return
    }
    this.#waiting = true
    answer.then(
      (late) => this.#resume(() => next(guard.sound(late))),
      (error: unknown) => this.#resume(() => next(guard.failed(error))),
    )
  }

  #resume(next: () => void): void {
    this.#waiting = false
    this.#contain(() => {
      if (this.#phase !== 'over') {
        this.#touch()
        next()
      }
      this.#run()
    })
  }

  /** A fault of our own ends this session, and no other. */
  #contain(step: () => void): void {
    try {
      step()
    } catch (error) {
      this.#talk.guard.failed(error, 'a session failed')
      this.#abandon('lost')
    }
  }

  #greet(answer: HandlerReply): void {
    this.#greeted = true
    this.#phase = 'talk'
    if (!isPositive(answer)) this.#say({ ...answer, close: true })
    else if (this.#talkedEarly) this.#say(TALKED_EARLY)
    else {
      this.#talk.refreshLimits()
      this.#say(greeting(this.#talk.options))
    }
  }

  /** The reply to a whole message. */
  #sayFinal(answer: HandlerReply): void {
    if (isPositive(answer)) this.#talk.tally.forgive()
    this.#say(answer)
  }

  #say(answer: WireReply): void {
    const { guard, handler, session, tally, limits, wantsTls } = this.#talk
    this.#out += wireText(answer)
    if (answer.own === true) guard.tell(() => handler.refused?.(session, answer))
    // RFC 5321 section 3.8: 421 says that the connection closes
    if (answer.close === true || answer.code === 421) {
      this.#end(answer.end ?? 'refused')
      return
    }
    const enough = answer.uncounted === true ? null : tally.reply(answer, limits)
    if (enough !== null) this.#say(enough)
    else if (wantsTls) {
      this.#talk.wantsTls = false
      this.securing()
    } else if (this.#leaving && this.#isIdle) this.#say(SHUTTING_DOWN)
  }

  #sayNow(answer: WireReply): void {
    this.#say(answer)
    this.#flush()
  }

  #flush(): void {
    if (this.#out === '') return
    this.#line.write(this.#out)
    this.#out = ''
    if (this.#phase === 'over') this.#line.close()
  }

  #end(why: WireEnd): void {
    if (this.#phase === 'over') return
    this.#phase = 'over'
    this.#why = why
    this.#talk.end()
  }

  #abandon(why: WireEnd): void {
    this.#end(why)
    this.#line.destroy()
  }

  #touch(): void {
    this.#since = this.#talk.options.clock.now()
  }

  /** Content is under way, and its sink has to take what it got. */
  get takesContent(): boolean {
    return this.#waiting && this.#talk.intake !== null
  }

  get #isIdle(): boolean {
    return this.#phase === 'talk' && !this.#waiting && this.#talk.transaction === null
  }
}
