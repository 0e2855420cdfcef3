import { type BlockList, DEFAULT_BLOCKED } from './blocked/list.ts'
import { type Budget, createBudget } from './budget.ts'
import type { Block, Finding, State } from './finding.ts'
import { DEFAULT_LIMITS, type Limits } from './limits.ts'
import type { Part } from './reader.ts'
import { type Collected, walkPart } from './walk.ts'
import { reasonFor, reasonForBlock, shownPath } from './words.ts'

export interface AttachmentOptions {
  readonly limits: Limits
  readonly blocked: BlockList
}

export const DEFAULT_OPTIONS: AttachmentOptions = { limits: DEFAULT_LIMITS, blocked: DEFAULT_BLOCKED }

/** A file of a kind that may not pass. */
export interface Blocked {
  readonly rule: Block['rule']
  /** `a.zip > b.exe`; safe to show. */
  readonly path: string
  readonly what: string
  /** For the sender, in ASCII. */
  readonly reason: string
}

/** What is said of one place in an attachment. */
export interface Place {
  readonly state: State
  readonly format: string
  /** `a.zip > b.docx`; safe to show. */
  readonly path: string
  readonly facts: readonly string[]
}

/** The verdict on one attachment: the worst of what was found in it. */
export interface PartVerdict extends Place {
  /** For the sender, in ASCII: which file, why, what to do instead. Null where it is clean. */
  readonly reason: string | null
  /** All places that are not clean, the worst among them, at most `maxFindings`. */
  readonly findings: readonly Place[]
  readonly blocked: readonly Blocked[]
  /** Places whose content was judged by headers only. */
  readonly unread: readonly Place[]
}

/**
 * Judges one attachment by its content, within what is left of `budget`: those of one message share one, in
 * their order, so that the same parts give the same verdicts each time. Throws nothing that a file can bring about.
 */
export function inspectPart(
  part: Part,
  options: AttachmentOptions = DEFAULT_OPTIONS,
  budget: Budget = createBudget(options.limits),
): PartVerdict {
  return verdictOf(walkPart(part, budget, options), options.limits)
}

function verdictOf({ worst, findings, blocks, unread }: Collected, limits: Limits): PartVerdict {
  const isListed = worst.state === 'clean' || findings.includes(worst)
  const listed = isListed ? findings : [worst, ...findings].slice(0, limits.maxFindings)
  return {
    ...place(worst),
    reason: reasonFor(worst),
    findings: listed.map(place),
    blocked: blocks.map(blocked),
    unread: unread.map(place),
  }
}

function place({ state, format, path, facts }: Finding): Place {
  return { state, format, path: shownPath(path), facts: [...facts] }
}

function blocked(block: Block): Blocked {
  return { rule: block.rule, path: shownPath(block.path), what: block.what, reason: reasonForBlock(block) }
}
