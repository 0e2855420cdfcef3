import type { Address } from '../mail/address.ts'
import type { Content } from '../mail/content.ts'
import type { Envelope, Recipient, ReversePath } from '../mail/envelope.ts'
import type { Verdict } from '../mail/verdict.ts'

/** What is known of the connection. Read-only. */
export interface SessionView {
  readonly id: string
  /** Dotted quad or RFC 5952 text. */
  readonly remoteAddress: string
  /** The verified reverse name, or null: PTR and back again. */
  readonly remoteName: string | null
  readonly helo: string | null
  readonly tls: { readonly protocol: string; readonly cipher: string; readonly clientFingerprint: string | null } | null
  /** The name of the registered client, or null for the outside world. */
  readonly client: string | null
  /** Name the session signed in with, or null. */
  readonly user: string | null
}

export interface TransactionView {
  readonly session: SessionView
  readonly mailFrom: ReversePath
  readonly rcptTo: readonly Recipient[]
  readonly direction: Direction
}

/** `inbound`: from outside to a domain of ours. `outbound`: from a client to elsewhere. `internal`: from a client to a domain of ours. */
export type Direction = 'inbound' | 'outbound' | 'internal'

export interface MessageView extends TransactionView {
  readonly envelope: Envelope
  /** Without the trace field that this relay will add. */
  readonly content: Content
  /** Header fields in order, top first, bounded: names as written, values unfolded, raw bytes kept in `content`. */
  readonly header: readonly { readonly name: string; readonly value: string }[]
  /** Aborted when the plugin's deadline passes or the client goes away. */
  readonly signal: AbortSignal
}

/**
 * Looks, never changes. Every method may be left out. A throw, a rejection, a time-out or an
 * answer that is no Verdict counts as `defer` (451), never as `continue`.
 * Methods of one inspector are called in the order of the protocol; different sessions
 * interleave, so state belongs in the arguments, not in the object.
 */
export interface Inspector {
  readonly name: string
  connect?(session: SessionView): Promise<Verdict>
  mail?(session: SessionView, from: ReversePath): Promise<Verdict>
  rcpt?(transaction: TransactionView, to: Recipient): Promise<Verdict>
  data?(message: MessageView): Promise<Verdict>
}

/** Changes content. All of its changes apply, or none and the message is deferred. */
export interface Modifier {
  readonly name: string
  modify(message: MessageView): Promise<readonly Modification[]>
}

export type Modification =
  /** Puts a header field on top. The value is folded by the chain. */
  | { readonly do: 'addHeader'; readonly name: string; readonly value: string }
  /** Removes every field of that name for which `matches` says so (all, where it is left out). */
  | { readonly do: 'removeHeader'; readonly name: string; readonly matches?: (value: string) => boolean }
  | { readonly do: 'replaceContent'; readonly content: Content }

export type Plugin = Inspector | Modifier

/** `observe`: record what it would do. `tag`: at most tag. `enforce`: do it. */
export type Mode = 'observe' | 'tag' | 'enforce'

/** The four fixed phases. The order within one is the configuration's. */
export type Phase = 'authenticate' | 'inspect' | 'modify' | 'sign'

export type { Address }
