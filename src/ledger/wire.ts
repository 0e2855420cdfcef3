import type { Happened, Happening } from './contract.ts'
import type { LedgerSettings } from './options.ts'
import type { PointNews } from './thread/chain.ts'

/** What travels between the ledger's main side and its thread. */

export interface QueryRow {
  readonly id: number | null
  readonly messageId: string | null
  readonly sender: string | null
  readonly recipient: string | null
  readonly domain: string | null
  readonly client: string | null
  readonly from: number | null
  readonly to: number | null
  readonly state: string | null
}

export interface HappeningsQuery {
  readonly what: Happened
  readonly from: number
  readonly to: number
  /** Of which messages; its own times are not used. */
  readonly message: QueryRow
}

/** As the thread gives it: with the number of the message in place of its name. */
export interface HappeningRow extends Omit<Happening, 'queueId'> {
  readonly id: number
}

export interface HappeningsPage {
  readonly rows: readonly HappeningRow[]
  readonly next: string | null
}

export interface FoundMessage {
  readonly id: number
  /** At, event, data (JSON); in order. */
  readonly entries: readonly (readonly [at: number, event: string, data: string])[]
}

export type LedgerOps = {
  trace: {
    args: { query: QueryRow; after: string | null; limit: number }
    result: { readonly messages: readonly FoundMessage[]; readonly next: string | null }
  }
  happenings: { args: { query: HappeningsQuery; after: string | null; limit: number }; result: HappeningsPage }
  place: { args: { id: number }; result: { readonly entries: readonly number[]; readonly hash: string | null } }
  summary: { args: null; result: { readonly entries: number; readonly oldest: number | null } }
  /** Once a second: what is over its retention is dropped, a little at a time, and a checkpoint written when it is time. */
  tick: { args: null; result: LedgerNews }
  /** Before an orderly end: a checkpoint. */
  seal: { args: null; result: LedgerNews }
}

/** What the daemon's log should say since the last time. */
export interface LedgerNews {
  readonly checkpoint: PointNews | null
  /** Up to where entries were dropped. */
  readonly pruned: PointNews | null
  /** Why entries cannot be written at the moment; null when they can. */
  readonly trouble: string | null
  /** Numbers of a journal that are missing here: this file is an older copy, or somebody took them out of the spool. */
  readonly gap: JournalGap | null
}

export interface JournalGap {
  readonly source: number
  readonly from: number
  readonly to: number
}

/** What the thread found when it opened the ledger. */
export interface LedgerReady {
  readonly head: PointNews
  /** Entries do not fit together at the end; in words. */
  readonly mismatch: string | null
  /** A damaged file was set aside and a new chain begun. */
  readonly replaced: Replaced | null
}

export interface Replaced {
  /** Where the damaged file lies now. */
  readonly file: string
  readonly why: string
  /** The end of its chain, where that could still be read. */
  readonly head: { readonly entry: number; readonly count: number; readonly hash: string } | null
}

export interface LedgerData {
  readonly settings: LedgerSettings
  readonly now: number
  readonly path: string
  readonly lockPath: string
}
