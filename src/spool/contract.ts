import type { Content } from '../mail/content.ts'
import type { Envelope, Recipient } from '../mail/envelope.ts'
import type { QueueId } from '../mail/queue-id.ts'
import type { Reply } from '../mail/reply.ts'

/**
 * The contract of the spool, the only owner of every message between its 250 and its end.
 * Asynchronous throughout, so that SQLite can be replaced by a database that many nodes share.
 * Every promise rejects with SpoolUnavailable when the store cannot be written; a caller that has
 * a client waiting answers 452 or 451 to it, never 250.
 */
export interface Spool {
  /** Whether new mail may come in, known without waiting: asked before each MAIL and DATA. */
  room(): SpoolRoom
  /** A name for a message before it is put, so that its trace field can carry it. One that is never used is simply skipped. */
  newId(): QueueId
  /** Opens a place for the content of one message while it arrives. */
  receive(): ContentWriter
  /**
   * Stores a message and what is to become of each recipient in one commit, and resolves only
   * when that commit and the content are on stable storage. `plans[i]` belongs to
   * `message.envelope.rcptTo[i]`. Content from `receive()` is adopted; other content is copied.
   */
  put(message: NewMessage, plans: readonly DeliveryPlan[]): Promise<Stored>
  /**
   * Leases due recipients, fair between destinations. A lease lapses back to `pending` at its
   * deadline unless settled. Never gives a destination that is blocked, nor more than
   * `perDestination` messages of one.
   */
  lease(want: LeaseRequest): Promise<Lease[]>
  /** Extends leases that are still being worked on. A lease that has lapsed is not revived. */
  renew(leases: readonly { queueId: QueueId; indexes: readonly number[] }[], leasedUntil: number): Promise<void>
  /**
   * Writes what became of recipients, each with what must be stored with it (bounces, delay
   * notices), in one commit. Content goes with its last unsettled recipient. An outcome for a
   * recipient that is already final, or no longer exists, is ignored: settling twice is harmless.
   */
  settle(outcomes: readonly Outcome[]): Promise<void>
  /** Stops attempts to a destination until a time, as one, without touching its messages. */
  block(destination: string, until: number, reason: BlockReason): Promise<void>
  /** Lets a destination be attempted again at once, and forgets its failures. */
  unblock(destination: string): Promise<void>
  /** Recipients that are due for a bounce because their message was received before `receivedBefore`, and none that is still to be tried after a release. */
  expired(receivedBefore: number, limit: number): Promise<Lease[]>
  /** Recipients for whom a delay notice is due and was neither sent nor waived; leased until settled with `noticed`. */
  undelayed(receivedBefore: number, limit: number): Promise<Lease[]>
  /** Held recipients whose deadline has passed, leased so that its action can be carried out. */
  overdueHolds(limit: number): Promise<{ lease: Lease; hold: Hold }[]>
  /** When something will next be due and its destination not be blocked; null if nothing waits. May be too early, never too late, but for leases that lapse. */
  nextDue(): Promise<number | null>
  /**
   * Actions of operators, on all that the filter selects, in steps: what is put meanwhile may be
   * missed. Each is journalled with who did it. Leased recipients are left alone and counted in
   * `busy`: what is being sent cannot be stopped any more. An empty `queueIds` selects nothing.
   */
  act(action: OperatorAction, filter: QueueFilter, by: string): Promise<{ changed: number; busy: number }>
  /**
   * Pages through the queue, oldest first, without holding up the writer. The look at a long queue is
   * bounded in time: a page may be short, even empty, and still have a `next`.
   */
  list(filter: QueueFilter, page: { after: string | null; limit: number }): Promise<QueuePage>
  /** Everything known about one message, or null if it is not (any longer) in the spool. */
  show(queueId: QueueId): Promise<QueueEntry | null>
  /** The content of a message in the spool, for operators that may see it; null if it is gone. */
  content(queueId: QueueId): Promise<Content | null>
  /** Counts by state and destination, for metrics and `postern status`. Cheap: kept up to date, not counted. */
  summary(): Promise<SpoolSummary>
  /** Rows that could not be understood and were set aside. */
  damaged(): Promise<readonly { queueId: string; found: string }[]>
  /** Finishes what is queued, then closes. Afterwards everything rejects. */
  close(): Promise<void>
}

/** `open`: takes mail. `full`: the disk is below its reserve. `broken`: the store does not answer. */
export type SpoolRoom = 'open' | 'full' | 'broken'

export class SpoolUnavailable extends Error {
  override readonly name = 'SpoolUnavailable'
  /** Nothing will be written again before a restart: it is no use to try. */
  readonly isGone: boolean

  constructor(message: string, { isGone = false, ...options }: ErrorOptions & { readonly isGone?: boolean } = {}) {
    super(message, options)
    this.isGone = isGone
  }
}

/** Takes the bytes of one message as they arrive: in memory up to the spool's threshold, then in a file. */
export interface ContentWriter {
  readonly size: number
  /** True if more may follow at once; otherwise wait for the promise (backpressure of the disk). Throws or rejects with SpoolUnavailable. The chunk is not kept: it may be reused after the call returns. */
  write(chunk: Buffer): true | Promise<void>
  /** All bytes are here; `plainLines` as Content has it. The content is readable until `put` adopted it and its message is gone, or `discard()`. */
  finish(plainLines?: boolean): Promise<Content>
  /** Gives up what was written. Harmless after `put`. */
  discard(): Promise<void>
}

export interface NewMessage {
  /** From `newId()`, for this message only; left out, `put` gives it one. */
  readonly queueId?: QueueId
  readonly envelope: Envelope
  /** Header bytes to stand before the content: the Received field and what the chain added. CRLF-ended fields. */
  readonly prefix: Buffer
  readonly content: Content
  /** Milliseconds since 1970. */
  readonly receivedAt: number
  /** The name of the client it came from (a key of `clients`), `*` for the outside world, `postern` for our own notifications. */
  readonly client: string
  /** From the message's header, bounded to 998 octets; null if it has none. For the trace only. */
  readonly messageId: string | null
  /** Facts for the record, stored as JSON with the journal's `received` entry: address, HELO, TLS. */
  readonly facts: Readonly<Record<string, unknown>>
}

/** What is to become of one recipient. */
export type DeliveryPlan =
  /** `destination` is what backs off as one and what fairness is between: the recipient's domain, or a key the router makes. `leaseUntil`: the caller takes the lease itself in the same commit and delivers from memory. */
  | { readonly do: 'deliver'; readonly destination: string; readonly dueAt: number; readonly leaseUntil: number | null }
  | { readonly do: 'hold'; readonly destination: string; readonly hold: Hold }
  | { readonly do: 'discard'; readonly reason: string }

export interface Hold {
  /** Why, in words that an operator reads. */
  readonly reason: string
  /** Who put it there: `plugin:NAME` or `operator:NAME` or `component:NAME`. */
  readonly owner: string
  /** Milliseconds since 1970. */
  readonly until: number
  /** What happens at the deadline. */
  readonly then: 'release' | 'reject' | 'discard'
  /** What the sender may read in the notice of a rejection; left out, only that nobody released it. */
  readonly told?: string
}

/** How long what is released is tried from then on: for what was left of its lifetime when it was held, and so long at least. */
export interface Chance {
  readonly lifetimeMs: number
  readonly atLeastMs: number
}

export interface Stored {
  readonly queueId: QueueId
  /** The leases for plans with `leaseUntil`, one per destination, content in memory where it was. */
  readonly leases: readonly Lease[]
}

export interface LeaseRequest {
  /** Messages at the most. */
  readonly limit: number
  readonly perDestination: number
  readonly leasedUntil: number
  /** Destinations that need nothing now (their slots are full). */
  readonly except: ReadonlySet<string>
  /** Only these, where given: more of a destination that just proved itself alive. */
  readonly only?: readonly string[]
}

/** The right to attempt some recipients of one message that share a destination. */
export interface Lease {
  readonly queueId: QueueId
  readonly destination: string
  readonly receivedAt: number
  readonly client: string
  /** The envelope of the message; `rcptTo` holds only the leased recipients. */
  readonly envelope: Envelope
  /** Index in the original envelope of each leased recipient, in the order of `envelope.rcptTo`. */
  readonly indexes: readonly number[]
  /** Attempts already made, per recipient, likewise. */
  readonly attempts: readonly number[]
  /** The last thing that was said about each recipient, or null. */
  readonly lastReplies: readonly (string | null)[]
  /** Until when it is tried although it is older than its lifetime, likewise; left out where none was released. */
  readonly triedUntil?: readonly (number | null)[]
  /** Content with the prefix in front. */
  readonly content: Content
  readonly leasedUntil: number
}

/** One thing that became of some recipients of one message. */
export interface Outcome {
  readonly queueId: QueueId
  readonly results: readonly RecipientResult[]
  /** Facts for the record, one journal entry for the whole outcome: host, address, TLS version and cipher, times. */
  readonly facts: Readonly<Record<string, unknown>>
  /** Notifications that must be stored in the same commit. */
  readonly notifications: readonly { message: NewMessage; plans: readonly DeliveryPlan[] }[]
  /** Of what was decided without an attempt. Left out, it is the truth of an attempt, and counts whatever happened meanwhile. */
  readonly seen?: Seen
}

/** What stood when somebody decided: unless it stands for every recipient of the outcome, nothing of it counts. */
export interface Seen {
  /** Null: none was held. */
  readonly hold: Hold | null
  /** For what the outcome releases; left out, it has the age that it has. */
  readonly chance?: Chance
}

export interface RecipientResult {
  readonly index: number
  readonly state:
    | { readonly is: 'relayed' | 'delivered' | 'failed' | 'discarded'; readonly reply: Reply | null }
    /** Back to `pending`. `attempted`: whether it counts as an attempt. */
    | { readonly is: 'pending'; readonly dueAt: number; readonly reply: Reply | null; readonly attempted: boolean }
    | { readonly is: 'held'; readonly hold: Hold }
    /** Stays as it was before its lease; its delay notice is done. */
    | { readonly is: 'noticed' }
}

export interface BlockReason {
  /** In words, such as `10.1.2.3:25: connection refused`. */
  readonly text: string
  /** How often in a row. */
  readonly failures: number
}

export type OperatorAction =
  /** Makes recipients due now and unblocks their destinations. */
  | { readonly do: 'retry' }
  | { readonly do: 'hold'; readonly hold: Hold }
  /** Without a chance it has the age that it has. */
  | { readonly do: 'release'; readonly chance?: Chance }
  /** Sends to another destination; null goes back to the recipient's own. */
  | { readonly do: 'reroute'; readonly destination: string | null }
  /** Removes without a notification; journalled. */
  | { readonly do: 'remove' }

export type QueueState = 'pending' | 'leased' | 'held'

/** Selects recipients; every given field must match. */
export interface QueueFilter {
  readonly queueIds?: readonly QueueId[]
  readonly state?: QueueState
  readonly domain?: string
  readonly destination?: string
  readonly client?: string
  /** Case-insensitive, whole address; `<>` is the null reverse-path. */
  readonly sender?: string
  readonly recipient?: string
  /** Received before and after, milliseconds since 1970. */
  readonly before?: number
  readonly after?: number
}

export interface QueuePage {
  readonly entries: readonly QueueEntry[]
  /** Give it back as `after`; null on the last page. */
  readonly next: string | null
}

export interface QueueEntry {
  readonly queueId: QueueId
  readonly receivedAt: number
  readonly client: string
  readonly sender: string
  readonly size: number
  readonly messageId: string | null
  /** Of its envelope. */
  readonly sensitive?: true
  readonly recipients: readonly QueueRecipient[]
}

export interface QueueRecipient {
  readonly index: number
  readonly address: string
  readonly destination: string
  readonly state: QueueState
  /** When it is next attempted: its own due time or its destination's block, whichever is later. Null when held. */
  readonly nextAttemptAt: number | null
  readonly attempts: number
  readonly lastReply: string | null
  /** Why it waits, in words: the hold's reason, the destination's trouble, or the last reply. */
  readonly cause: string | null
  /** Who sees to it: `delivery`, or the hold's owner. Null of a hold that cannot be read. */
  readonly owner: string | null
  /** When its attempt must have ended: until then it is leased. Left out of all that is not. */
  readonly leasedUntil?: number
  /** It was released, and is tried until then at least. Left out of all others. */
  readonly triedUntil?: number
  readonly hold: Hold | null
}

export interface SpoolSummary {
  readonly states: Readonly<Record<QueueState, number>>
  /** Receipt of the oldest message, milliseconds since 1970; null when empty. */
  readonly oldest: number | null
  readonly destinations: readonly {
    readonly destination: string
    readonly pending: number
    readonly leased: number
    readonly blockedUntil: number | null
    readonly reason: string | null
  }[]
  readonly damaged: number
  readonly room: SpoolRoom
  /** Of the disk that holds the spool, bytes. */
  readonly freeBytes: number
}

/**
 * What happened, in commit order, written in the same commit as the change that it tells of.
 * The ledger takes entries and acknowledges them; only then the spool forgets them: so each
 * arrives at least once, and `seq` tells a second arrival from the first.
 */
export interface JournalEntry {
  readonly seq: number
  /** Milliseconds since 1970. */
  readonly at: number
  readonly queueId: QueueId
  readonly event: 'received' | 'attempt' | 'notice' | 'hold' | 'release' | 'reroute' | 'retry' | 'remove' | 'discard'
  /** Affected recipients: index, and the state it has now. Empty when all of the message are meant. */
  readonly recipients: readonly {
    readonly index: number
    readonly address: string
    readonly state: string
    readonly reply?: string
  }[]
  readonly facts: Readonly<Record<string, unknown>>
}

export type { Recipient }
