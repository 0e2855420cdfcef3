import type { SecureContext, TLSSocket } from 'node:tls'
import type { Clock } from '../../clock.ts'
import type { Log } from '../../log.ts'
import type { OnFreed } from '../../mail/content.ts'
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
  /** The accepted recipients so far, in order. The same address may stand here twice, each with its own parameters: what that means is the handler's to decide. */
  readonly rcptTo: readonly Recipient[]
}

/** A reply; `close` ends the session after it was sent, and so does the code 421. */
export type HandlerReply = Reply & { readonly close?: true }

/**
 * Why a session ended. `quit`: QUIT was answered. `refused`: a reply with `close`, the handler's
 * or the wire's own. `timeout`: one of the limits in time. `shutdown`: the server closes.
 * `lost`: the client went away, or the connection or its TLS broke.
 */
export type WireEnd = 'quit' | 'refused' | 'timeout' | 'shutdown' | 'lost'

/**
 * Policy, as the wire asks for it: one object for each session. Every method may answer at
 * once or later; until it has, the wire reads no further command. A throw is answered
 * `451 4.3.0` and logged. An answer that comes after `closed` is dropped, but a late DataSink
 * is aborted.
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
  /** What differs from the listener's limits for this client. Asked after each positive answer of connect, hello and auth, and after a TLS handshake. */
  limits?(session: WireSession): Partial<WireLimits> | null
  /** The wire itself answered 4xx or 5xx (syntax, sequence, limits, bad content): for the record and for counting. */
  refused?(session: WireSession, reply: Reply): void
  /** The transaction that an accepted MAIL opened is over, and its DataSink's `end` was not called: RSET, new HELO, STARTTLS, broken connection, refused content. Harmless without a transaction. */
  reset(session: WireSession): void
  /** The connection is gone, after `abort` and `reset` where they apply. Called exactly once, even while an answer is awaited. */
  closed(session: WireSession, why: WireEnd): void
}

/** Takes the content of one message, unstuffed. A throw or rejection of `write` refuses the message with `451 4.3.0`, and `abort` is called. */
export interface DataSink {
  /** True: go on. A promise: the wire stops reading from the socket until it is done. The chunk is only lent: what is kept after the call returns must be copied. */
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
  /** Whether it is known that every line ends in CRLF and none opens with a dot. */
  readonly plainLines: boolean
}

/** Limits and switches of one session. Defaults stand in `limits.ts`. */
export interface WireLimits {
  /** Bytes of content; announced in SIZE, enforced as it streams. */
  readonly size: number
  /** Accepted recipients of one transaction; more are answered 452. */
  readonly recipients: number
  /** Commands that do not lead to mail (HELO, NOOP, RSET, VRFY, HELP, unknown) since the session began or last had a message accepted; more end it with 421. */
  readonly uselessCommands: number
  /** Replies of 4xx or 5xx, counted likewise; the one that reaches the limit is followed by 421. */
  readonly errors: number
  /** Milliseconds without a byte from the client while it is the client's turn. */
  readonly idleMs: number
  /** Milliseconds from 354 to the end mark. */
  readonly dataMs: number
  /** Milliseconds for a TLS handshake. */
  readonly tlsMs: number
  /** Milliseconds of a whole session; a transaction under way is let finish. */
  readonly sessionMs: number
  /** Silence within content that is refused for its line ends, before the client hears so; `idleMs`, where that is less. */
  readonly wrongEndMs: number
  /** Octets in a command line, CRLF included. */
  readonly commandLine: number
  /** Whether bare LF is taken in command lines and in content (made CRLF there), and NUL, odd HELO names and missing angle brackets too: old devices. */
  readonly lenient: boolean
}

/** Where a connection comes from and arrives. */
export interface WireRemote {
  readonly remoteAddress: string
  readonly remotePort: number
  readonly localAddress: string
  readonly localPort: number
}

/** `none`: no TLS. `starttls`: offered. `implicit`: from the first byte. */
export type ServerTls =
  | { readonly mode: 'none' }
  | {
      readonly mode: 'starttls' | 'implicit'
      /**
       * Asked anew for each handshake, so that a renewed certificate counts from the next one: first
       * with null, then with the server name if the client gives one. Must allow TLS 1.2 at the
       * least, and set `sessionIdContext` where `requestCert` is on, or resumed sessions fail.
       */
      readonly secureContext: (servername: string | null) => SecureContext
      /** Ask for a client certificate. Never judged here: its fingerprint is in `WireTls`. Default false. */
      readonly requestCert?: boolean
    }

export interface SmtpServerOptions {
  /** Our name: in the greeting and the reply to EHLO, and the domain of `<Postmaster>`. */
  readonly hostname: string
  readonly tls: ServerTls
  /** What differs from the defaults. */
  readonly limits?: Partial<WireLimits>
  /** Text after the name in the greeting. Default `ESMTP Postern`. */
  readonly banner?: string
  /** Makes the policy of one connection when it is accepted, before any TLS. A reply turns it away at once (in words, where TLS does not come first). */
  readonly handler: (remote: WireRemote) => SessionHandler | HandlerReply
  /** Clients that speak before the greeting: refused with 554, or let be. Default `refuse`. */
  readonly earlyTalk?: 'refuse' | 'allow'
  /** Addresses whose connections begin with a PROXY protocol header (version 1). Default none. Fixed when the server is made. */
  readonly proxies?: readonly string[]
  /** Connections that the system keeps until they are taken, as far as it lets us. Default 4096. Fixed when the server is made. */
  readonly backlog?: number
  /** For tests: memory that the next read of any connection will use. */
  readonly freed?: OnFreed
  readonly log: Log
  readonly clock: Clock
}

/** What can change while the server runs. Sessions under way keep their limits; the rest counts from the next use. */
export type SmtpServerChange = Partial<
  Pick<SmtpServerOptions, 'hostname' | 'limits' | 'banner' | 'handler' | 'earlyTalk' | 'tls'>
>

export interface SmtpServer {
  /** Resolves with the address that it listens on; rejects with the system's error. */
  listen(port: number, address: string): Promise<{ address: string; port: number }>
  /** Connections open now. */
  readonly connections: number
  /** Throws RangeError for a change of TLS mode: that needs a new server. */
  setOptions(change: SmtpServerChange): void
  /** Stops accepting, ends idle sessions with 421 at once and others after their transaction, and destroys what is left after `graceMs`. Resolves when all are gone. */
  close(options: { graceMs: number }): Promise<void>
}
