/** What is wrong with a ledger, and where. */
export interface LedgerProblem {
  readonly what: ProblemKind
  /** The number of the entry; null where it concerns none. */
  readonly entry: number | null
  readonly queueId: string | null
  /** Of the entry, milliseconds since 1970. */
  readonly at: number | null
  /** One sentence for people. */
  readonly text: string
}

export type ProblemKind =
  /** An entry, or its hash, is not as it was written. */
  | 'altered'
  | 'inserted'
  | 'reordered'
  | 'missing'
  /** The end was cut off. */
  | 'truncated'
  /** A source's own numbers have a gap: something that a spool told never arrived, or was taken out. */
  | 'gap'
  /** Head, anchor or a checkpoint do not fit the entries. */
  | 'chain'
  | 'signature'
  /** An entry is there, but a trace would not find it. */
  | 'index'
  /** SQLite cannot read it. */
  | 'unreadable'
  /** Spool and ledger do not say the same. */
  | 'disagreement'

export interface VerifyReport {
  readonly ok: boolean
  readonly file: string
  /** Entries looked at. */
  readonly entries: number
  /** Entries from before there was a chain: nothing can be said of them. */
  readonly unchained: number
  readonly checkpoints: { readonly count: number; readonly signed: number; readonly good: number }
  /** Where it began: an entry that was dropped, or a checkpoint; 0 the beginning. */
  readonly after: number
  readonly head: { readonly entry: number; readonly hash: string; readonly at: number } | null
  readonly problems: readonly LedgerProblem[]
  /** More of them than are listed. */
  readonly more: number
}

const LISTED = 1000

/** Collects problems; lists the first thousand and counts the rest. */
export class Problems {
  readonly list: LedgerProblem[] = []
  more = 0

  add(problem: LedgerProblem): void {
    if (this.list.length < LISTED) this.list.push(problem)
    else this.more++
  }

  /** In the order of the entries; what an entry itself shows before what its checkpoint does. */
  inOrder(): readonly LedgerProblem[] {
    const place = ({ entry, what }: LedgerProblem) => (entry ?? Number.MAX_SAFE_INTEGER) + (what === 'chain' ? 0.5 : 0)
    return this.list.toSorted((a, b) => place(a) - place(b))
  }

  /** Of no entry, or of one whose queue id and time are not known. */
  say(what: ProblemKind, entry: number | null, text: string): void {
    this.add({ what, entry, queueId: null, at: null, text })
  }
}
