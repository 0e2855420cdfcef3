import { findCommand } from './commands.ts'
import type { DataSink, HandlerReply, Later, SessionHandler, SmtpServerOptions, WireLimits } from './contract.ts'
import type { Exchange } from './exchange.ts'
import { Guard } from './guard.ts'
import { Intake } from './intake.ts'
import { mergeLimits } from './limits.ts'
import { NOT_SMTP } from './replies.ts'
import type { OpenTransaction, SessionState } from './session.ts'
import { Tally } from './tally.ts'

/** What a conversation is made of. */
export interface ConversationParts {
  /** Read anew each time: options may change. */
  readonly settings: { readonly options: SmtpServerOptions }
  readonly handler: SessionHandler
  readonly session: SessionState
}

// Web pages can be made to send requests to any port
const HTTP = /^(?:GET|HEAD|POST|PUT|DELETE|OPTIONS|TRACE|CONNECT|PATCH|PRI) \S.* HTTP\/\d/i

/** The state of a session between commands: its transaction, its content, its limits. */
export class Conversation implements Exchange {
  readonly handler: SessionHandler
  readonly session: SessionState
  readonly guard: Guard
  readonly tally = new Tally()
  limits: WireLimits
  transaction: OpenTransaction | null = null
  /** The content that is being received. */
  intake: Intake | null = null
  /** STARTTLS was answered, or is about to be. */
  wantsTls = false
  /** No content is taken any more. */
  over = false

  readonly #settings: ConversationParts['settings']
  readonly #hasMore: () => boolean
  #nextLine: ((line: string) => Later<HandlerReply>) | null = null

  constructor({ settings, handler, session }: ConversationParts, hasMore: () => boolean) {
    this.#settings = settings
    this.#hasMore = hasMore
    this.handler = handler
    this.session = session
    this.guard = new Guard(settings, session.id)
    this.limits = mergeLimits(settings.options.limits)
  }

  /** Carries out the command on a line. */
  execute(line: string): Later<HandlerReply> {
    const next = this.#nextLine
    this.#nextLine = null
    if (next !== null) return next(line)
    if (HTTP.test(line)) return NOT_SMTP
    const blank = line.indexOf(' ')
    const command = findCommand((blank < 0 ? line : line.slice(0, blank)).toUpperCase())
    const enough = command.useful ? null : this.tally.useless(this.limits)
    return enough ?? command.run(this, blank < 0 ? '' : line.slice(blank + 1).trimStart())
  }

  get options(): SmtpServerOptions {
    return this.#settings.options
  }

  get pipelined(): boolean {
    return this.#hasMore()
  }

  refreshLimits(): void {
    const own = this.guard.tell(() => this.handler.limits?.(this.session))
    this.limits = mergeLimits(this.options.limits, own)
  }

  openTransaction(transaction: OpenTransaction): void {
    this.transaction = transaction
  }

  resetTransaction(): void {
    if (this.transaction === null) return
    this.transaction = null
    this.guard.tell(() => this.handler.reset(this.session))
  }

  takeContent(sink: DataSink): void {
    const startedAt = this.options.clock.now()
    const intake = new Intake(sink, { limits: this.limits, startedAt, onFailure: this.guard.failed })
    if (this.over) intake.abort()
    else this.intake = intake
  }

  expectLine(next: (line: string) => Later<HandlerReply>): void {
    this.#nextLine = next
  }

  /** The line that was expected cannot be read. */
  forgetLine(): void {
    this.#nextLine = null
  }

  startTls(): void {
    this.wantsTls = true
  }

  /** Nothing more comes: gives up whatever is under way. */
  end(): void {
    this.over = true
    this.intake?.abort()
    this.intake = null
    this.resetTransaction()
  }
}
