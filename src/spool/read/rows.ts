import type { FilterRow } from '../wire.ts'

/** What travels between the spool's main side and its reader thread. */

export interface ListRow {
  readonly filter: FilterRow
  readonly after: number
  readonly limit: number
}

export interface EntryRow {
  readonly id: number
  readonly receivedAt: number
  readonly client: string
  readonly sender: string
  readonly size: number
  readonly messageId: string | null
  readonly flags: number
  readonly recipients: readonly EntryRecipientRow[]
}

export interface EntryRecipientRow {
  readonly n: number
  readonly address: string
  readonly destination: string
  readonly state: number
  readonly dueAt: number
  readonly attempts: number
  readonly lastReply: string | null
  readonly hold: string | null
  readonly holdUntil: number | null
  readonly triedUntil: number | null
  readonly blockedUntil: number
  readonly reason: string | null
}

export interface ContentRow {
  readonly size: number
  /** Of the content; null where none was stored. */
  readonly sum: number | null
  readonly file: string | null
}

/** What is to be found overdue; milliseconds since 1970. */
export interface OverdueWant {
  readonly now: number
  readonly before: number
  /** Received before this a message should have been returned; its delay notice sent (null: none are). */
  readonly expiredBefore: number
  readonly noticeBefore: number | null
  readonly most: number
}

export interface OverdueRow {
  readonly count: number
  readonly id: number
  readonly destination: string | null
  readonly since: number
}

export interface BacklogRow {
  readonly reason: string
  readonly destinations: number
  readonly recipients: number
  readonly id: number
  readonly destination: string
}

export interface OverdueRows {
  readonly pending: OverdueRow | null
  readonly holds: OverdueRow | null
  readonly expired: OverdueRow | null
  readonly notices: OverdueRow | null
  readonly journal: { readonly entries: number; readonly since: number } | null
  readonly damaged: { readonly count: number; readonly id: number } | null
  readonly backlogs: readonly BacklogRow[]
}

/** `content` has one blob: prefix and bytes, or the prefix alone if a file has the bytes. */
export type ReaderOps = {
  list: { args: ListRow; result: { readonly entries: readonly EntryRow[]; readonly next: number | null } }
  show: { args: number; result: EntryRow | null }
  overdue: { args: OverdueWant; result: OverdueRows }
  content: { args: number; result: ContentRow | null }
}

export interface ReaderData {
  readonly path: string
  readonly cacheBytes: number
}
