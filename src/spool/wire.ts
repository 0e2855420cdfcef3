import type { CrashSpec } from '../db/crash.ts'

/**
 * What travels between the spool's main side and its threads. Tuples and flat lists, because these
 * are cloned for each message; `db/protocol.ts` says why.
 */

/** Codes of `recipient.state`. */
export const PENDING = 0
export const LEASED = 1
export const HELD = 2

/** Bits of `message.flags`. */
export const FLAG = {
  retFull: 1,
  retHeaders: 2,
  smtputf8: 4,
  body8bit: 8,
  requireTls: 16,
  sensitive: 32,
  /** Its content lies in a file. */
  inFile: 64,
} as const

/** Bits of `recipient.notify`. */
export const NOTIFY = { never: 1, success: 2, failure: 4, delay: 8 } as const

/** What is known of a message but its bytes and recipients, in the order of the table's columns. */
export type MessageColumns = readonly [
  id: number,
  receivedAt: number,
  client: string,
  mailFrom: string | null,
  envid: string | null,
  flags: number,
  /** Of the content, without the prefix. */
  size: number,
  messageId: string | null,
]

/** A message to store. Its blobs: the prefix, and the bytes unless `file` has them. */
export type PutRow = readonly [
  ...MessageColumns,
  file: string | null,
  /** PutRecipient after PutRecipient. */
  recipients: readonly PutRecipient[],
  /** The data of the journal's `received` entry, and of its `discard` entry if there is one. */
  received: string,
  discarded: string | null,
  /** Of the file's content; null where the bytes are a blob. */
  fileSum: number | null,
]

export type PutRecipient = readonly [
  n: number,
  address: string,
  orcpt: string | null,
  notify: number | null,
  destination: string,
  state: number,
  dueAt: number,
  leaseUntil: number,
  hold: string | null,
  holdUntil: number | null,
]

/** What became of some recipients of one message. Its blobs are those of its notifications. */
export type SettleRow = readonly [
  id: number,
  results: readonly ResultRow[],
  /** JSON. */
  facts: string,
  notifications: readonly PutRow[],
  /** Left out of what was attempted. */
  seen?: SeenRow,
]

/** What somebody saw who decided without an attempt: the hold, null for none; and what is released gets this. */
export type SeenRow = readonly [hold: string | null, holdUntil: number | null, chance: ChanceRow | null]

export type ChanceRow = readonly [lifetimeMs: number, atLeastMs: number]

export type ResultIs = 'relayed' | 'delivered' | 'failed' | 'discarded' | 'pending' | 'held' | 'noticed'

export type ResultRow = readonly [
  n: number,
  is: ResultIs,
  reply: string | null,
  dueAt: number,
  attempted: boolean,
  hold: string | null,
  holdUntil: number | null,
]

/** A lease on its way out. Its blob: prefix and bytes, or the prefix alone if `file` has the bytes. */
export type LeaseRow = readonly [
  id: number,
  destination: string,
  receivedAt: number,
  client: string,
  mailFrom: string | null,
  envid: string | null,
  flags: number,
  /** Of the content, without the prefix. */
  size: number,
  file: string | null,
  recipients: readonly LeaseRecipient[],
  leasedUntil: number,
  /** Of the content; null where none was stored. */
  contentSum: number | null,
]

export type LeaseRecipient = readonly [
  n: number,
  address: string,
  orcpt: string | null,
  notify: number | null,
  attempts: number,
  lastReply: string | null,
  triedUntil: number | null,
]

export interface LeaseWant {
  readonly limit: number
  readonly perDestination: number
  readonly leasedUntil: number
  readonly except: readonly string[]
  readonly only: readonly string[] | null
}

/** A hold as it lies in `recipient.hold`, JSON; its deadline has a column of its own. */
export interface StoredHold {
  readonly reason: string
  readonly owner: string
  readonly then: 'release' | 'reject' | 'discard'
  readonly told?: string
}

/** A page of changes that an operator's action makes. */
export interface ActRow {
  readonly action: 'retry' | 'hold' | 'release' | 'reroute' | 'remove'
  readonly hold: string | null
  readonly holdUntil: number | null
  readonly chance: ChanceRow | null
  readonly destination: string | null
  readonly filter: FilterRow
  readonly by: string
  /** Messages up to this id are done. */
  readonly after: number
}

export interface ActDone {
  readonly changed: number
  readonly busy: number
  /** Go on after this id; null when all is done. */
  readonly next: number | null
  readonly files: readonly string[]
}

export interface FilterRow {
  readonly ids: readonly number[] | null
  readonly state: number | null
  readonly domain: string | null
  readonly destination: string | null
  readonly client: string | null
  /** `<>` for the null reverse-path. */
  readonly sender: string | null
  readonly recipient: string | null
  readonly before: number | null
  readonly after: number | null
}

export interface SummaryRow {
  readonly pending: number
  readonly leased: number
  readonly held: number
  readonly oldest: number | null
  readonly damaged: number
  readonly destinations: readonly {
    readonly destination: string
    readonly pending: number
    readonly leased: number
    readonly held: number
    readonly blockedUntil: number | null
    readonly reason: string | null
  }[]
}

/** What the writer's thread can do. Lists of names are content files that nothing refers to any more. */
export type WriterOps = {
  put: { args: PutRow; result: null }
  lease: { args: LeaseWant; result: readonly LeaseRow[] }
  renew: { args: { leases: readonly (readonly [id: number, ...n: number[]])[]; until: number }; result: null }
  settle: { args: readonly SettleRow[]; result: readonly string[] }
  block: { args: { destination: string; until: number; reason: string; failures: number }; result: null }
  unblock: { args: string; result: null }
  expired: { args: { before: number; limit: number; until: number }; result: readonly LeaseRow[] }
  undelayed: { args: { before: number; limit: number; until: number }; result: readonly LeaseRow[] }
  overdue: {
    args: { limit: number; until: number }
    result: readonly (readonly [lease: LeaseRow, hold: string, holdUntil: number])[]
  }
  nextDue: { args: null; result: number | null }
  act: { args: ActRow; result: ActDone }
  summary: { args: null; result: SummaryRow }
  damaged: { args: null; result: readonly { id: number; found: string }[] }
  /** When leases lapse, 0 where there is none (any longer). */
  leaseEnds: { args: readonly (readonly [id: number, n: number])[]; result: readonly number[] }
  /** Leases that should have lapsed before. */
  lapsed: {
    args: { before: number; most: number }
    result: readonly (readonly [id: number, n: number, until: number])[]
  }
  /** The machine's clock was set back by so much. The result: recipients that wait less long now. */
  clockWentBack: { args: number; result: number }
  /** The content was read and is not what was stored. */
  setAside: { args: { id: number; found: string }; result: null }
  /**
   * Once a second: leases lapse, destinations that nobody needs are forgotten. `backlog`: journal entries that
   * the ledger has not taken. `damaged`: found since the last tick. `diskFailure`: SQLite's code of a call to the
   * disk that failed since then, though nobody else was told.
   */
  tick: {
    args: null
    result: {
      readonly backlog: number
      readonly damaged: readonly { id: number; found: string }[]
      readonly diskFailure: string | null
    }
  }
}

export interface WriterData {
  readonly path: string
  readonly lockPath: string
  readonly contentPath: string
  readonly ballastPath: string
  readonly ballastBytes: number
  readonly cacheBytes: number
  readonly walBytes: number
  readonly idleMs: number
  readonly journalAfter: number
  readonly now: number
  readonly crash: CrashSpec | null
}

export interface WriterReady {
  /** Ids start above this. */
  readonly lastId: number
  /** Content files without a row, relative to the content folder. */
  readonly orphans: readonly string[]
  /** Content files that no row names, but that may belong to a damaged message: they stay. */
  readonly kept: number
  readonly mended: boolean
  readonly damaged: readonly { id: number; found: string }[]
  /** Leases of the last run that went back to pending. */
  readonly lapsed: number
}
