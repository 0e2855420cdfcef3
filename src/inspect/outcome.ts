import type { Content } from '../mail/content.ts'
import { CONTINUE, type Verdict, type VerdictAction, worst } from '../mail/verdict.ts'
import type { Mode } from './plugin.ts'

/** At what point a plugin spoke. */
export type Hook = 'connect' | 'mail' | 'rcpt' | 'data' | 'modify'

/** What one plugin said, for the record and for the plugins of later phases. */
export interface PluginResult {
  readonly plugin: string
  readonly hook: Hook
  readonly mode: Mode
  /** What it said itself, whatever the mode made of it. */
  readonly verdict: VerdictAction
  readonly reason: string | null
  /** Set where it threw, took too long or answered nonsense; `verdict` is then `defer`. */
  readonly failed?: true
  readonly ms: number
  /** What it found besides, as plain data. */
  readonly facts?: Readonly<Record<string, unknown>>
  /** What it changed of the message; left out where nothing. */
  readonly changed?: Changes
}

/** Each is left out where there was nothing of it. */
export interface Changes {
  /** Names of header fields. */
  readonly added?: readonly string[]
  readonly removed?: readonly string[]
  /** SHA-256 of the whole message, lower-case hex, where new content took the place of the old. */
  readonly replaced?: { readonly before: string; readonly after: string }
}

export type HeaderPair = readonly [name: string, value: string]

/** What the chain makes of all that its plugins said at one point. */
export interface Outcome {
  /** The worst one, after each plugin's mode was applied. */
  readonly verdict: Verdict
  /** Whose verdict that is; null for `continue`. */
  readonly plugin: string | null
  /** Header fields of every plugin that tagged. */
  readonly fields: readonly HeaderPair[]
  readonly results: readonly PluginResult[]
}

/** The same for a message, with what became of its content. */
export interface ContentOutcome extends Outcome {
  /** Header fields to stand in front of the content, those that it came with among them. */
  readonly prefix: Buffer
  readonly content: Content
  /** Whether new content holds bytes above 127; null where it is as it came. */
  readonly eightBit: boolean | null
  /** It must be kept as `Envelope.sensitive`. */
  readonly sensitive?: true
  /** Names of header fields that only plugins of ours give, and that the message brought along; left out where none. */
  readonly stripped?: readonly string[]
}

export const NOTHING: Outcome = { verdict: CONTINUE, plugin: null, fields: [], results: [] }

/** An outcome of one plugin with what it changed. */
export function withChanges<O extends Outcome>(outcome: O, changed: Changes): O {
  if (Object.keys(changed).length === 0) return outcome
  const results = outcome.results.map((result) => ({ ...result, changed: { ...result.changed, ...changed } }))
  return { ...outcome, results }
}

/** Several outcomes as one: the worst verdict, the earliest of equals, and all that was tagged and recorded. */
export function merge(outcomes: readonly Outcome[]): Outcome {
  const [first = NOTHING, ...rest] = outcomes
  if (rest.length === 0) return first
  const verdict = worst(outcomes.map((outcome) => outcome.verdict))
  return {
    verdict,
    plugin: outcomes.find((outcome) => outcome.verdict === verdict)?.plugin ?? null,
    fields: outcomes.flatMap((outcome) => outcome.fields),
    results: outcomes.flatMap((outcome) => outcome.results),
  }
}
