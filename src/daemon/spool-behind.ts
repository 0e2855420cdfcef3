import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from '../config/index.ts'
import { openReadOnly } from '../db/database.ts'
import type { Log } from '../log.ts'
import { hasUnreadTail } from '../spool/rescue/wal.ts'
import { ledgerHas } from './state-places.ts'

const CACHE_BYTES = 1024 * 1024

/**
 * Whether the spool has lost what the ledger was told after it was committed: the end of its log was damaged,
 * which SQLite takes for what a crash tore, or somebody put an older copy in its place. Throws, in words for the
 * operator, where a repair may still find it; else tells it. The number of the ledger's last entry, or null.
 */
export function lookForLoss({ state }: Config, log: Log): number | null {
  const path = join(state.spool, 'spool.db')
  const [source, last] = journalOf(path)
  const has = source === null ? null : ledgerHas(join(state.ledger, 'ledger.db'), source)
  if (has === null || has <= (last ?? 0)) return null
  if (hasUnreadTail(`${path}-wal`)) {
    throw new Error(
      `the spool is damaged: the end of ${path}-wal cannot be read, and the ledger knows of mail in it. Nothing was changed. Run: postern spool check, then: postern spool repair`,
    )
  }
  log.error({ ledger: has, spool: last }, 'the spool is older than the ledger: run postern ledger verify --with-spool')
  return has
}

/** Nulls where it cannot be read: opening it says why. */
function journalOf(path: string): readonly [source: number | null, last: number | null] {
  if (!existsSync(path)) return [null, null]
  try {
    const db = openReadOnly(path, CACHE_BYTES)
    try {
      const sql = "SELECT (SELECT value FROM meta WHERE name = 'source'), (SELECT max(seq) FROM journal)"
      return db.prepare(sql).raw().get() as [number | null, number | null]
    } finally {
      db.close()
    }
  } catch {
    return [null, null]
  }
}
