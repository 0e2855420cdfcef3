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
  readonly blockedUntil: number
  readonly reason: string | null
}

export interface ContentRow {
  readonly size: number
  readonly file: string | null
}

/** `content` has one blob: prefix and bytes, or the prefix alone if a file has the bytes. */
export type ReaderOps = {
  list: { args: ListRow; result: { readonly entries: readonly EntryRow[]; readonly next: number | null } }
  show: { args: number; result: EntryRow | null }
  content: { args: number; result: ContentRow | null }
}

export interface ReaderData {
  readonly path: string
  readonly cacheBytes: number
}
