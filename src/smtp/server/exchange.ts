import type { DataSink, HandlerReply, Later, SessionHandler, SmtpServerOptions, WireLimits } from './contract.ts'
import type { OpenTransaction, SessionState } from './session.ts'

/** What a command may see of its session and do to it. */
export interface Exchange {
  /** As they are now: they may change while the session lasts. */
  readonly options: SmtpServerOptions
  readonly handler: SessionHandler
  readonly session: SessionState
  readonly limits: WireLimits
  readonly transaction: OpenTransaction | null
  /** Whether the client has sent on without waiting for the reply to the command at hand. */
  readonly pipelined: boolean
  /** Asks the handler anew what limits this client has. */
  refreshLimits(): void
  openTransaction(transaction: OpenTransaction): void
  /** Forgets the transaction, and tells the handler if there was one. */
  resetTransaction(): void
  /** What follows is content. */
  takeContent(sink: DataSink): void
  /** The next line is no command, but for `next`. */
  expectLine(next: (line: string) => Later<HandlerReply>): void
  /** After the reply at hand the client begins a TLS handshake. */
  startTls(): void
}

/** Carries out one command. `args` is what follows the verb and its blank, trailing blanks removed. */
export type Command = (x: Exchange, args: string) => Later<HandlerReply>
