import type { Connection } from '../../db/database.ts'
import { dayOf } from '../day.ts'

/** Counts are of use until their reports were sent or given up. */
const COUNTED_DAYS = 5

/** Drops what is older than it is kept. Inside a transaction. */
export function prune(db: Connection, keepMs: number, now: number): null {
  const counted = dayOf(now) - COUNTED_DAYS
  for (const table of ['tls_count', 'dmarc_count', 'dmarc_policy']) {
    db.prepare(`DELETE FROM ${table} WHERE day < ?`).run(counted)
  }
  const kept = now - keepMs
  for (const table of ['outgoing', 'destination', 'overflow']) {
    db.prepare(`DELETE FROM ${table} WHERE day < ?`).run(dayOf(kept))
  }
  for (const table of ['received_tls', 'received_dmarc']) {
    db.prepare(`DELETE FROM ${table} WHERE report IN (SELECT id FROM received WHERE received_at < ?)`).run(kept)
  }
  db.prepare('DELETE FROM received WHERE received_at < ?').run(kept)
  db.prepare('DELETE FROM damaged WHERE at < ?').run(kept)
  return null
}
