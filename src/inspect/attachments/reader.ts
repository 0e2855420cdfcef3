import type { Budget } from './budget.ts'
import type { BlockRule, State } from './finding.ts'
import type { Limits } from './limits.ts'

/** A named part of a message, decoded. What walks the message makes these. */
export interface Part {
  /** As the message gives it, decoded; null where it has none. */
  readonly filename: string | null
  /** The media type in lower case without parameters, or null. */
  readonly declaredType: string | null
  readonly bytes: Buffer
}

/** What a format's reader sees of the file, and where it says what it finds. */
export interface Visit {
  readonly part: Part
  readonly bytes: Buffer
  readonly limits: Limits
  readonly budget: Budget
  /** Says something about this file, or about a member of it that cannot be looked into. */
  note(state: State, fact: string, member?: string): void
  /** Calls the file by a better name than the format's. */
  name(format: string): void
  /** Content that is not read here, because of `why`. */
  unread(why: string, member?: string): void
  /** Says that the file, or a member, is of a kind that may be blocked. */
  block(rule: BlockRule, what: string, member?: string): void
  /** Judges the name of a member that has no readable content. */
  member(name: string): void
  /** Looks into a member. Throws Exhausted; whatever is wrong inside the member is the member's. */
  child(name: string, bytes: Buffer, declaredType?: string | null): void
}

/** One format. `matches` looks at no more than a few bytes; `read` may throw Damaged, Exhausted, RangeError. */
export interface Format {
  /** Such as `ZIP archive`. */
  readonly name: string
  matches(bytes: Buffer, part: Part): boolean
  read(visit: Visit): void
}
