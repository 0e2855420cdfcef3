import type { Scope } from '../../../test/support/scope.ts'

/** A figure or a word of a table. */
export type Cell = string | number

export interface Table {
  readonly title: string
  readonly columns: readonly string[]
  /** As many cells each as there are columns. */
  readonly rows: readonly (readonly Cell[])[]
}

/** Something that Postern promises, and whether it held. */
export interface Promised {
  /** A whole sentence: `No acknowledged message is lost.` */
  readonly text: string
  readonly kept: boolean
  /** What was seen: figures, or what broke it. */
  readonly detail?: string
}

/** What came of a part. */
export interface Proof {
  readonly tables: readonly Table[]
  readonly promises: readonly Promised[]
  /** What a reader of the tables should know, a sentence each. */
  readonly notes?: readonly string[]
}

/** How much of something a part does, unless the command line says another number. */
export interface Amount {
  readonly long: number
  readonly short: number
  /** What is counted, in words. */
  readonly help: string
}

/** Names are words parted by `-`: `kills` is `--kills` on the command line. */
export type Amounts = Readonly<Record<string, Amount>>

/** What a part works with. */
export interface Prover extends Scope {
  /** The form for continuous integration: little of everything, within its minutes. */
  readonly short: boolean
  /** Every random choice of a part follows from it (`random.ts`), as far as the machine's own timing lets it. */
  readonly seed: number
  /** An amount that the part has declared. Throws for any other name. */
  amount(name: string): number
  /** True once somebody interrupted, or `--minutes` are over: finish the present step, and give the account of what was done. */
  isOver(): boolean
  /** Tells what goes on. */
  say(text: string): void
}

/**
 * A part: `scripts/prove.d/NAME.ts` exports one as `prove`, and may export `amounts`. Rejects with
 * `Missing` when it cannot run here; any other rejection is a failure of the part.
 */
export type Part = (prover: Prover) => Promise<Proof>

/** Something that a part needs is not on this machine. */
export class Missing extends Error {
  override readonly name = 'Missing'
}
