import type { TLSSocket } from 'node:tls'
import type { Recipient, ReversePath } from '../../mail/envelope.ts'
import type { Reply } from '../../mail/reply.ts'

/** A value now or later: handlers that need not wait answer at once, which saves a turn of the event loop per command. */
export type Later<T> = T | Promise<T>

/** What the wire knows of one connection. */
export interface WireSession {
  /** For logs: short and unique in this process. */
  readonly id: string
  readonly remoteAddress: string
  readonly remotePort: number
  readonly localAddress: string
  readonly localPort: number
  /** As given in HELO or EHLO; null before. */
  readonly helo: string | null
  /** Whether EHLO was used (ESMTP). */
  readonly extended: boolean
  readonly tls: WireTls | null
  /** Name the client signed in with, or null. */
  readonly user: string | null
  /** Bytes that the session has received so far. */
  readonly bytesIn: number
}

export interface WireTls {
  readonly protocol: string
  readonly cipher: string
  /** Lower-case hex SHA-256 of the client's certificate (DER), or null if it sent none. */
  readonly clientFingerprint: string | null
  readonly socket: TLSSocket
}

/** MAIL with its parameters, parsed and checked for syntax (RFC 5321 4.1.2, 1870, 3461, 6152, 6531, 8689). */
export interface MailCommand {
  readonly from: ReversePath
  /** RFC 1870 SIZE as declared, bytes; null if not. */
  readonly size: number | null
  readonly body: '7bit' | '8bitmime'
  readonly smtputf8: boolean
  readonly requireTls: boolean
  readonly ret: 'full' | 'hdrs' | null
  readonly envid: string | null
}

export interface Transaction {
  readonly mail: MailCommand
  /** The accepted recipients so far, in order. */
  readonly rcptTo: readonly Recipient[]
}

/** A reply; `close` ends the session after it was sent. */
export type HandlerReply = Reply & { readonly close?: true }

/**
 * Policy, as the wire asks for it: one object for each session. Every method may answer at
 * once or later; until it has, the wire reads no further command. A throw is answered
 * `451 4.3.0` and logged.
 */
export interface SessionHandler {
  /** Before the greeting. A 4xx or 5xx reply refuses the connection; 220 greets. */
  connect(session: WireSession): Later<HandlerReply>
  /** HELO, EHLO. A positive reply's text is ignored: the wire lists the extensions itself. */
  hello(session: WireSession, name: string): Later<HandlerReply>
  mail(session: WireSession, command: MailCommand): Later<HandlerReply>
  rcpt(session: WireSession, transaction: Transaction, to: Recipient): Later<HandlerReply>
  /** Before 354. A negative reply refuses DATA (as when the disk is full). */
  data(session: WireSession, transaction: Transaction): Later<DataSink | HandlerReply>
  /** AUTH, for listeners that offer it. Positive (235) signs in. */
  auth?(session: WireSession, name: string, password: string): Promise<HandlerReply>
  /** The transaction is over without DATA having been answered: RSET, new HELO, STARTTLS, broken connection. */
  reset(session: WireSession): void
  /** The connection is gone. Called exactly once. */
  closed(session: WireSession): void
}

/** Takes the content of one message, unstuffed. */
export interface DataSink {
  /** True: go on. A promise: the wire stops reading from the socket until it is done. The chunk must be copied if it is kept after that. */
  write(chunk: Buffer): true | Promise<void>
  /** The end mark has come. The reply is sent to the client: 250 only once everything is safe. */
  end(info: DataInfo): Promise<HandlerReply>
  /** The content ends without an end mark (connection gone, time-out, over the size, bad line ends). Nothing may be kept. */
  abort(): void
}

export interface DataInfo {
  /** Bytes of content after unstuffing (and after normalising line ends where that is on). */
  readonly size: number
  /** Whether any byte was above 127. */
  readonly eightBit: boolean
  /** How many bare LF were made CRLF (devices only). */
  readonly normalised: number
}

/** Limits and switches of one session, which a handler may change per client by returning its own from `limits`. */
export interface WireLimits {
  /** Bytes; announced in SIZE, enforced as it streams. */
  readonly size: number
  readonly recipients: number
  /** Commands that do not lead to mail (NOOP, RSET, VRFY, HELP, unknown), in a session. */
  readonly uselessCommands: number
  /** Replies of 4xx or 5xx in a session, after which it is ended with 421. */
  readonly errors: number
  /** Milliseconds without a byte from the client. */
  readonly idleMs: number
  /** Milliseconds for the whole of DATA. */
  readonly dataMs: number
  /** Octets in a command line, CRLF included. */
  readonly commandLine: number
  /** Whether bare LF is taken in content and made CRLF (devices), and odd HELO names are taken. */
  readonly lenient: boolean
}
