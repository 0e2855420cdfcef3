import type { ConnectionOptions, PeerCertificate } from 'node:tls'
import type { Clock } from '../../clock.ts'
import type { Log } from '../../log.ts'
import type { Address } from '../../mail/address.ts'
import type { Content } from '../../mail/content.ts'
import type { Envelope, ReversePath } from '../../mail/envelope.ts'
import type { Reply } from '../../mail/reply.ts'

/** Where and how to connect: one address of one host. */
export interface ClientTarget {
  /** Name of the host, for TLS (SNI and verification), logs and the trace. */
  readonly host: string
  /** IP address, or the path of a Unix socket, which starts with `/` (LMTP). Names are not looked up here. */
  readonly address: string
  readonly port: number
  readonly protocol: 'smtp' | 'lmtp'
  readonly tls: ClientTls
  /** Sign in after TLS; refused by the client itself without TLS. */
  readonly login: { readonly user: string; readonly password: string } | null
  /** Our name in EHLO. */
  readonly helo: string
  readonly timeouts: ClientTimeouts
  /** Address to connect from, or null. */
  readonly localAddress: string | null
}

/**
 * `none`: never STARTTLS. `opportunistic`: use it where offered, do not verify; when the handshake
 * fails, `openOpportunistic` falls back to clear in a new connection. `required`: no mail without TLS;
 * `verify` says what the certificate must prove, called after the handshake and before any further
 * byte is sent. `implicit`: TLS from the first byte, otherwise as required.
 */
export type ClientTls =
  | { readonly mode: 'none' }
  | {
      readonly mode: 'opportunistic'
      readonly options: ConnectionOptions
      /** Judged and written down, and never a reason to fail: a policy that is only being tried (RFC 8461 section 5). */
      readonly verify?: VerifyPeer | null
    }
  | {
      readonly mode: 'required' | 'implicit'
      readonly options: ConnectionOptions
      /** With null any certificate does, as long as it is TLS. */
      readonly verify: VerifyPeer | null
    }

/**
 * Null if it holds, otherwise what does not. A throw is a no. The certificate's issuers are in
 * `issuerCertificate`.
 */
export type VerifyPeer = (peer: PeerCertificate, authorizationError: string | null) => string | null

/** Milliseconds for each phase, RFC 5321 section 4.5.3.2. */
export interface ClientTimeouts {
  readonly connect: number
  readonly greeting: number
  readonly hello: number
  readonly tls: number
  readonly auth: number
  readonly mail: number
  readonly rcpt: number
  readonly data: number
  /** Between two writes of content that the peer takes. */
  readonly block: number
  /** From the final dot to its reply. */
  readonly end: number
  /** For 221, and then for the connection to close. Where it is not given, `ClientLimits.quitMs`. */
  readonly quit?: number
}

export type ClientPhase =
  | 'connect'
  | 'greeting'
  | 'hello'
  | 'tls'
  | 'auth'
  | 'mail'
  | 'rcpt'
  | 'data'
  | 'content'
  | 'end'
  | 'quit'

/** What was negotiated, for the trace and for REQUIRETLS. */
export interface ClientTlsFacts {
  /** `TLSv1.3` and the like. */
  readonly protocol: string
  readonly cipher: string
  /** Lower-case hex SHA-256 of the peer's certificate (DER); empty if it showed none. */
  readonly fingerprint: string
  /** Whether the certificate was proven: `verify` was content, or, where nothing had to be proven, chain and name hold all the same. */
  readonly verified: boolean
  /** What does not hold of the certificate, where it was not proven: the words of `verify`, or else `error`. */
  readonly problem: string | null
  /** What OpenSSL or Node has against it, whatever had to be proven: a code such as `CERT_HAS_EXPIRED`. */
  readonly error: string | null
}

/** What an open session offers. One message at a time. */
export interface ClientSession {
  /** Keywords of the last EHLO in capitals, each with its parameters. Empty after HELO. */
  readonly extensions: ReadonlyMap<string, string>
  readonly tls: ClientTlsFacts | null
  /** False once the connection is closed or in doubt. A peer that hangs up or speaks while nothing was asked makes it false at once. */
  readonly usable: boolean
  /** Why it is not usable, where the connection failed. */
  readonly failure: ClientFailure | null
  /** Resolves when the connection is gone, whoever ended it: for a pool to drop the session. */
  readonly closed: Promise<void>
  /**
   * Sends one message. Never rejects: every failure is in the result. On a session that is not
   * usable, or busy, nothing is sent and every recipient is `unknown`. A failure with phase `mail`
   * and no reply, on a session that was kept open, mostly means that the peer had hung up meanwhile.
   */
  send(envelope: Envelope, content: Content): Promise<SendResult>
  /**
   * Asks about one recipient with MAIL, RCPT and RSET, without a message. Never rejects. `phase` tells
   * which command the reply answers; the reply is null if the session failed, or was busy.
   */
  probe(mailFrom: ReversePath, to: Address): Promise<{ readonly phase: 'mail' | 'rcpt'; readonly reply: Reply | null }>
  /** QUIT, then close; waits for neither for long. */
  quit(): Promise<void>
  /** Closes at once. */
  destroy(): void
}

/** Why a session could not be opened, or did not live through a transaction. */
export interface ClientFailure {
  readonly phase: ClientPhase
  /** The peer's reply, where it gave one. */
  readonly reply: Reply | null
  /** In words for the log and the trace: `connection refused`, `no reply in 300 s`. */
  readonly text: string
  /**
   * Whether a later attempt at this same host may help. Another address or host is always worth
   * trying, even after a greeting of 554 (RFC 5321 section 3.1). False only when the host says that
   * it never takes mail (greeting 521, RFC 7504): with no other host left, the mail has failed.
   */
  readonly temporary: boolean
  /** With phase `tls`: what kept it from being safe. */
  readonly tls?: TlsTrouble
}

/**
 * `not-offered`: no STARTTLS. `refused`: the command was. `handshake`: no TLS came about. `certificate`: it does
 * not hold; `error` is then the code of OpenSSL or Node, such as `CERT_HAS_EXPIRED`, or null where those
 * have nothing against it.
 */
export interface TlsTrouble {
  readonly is: 'not-offered' | 'refused' | 'handshake' | 'certificate'
  readonly error: string | null
}

/** What became of each recipient, in the order of `envelope.rcptTo`. */
export interface SendResult {
  readonly recipients: readonly RecipientReply[]
  /** Set if the session failed on the way: then recipients without a reply of their own are in doubt and are tried again. */
  readonly failure: ClientFailure | null
  /** Whether the DSN extension was offered, so that the peer takes over the duty to notify (RFC 3461 section 5.2.2). */
  readonly dsnHandedOn: boolean
}

export type RecipientReply =
  | {
      readonly is: 'relayed' | 'failed' | 'deferred'
      readonly reply: Reply
      readonly phase: ClientPhase
      /**
       * The reply is our own and this recipient was not sent to: the peer lacks what the message
       * needs (5.3.4, 5.6.3, 5.6.7, 5.6.9, 5.7.10, 5.7.30), or the message is damaged (5.1.3, 5.1.7, 5.6.0).
       * After 5.7.10 and 5.7.30 the other hosts of the route are to be tried first (RFC 8689 section 4.2.1).
       */
      readonly ours?: true
    }
  /** Nothing was said about it: tried again. */
  | { readonly is: 'unknown' }

/** Bounds of what a peer may say, and of how long we wait for its goodbye. */
export interface ClientLimits {
  /** Octets in one line of a reply, CRLF included. RFC 5321 section 4.5.3.1.5 has 512; many send more. */
  readonly replyLine: number
  /** Lines in one reply. */
  readonly replyLines: number
  /** Octets in one reply. */
  readonly replyBytes: number
  /** Milliseconds that `quit()` waits for 221, and then for the connection to close. */
  readonly quitMs: number
}

export interface ClientOptions {
  readonly log: Log
  readonly clock?: Clock
  /** By default `DEFAULT_LIMITS`. */
  readonly limits?: ClientLimits
  /**
   * What becomes of a message with bytes above 127 where the peer does not offer 8BITMIME. `fail`
   * (the default, RFC 6152 section 3): failed with 5.6.3. `send`: sent as it is, for a next hop that is known
   * to keep all eight bits. It is never converted: that would break signatures.
   */
  readonly eightBitWithout8BitMime?: 'send' | 'fail'
}

export type OpenResult =
  | {
      readonly ok: true
      readonly session: ClientSession
      /** Why it is in clear, where opportunistic TLS failed. */
      readonly fellBack?: ClientFailure
      /** Ours, of the connection; null for a Unix socket. */
      readonly localAddress: string | null
    }
  | {
      readonly ok: false
      readonly failure: ClientFailure
      /** Null where there was no connection. */
      readonly localAddress: string | null
    }

export const DEFAULT_LIMITS: ClientLimits = {
  replyLine: 4096,
  replyLines: 256,
  replyBytes: 65_536,
  quitMs: 5000,
}
