import type { BlockRule } from '../../mail/attachment-words.ts'

export type { BlockRule }

/**
 * `encrypted`: nobody can read it without a password or key. `readable`: encrypted, but opens without asking.
 * `suspicious`: cannot be read to its end. `clean`: read, as far as its format is read here.
 */
export type State = 'clean' | 'readable' | 'suspicious' | 'encrypted'

const SEVERITY: readonly State[] = ['clean', 'readable', 'suspicious', 'encrypted']

/** True where `a` is worse than `b`. */
export const isWorse = (a: State, b: State): boolean => SEVERITY.indexOf(a) > SEVERITY.indexOf(b)

/** One thing that was found at one place. */
export interface Finding {
  readonly state: State
  /** Such as `ZIP archive` or `Word document`. */
  readonly format: string
  /** Names of the containers and the file, outermost first, as written. */
  readonly path: readonly string[]
  /** What was seen, such as `AES-256` or `user password`. */
  readonly facts: readonly string[]
}

export interface Block {
  readonly rule: BlockRule
  readonly path: readonly string[]
  /** Such as `Windows program` or `.exe`. */
  readonly what: string
}
