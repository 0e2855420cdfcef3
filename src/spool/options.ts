import type { CrashSpec } from '../db/crash.ts'
import type { OnFreed } from '../mail/content.ts'

/** How a spool is kept. Sizes are bytes. */
export interface SpoolOptions {
  /** The folder of the spool, made if missing: `spool.db`, `content/`, `spool.lock`, `spool.ballast`. */
  readonly path: string
  /** Content up to this lies in the database; larger content in a file of its own. Default 64 KiB. */
  readonly contentInRowBytes?: number
  /** With less than this free on its disk, the spool takes no new mail. Default 256 MiB. */
  readonly reserveBytes?: number
  /** Kept aside, so that outcomes can still be written when the disk is full. Default 16 MiB; 0 for none. */
  readonly ballastBytes?: number
  /** How often the free disk space is looked at, milliseconds. Default 1000. */
  readonly checkSpaceMs?: number
  /** For leases that have no time of their own: expired, undelayed and overdue recipients. Milliseconds. Default 10 minutes. */
  readonly housekeepingLeaseMs?: number
  /** Memory for all content that is on its way to files. Default 64 MiB. */
  readonly writeBufferBytes?: number
  /** For content that was just written to files, and is sent from memory while there is room. Default 32 MiB; 0 for none. */
  readonly freshBytes?: number
  /** For all content that is being read from files to be sent, together; each has at least 16 KiB. */
  readonly readBufferBytes?: number
  /** Under load, the least time between two commits, milliseconds: a little more makes them fewer and larger. Default 0. */
  readonly gatherMs?: number
  /** Page cache of the writer. Default 32 MiB. */
  readonly cacheBytes?: number
  /** Size of the log at which it is copied into the database. Default 16 MiB. */
  readonly walBytes?: number
  /** The number of the last journal entry that the ledger has, where that is above the journal's own last. Default 0. */
  readonly journalAfter?: number
  /** For tests of durability: end at a named point of a commit (`commit.before`, `commit.after`, `reply.before`). */
  readonly crash?: CrashSpec
  /** For tests: memory of content that will be used again. */
  readonly freed?: OnFreed
}

type ForTests = 'crash' | 'freed'

export type SpoolSettings = Required<Omit<SpoolOptions, ForTests>> & Pick<SpoolOptions, ForTests>

const MIB = 1024 * 1024

export const SPOOL_DEFAULTS = {
  contentInRowBytes: 65_536,
  reserveBytes: 256 * MIB,
  ballastBytes: 16 * MIB,
  checkSpaceMs: 1000,
  housekeepingLeaseMs: 600_000,
  writeBufferBytes: 64 * MIB,
  freshBytes: 32 * MIB,
  readBufferBytes: 16 * MIB,
  gatherMs: 0,
  cacheBytes: 32 * MIB,
  walBytes: 16 * MIB,
  journalAfter: 0,
} as const satisfies Omit<Required<SpoolOptions>, 'path' | ForTests>

export const settings = (options: SpoolOptions): SpoolSettings => ({ ...SPOOL_DEFAULTS, ...options })
