import { type Connection, checkpoint, shrink } from '../../db/database.ts'
import type { Store } from '../../db/thread.ts'
import type { Ingested } from '../contract.ts'
import { Damaged } from '../incoming/damaged.ts'
import { findReport } from '../incoming/find.ts'
import type { IngestArgs, ReportOps } from '../wire.ts'
import { Counts } from './counts.ts'
import { Outgoing } from './outgoing.ts'
import { prune } from './prune.ts'
import { Received } from './received.ts'
import { dmarcSummary, tlsSummary } from './summary.ts'

const KEPT_FREE_BYTES = 4 * 1024 * 1024
const SHRINK_MS = 20

/** The operations of the reports' database. What strangers sent is read here, where nobody waits for the thread. */
export function openStore(db: Connection): Store<ReportOps> {
  const counts = new Counts(db)
  const outgoing = new Outgoing(db)
  const received = new Received(db)
  return {
    db,
    ready: null,
    handlers: {
      count: (args) => counts.add(args),
      tlsRows: (args) => counts.tlsRows(args),
      dmarcRows: (args) => counts.dmarcRows(args),
      open: (args, now) => outgoing.open(args, now),
      due: (args, now) => outgoing.due(args, now),
      destination: (args) => outgoing.destination(args),
      settle: (args) => outgoing.settle(args),
      outgoing: (args) => outgoing.overview(args),
      ingest: (args, now, [bytes = Buffer.alloc(0)]) => ingest(received, args, bytes, now),
      list: (args) => received.list(args),
      show: (args) => received.show(args),
      tlsSummary: ({ since }) => tlsSummary(db, since),
      dmarcSummary: ({ since }) => dmarcSummary(db, since),
      prune: ({ keepMs }, now) => prune(db, keepMs, now),
    },
    idle() {
      shrink(db, KEPT_FREE_BYTES, SHRINK_MS)
      checkpoint(db)
    },
    close() {
      checkpoint(db)
      db.close()
    },
  }
}

/** What cannot be read is noted, whatever is wrong with it: it must not come back again and again. */
function ingest(received: Received, args: IngestArgs, bytes: Buffer, now: number): Ingested {
  const found = read(args, bytes)
  if (found instanceof Damaged) return received.damaged(args.kind, found.sender, found.message, now)
  return received.keep(found, args.limits, now)
}

function read(args: IngestArgs, bytes: Buffer) {
  try {
    return findReport(bytes, args)
  } catch (error) {
    if (error instanceof Damaged) return error
    // a fault in a reader must not lead to the same mail again and again
    return new Damaged(`could not be read: ${error instanceof Error ? error.name : 'unknown'}`)
  }
}
