import type { ConnectionOptions, PeerCertificate } from 'node:tls'
import type { Content } from '../../mail/content.ts'
import type { Envelope } from '../../mail/envelope.ts'
import type { Reply } from '../../mail/reply.ts'

/** Where and how to connect: one address of one host. */
export interface ClientTarget {
  /** Name of the host, for TLS (SNI and verification), logs and the trace. */
  readonly host: string
  /** IP address, or the path of a Unix socket (LMTP). */
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
 * `none`: never STARTTLS. `opportunistic`: use it where offered, do not verify, fall back to clear
 * in a new connection when the handshake fails. `required`: no mail without TLS; `verify` says what
 * the certificate must prove, called after the handshake and before any further byte is sent.
 * `implicit`: TLS from the first byte, otherwise as required.
 */
export type ClientTls =
  | { readonly mode: 'none' }
  | { readonly mode: 'opportunistic'; readonly options: ConnectionOptions }
  | {
      readonly mode: 'required' | 'implicit'
      readonly options: ConnectionOptions
      /** Null if it holds, otherwise what does not. */
      readonly verify: (peer: PeerCertificate, authorizationError: string | null) => string | null
    }

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

/** What an open session offers. */
export interface ClientSession {
  readonly extensions: ReadonlyMap<string, string>
  readonly tls: {
    readonly protocol: string
    readonly cipher: string
    readonly fingerprint: string
    readonly verified: boolean
  } | null
  /** False once the connection is closed or in doubt. */
  readonly usable: boolean
  /** Sends one message. Never rejects: every failure is in the result. */
  send(envelope: Envelope, content: Content): Promise<SendResult>
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
  /** Whether another address or host may be better (false for a 5xx to our MAIL, say). */
  readonly temporary: boolean
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
  | { readonly is: 'relayed' | 'failed' | 'deferred'; readonly reply: Reply; readonly phase: ClientPhase }
  /** Nothing was said about it: tried again. */
  | { readonly is: 'unknown' }
