import type { MessagePort } from 'node:worker_threads'
import type { QueueId } from '../mail/queue-id.ts'

/**
 * What happened to each message, kept after the message is gone. Append-only: an entry is written
 * once, from the spool's journal, and leaves only when its retention is over.
 */
export interface Ledger {
  /**
   * A port to hand to a spool (`connectJournal`). Entries that come through it are on stable
   * storage before they are acknowledged, each exactly once.
   */
  connect(): MessagePort
  /** Messages that match, newest first, each with all of its entries. Bounded in time: a page may be short and still have a `next`. */
  trace(query: TraceQuery, page: { after: string | null; limit: number }): Promise<TracePage>
  /** What happened between two times, in the order of the record, and what became of each: a line for each recipient. Bounded likewise. */
  happenings(query: HappeningQuery, page: { after: string | null; limit: number }): Promise<HappeningPage>
  /** Where the entries of a message stand, for receipts. */
  place(queueId: QueueId): Promise<LedgerPlace>
  summary(): Promise<LedgerSummary>
  /** Commits what has arrived, writes a checkpoint, then closes. Afterwards everything rejects. */
  close(): Promise<void>
}

/** Every given field must match. Addresses and domains are compared without case. */
export interface TraceQuery {
  readonly queueId?: QueueId
  /** With its angle brackets, as in the header. */
  readonly messageId?: string
  /** Whole address; `<>` is the null reverse-path. */
  readonly sender?: string
  readonly recipient?: string
  /** Of the sender or of a recipient. */
  readonly domain?: string
  readonly client?: string
  /** Received not before, and before; milliseconds since 1970. */
  readonly from?: number
  readonly to?: number
  /** Where a recipient stands now (the one asked for, if one is): `pending`, `held`, `relayed`, `delivered`, `failed`, `removed`, `discarded`, `damaged`. */
  readonly state?: string
}

export const HAPPENED = [
  'received',
  'held',
  'released',
  'deferred',
  'relayed',
  'delivered',
  'failed',
  'discarded',
  'removed',
  'rerouted',
  'retried',
  'notified',
] as const
export type Happened = (typeof HAPPENED)[number]

/** `from` and `to` mean the time at which it happened; the rest of `message` which messages. */
export interface HappeningQuery {
  readonly what: Happened
  readonly from: number
  readonly to: number
  readonly message?: Omit<TraceQuery, 'from' | 'to'>
}

export interface HappeningPage {
  readonly happenings: readonly Happening[]
  readonly next: string | null
}

/** Something that happened to one recipient, and where it stands now. Times are milliseconds since 1970. */
export interface Happening {
  readonly queueId: QueueId
  readonly receivedAt: number | null
  readonly client: string | null
  readonly sender: string | null
  readonly messageId: string | null
  readonly size: number | null
  readonly recipient: string
  readonly at: number
  /** The journal's name for it. */
  readonly event: string
  readonly reason: string | null
  /** Of a hold, or the operator who did it. */
  readonly owner: string | null
  readonly state: string
  readonly stateAt: number | null
  /** The latest. */
  readonly reply: string | null
  readonly host: string | null
}

export interface TracePage {
  readonly messages: readonly TracedMessage[]
  /** Give it back as `after`; null on the last page. */
  readonly next: string | null
}

export interface TracedMessage {
  readonly queueId: QueueId
  /** Null in these where the entry of its receipt is no longer kept. */
  readonly receivedAt: number | null
  readonly client: string | null
  /** `<>` for the null reverse-path. */
  readonly sender: string | null
  readonly messageId: string | null
  readonly size: number | null
  /** In the order in which they happened. */
  readonly entries: readonly TraceEntry[]
}

/** One thing that happened; the spool's JournalEntry says what the events mean. */
export interface TraceEntry {
  /** Milliseconds since 1970. */
  readonly at: number
  readonly event: string
  readonly recipients: readonly {
    readonly index: number
    readonly address: string
    readonly state: string
    readonly reply?: string
  }[]
  readonly facts: Readonly<Record<string, unknown>>
}

export interface LedgerPlace {
  /** Numbers of the entries, in order; empty where there is no record of the message. */
  readonly entries: readonly number[]
  /** The chain's hash at the last of them, lower-case hex; null where it is from before the chain. */
  readonly hash: string | null
}

export interface LedgerSummary {
  readonly entries: number
  /** Of the oldest entry, milliseconds since 1970; null when empty. */
  readonly oldest: number | null
}

/** The ledger's thread does not answer. The spool keeps the entries meanwhile. */
export class LedgerUnavailable extends Error {
  override readonly name = 'LedgerUnavailable'
}
