import type { Connection } from '../../db/database.ts'
import { idTime } from '../../mail/queue-id.ts'
import type { SpoolState } from './state.ts'

/**
 * The machine's clock was set back by `byMs`: what waits, a block, a lease ends as much earlier, so that
 * nothing waits longer than it should have. Inside a transaction. Holds keep their deadlines: people set
 * them by the calendar. Gives how many recipients it moved.
 */
export function clockWentBack(db: Connection, state: SpoolState, byMs: number, now: number): number {
  const { destinations, leases, holdLeases } = state
  const moved = db
    .prepare('UPDATE recipient SET due_at = max(?, due_at - ?) WHERE state = 0 AND due_at > ?')
    .run(now, byMs, now).changes
  for (const each of destinations.all()) {
    const { blockedUntil, failures, reason } = each
    if (blockedUntil > now) destinations.block(each, Math.max(now, blockedUntil - byMs), failures, reason)
    destinations.recheck(each)
  }
  leases.earlier(byMs)
  holdLeases.earlier(byMs)
  return moved
}

// Ids are reserved ten seconds ahead (ids.ts)
const AHEAD_MS = 60_000

/** Whether the spool has seen a later time than this: the clock was set back since, by how much nobody knows. */
export function wasAhead(db: Connection, now: number): boolean {
  const last = db.prepare("SELECT value FROM meta WHERE name = 'last_id'").pluck().get() as number | undefined
  return last !== undefined && idTime(last) > now + AHEAD_MS
}
