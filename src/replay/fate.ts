/** What becomes of a recipient's message when it is handed in. */
export type Outcome = 'accepted' | 'held' | 'refused' | 'deferred' | 'discarded'

/** What a configuration makes of a recipient of a recorded message. */
export interface Fate {
  readonly outcome: Outcome
  /** The rule that decided, without what differs from message to message: `sender`, `plugin spam`. Null for `accepted`. */
  readonly rule: string | null
  /** Reply code and enhanced code of a refusal. */
  readonly code: string | null
  /** What the sender would hear, or why it is held. */
  readonly why: string | null
  /** Of what is held: until when, and what then. */
  readonly hold: string | null
  /** The registered client that it comes from; null from outside, and of the relay's own. */
  readonly client: string | null
  /** Plugins that mark it. */
  readonly marks: readonly string[]
  /** Plugins that change it. */
  readonly changes: readonly string[]
  /** Where it would be sent. */
  readonly route: string
  /** What the path there must prove. */
  readonly path: string
  /** What cannot be told, rule by rule. */
  readonly unknown: readonly string[]
}
