import type { CrashSpec } from '../db/crash.ts'

/** How a ledger is kept. */
export interface LedgerOptions {
  /** The folder of the ledger, made if missing: `ledger.db`, `ledger.lock`. */
  readonly path: string
  /** Entries older than this are dropped. Default 90 days. */
  readonly retentionMs?: number
  /** Entries are gathered this long before they are committed together. Default 100 ms. */
  readonly gatherMs?: number
  /** … or until there are this many. Default 4096. */
  readonly gatherEntries?: number
  /** Messages whose search keys are kept in memory before they are written as one sorted segment. Default 16384. */
  readonly segmentMessages?: number
  /** A search gives what it has found after this. Default 300 ms. */
  readonly searchMs?: number
  /** Page cache, bytes. Default 16 MiB. */
  readonly cacheBytes?: number
  /** A checkpoint of the chain is written after so many entries. Default 8192. */
  readonly checkpointEntries?: number
  /** … or this long after the last, if there is anything new. Default 15 minutes. */
  readonly checkpointMs?: number
  /** A private Ed25519 key in PEM that checkpoints are signed with. Default: they are not signed. */
  readonly key?: string | null
  /** For tests of durability: end at `ledger.commit.before` or `ledger.commit.after`. */
  readonly crash?: CrashSpec | null
}

export type LedgerSettings = Required<LedgerOptions>

const DAY_MS = 86_400_000
const MIB = 1024 * 1024

export const LEDGER_DEFAULTS = {
  retentionMs: 90 * DAY_MS,
  gatherMs: 100,
  gatherEntries: 4096,
  segmentMessages: 16_384,
  searchMs: 300,
  cacheBytes: 16 * MIB,
  checkpointEntries: 8192,
  checkpointMs: 15 * 60_000,
  key: null,
  crash: null,
} as const satisfies Omit<LedgerSettings, 'path'>

export const settings = (options: LedgerOptions): LedgerSettings => ({ ...LEDGER_DEFAULTS, ...options })
