import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import type { Address } from '../mail/address.ts'
import type { Content } from '../mail/content.ts'
import type { Envelope, Recipient, ReversePath } from '../mail/envelope.ts'
import type { Verdict } from '../mail/verdict.ts'
import type { HeaderPair, PluginResult } from './outcome.ts'

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
  /** Those accepted so far. */
  readonly rcptTo: readonly Recipient[]
  readonly direction: Direction
}

/**
 * `inbound`: from outside to a domain of ours. `outbound`: from a client to elsewhere (as soon as one
 * recipient of a message is). `internal`: from a client to a domain of ours.
 */
export type Direction = 'inbound' | 'outbound' | 'internal'

export interface MessageView extends TransactionView {
  readonly envelope: Envelope
  /** The message as it would be delivered now, with what earlier plugins added, without the trace field that this relay will add. */
  readonly content: Content
  /** Header fields of `content` in order, top first, bounded: names as written, values unfolded. */
  readonly header: readonly { readonly name: string; readonly value: string }[]
  /** What `divide` of each plugin, by its name, said of these recipients; left out where none divides. */
  readonly divisions?: ReadonlyMap<string, string>
  /** What plugins said at connect, mail and rcpt, and in earlier phases. */
  readonly results: readonly PluginResult[]
  /** Aborted when the plugin's deadline passes or the client goes away. */
  readonly signal: AbortSignal
}

/** A message before its content passes the plugins, as `divide` sees it. */
export interface DivisionView {
  readonly session: SessionView
  readonly mailFrom: ReversePath
  /** Those for whom the plugin is asked at all. */
  readonly rcptTo: readonly { readonly recipient: Recipient; readonly direction: Direction }[]
  /** As it came, bounded. */
  readonly header: MessageView['header']
}

/** What a plugin says of one recipient. */
export interface Division {
  /** At most 200 characters. Recipients with different keys become messages of their own. */
  readonly key: string
  /**
   * The recipient's message is kept as `Envelope.sensitive`, also where it is held or refused, unless a
   * modifier encrypts it.
   */
  readonly sensitive?: true
}

/** What every plugin may have besides its methods. */
interface Common {
  /** Letters, digits, dots and hyphens, at most 64: what logs, metrics and the trace call it. */
  readonly name: string
  /** Default: `inspect` for an Inspector, `modify` for a Modifier. */
  readonly phase?: Phase
  /**
   * Names of header fields that only this plugin gives. What a message brings along under these
   * names is removed before the first phase, except in mode `observe`, so that nobody can forge them.
   */
  readonly ownFields?: readonly string[]
  /**
   * Its `data` is asked once more when what was held by a plugin is to be released, with the message as
   * it would go out, the reverse-path and the recipients, and nothing of the session but its client.
   * What would have to be changed then is not released.
   */
  readonly rescan?: true
  /**
   * Parts the recipients of a message before its content passes the plugins: what it answers at `i` is about
   * `rcptTo[i]`. In mode `enforce` only. At once; a throw, or an answer that is none, defers the message.
   */
  divide?(message: DivisionView): readonly Division[]
  /** How it is now, without waiting: for operators. Left out by what depends on nothing outside. */
  health?(): Health
  /** Nothing will be asked of it any more. */
  close?(): Promise<void>
}

/** Whether a plugin can do its work. */
export interface Health {
  /** False raises an alarm. */
  readonly ok: boolean
  /** One line for people: what does not answer, since when, and why. */
  readonly text: string
}

/**
 * Looks, never changes. Every method may be left out, but not all of them. A throw, a rejection, a
 * time-out or an answer that is no Verdict counts as `defer` (451), never as `continue`.
 * Methods of one inspector are called in the order of the protocol; different sessions
 * interleave, so state belongs in the arguments, not in the object. A method must not block: it runs
 * on the thread that talks to all clients, and no deadline can interrupt it there.
 */
export interface Inspector extends Common {
  /** Before the greeting. The verdict counts for the whole session. */
  connect?(session: SessionView): Promise<Verdict>
  /** The verdict counts for the whole message. */
  mail?(session: SessionView, from: ReversePath): Promise<Verdict>
  /** The verdict counts for this recipient alone. */
  rcpt?(transaction: TransactionView, to: Recipient): Promise<Verdict>
  /** Together with the other inspectors of its phase, in no order. */
  data?(message: MessageView): Promise<Verdict | Answer>
}

/** A verdict with what goes along, whatever the verdict is. */
export interface Answer {
  readonly verdict: Verdict
  /** Header fields to be put on top; not in mode `observe`. */
  readonly add?: readonly HeaderPair[]
  /** Header fields that must not pass, such as forged ones; not in mode `observe`. */
  readonly remove?: readonly Removal[]
  /** What was found, for the trace and for plugins of later phases (`MessageView.results`): plain data, at most 8 KiB as JSON. */
  readonly facts?: Readonly<Record<string, unknown>>
}

/** Every field of that name for which `matches` says so (all, where it is left out). */
export interface Removal {
  readonly name: string
  readonly matches?: (value: string) => boolean
}

/** Changes content. All of its changes apply, or none and the message is deferred. */
export interface Modifier extends Common {
  /** After the inspectors of its phase, one modifier after the other; each sees what those before it did. */
  modify(message: MessageView): Promise<readonly Modification[]>
}

export type Modification =
  /** Puts a header field on top. The value is folded by the chain; control characters become spaces. */
  | { readonly do: 'addHeader'; readonly name: string; readonly value: string }
  | ({ readonly do: 'removeHeader' } & Removal)
  /** The whole message anew, header and body, with CRLF line ends. */
  | {
      readonly do: 'replaceContent'
      readonly content: Content
      /** Nobody but the recipients can read it: it need not be kept as sensitive any more. */
      readonly encrypted?: true
    }

export type Plugin = Inspector | Modifier

/** What the default export of an operator's module may be, besides a plugin. `options` stands in the configuration. */
export type PluginFactory = (
  options: Readonly<Record<string, unknown>>,
  context: PluginContext,
) => Plugin | Promise<Plugin>

/** What a plugin is given of the daemon. */
export interface PluginContext {
  /** Lines in Postern's log. Never content, never a subject, never a secret. */
  readonly log: Log
  readonly clock: Clock
}

/** `observe`: record what it would do. `tag`: at most tag. `enforce`: do it. */
export type Mode = 'observe' | 'tag' | 'enforce'

/** The four fixed phases, in this order. The order within one is the configuration's. */
export type Phase = 'authenticate' | 'inspect' | 'modify' | 'sign'

export type { Address }
