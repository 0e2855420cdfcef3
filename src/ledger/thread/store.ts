import type { MessagePort } from 'node:worker_threads'
import { type Connection, checkpoint } from '../../db/database.ts'
import type { Store } from '../../db/thread.ts'
import type { LedgerSettings } from '../options.ts'
import type { LedgerOps } from '../wire.ts'
import { Intake } from './intake.ts'
import { Pruner } from './prune.ts'
import { Search } from './search.ts'

/** The ledger's operations on an open database. */
export function openStore(db: Connection, settings: LedgerSettings): Store<LedgerOps> {
  const intake = new Intake(db, settings)
  const search = new Search(db, () => intake.index, settings.searchMs)
  const pruner = new Pruner(db, settings.retentionMs)
  return {
    db,
    ready: null,
    handlers: {
      trace: ({ query, after, limit }) => search.page(query, after, limit),
      summary: () => summary(db),
      tick(_, now) {
        pruner.prune(intake.index, now)
        return null
      },
    },
    // So that a question is answered with all that has arrived
    beforeBegin: () => intake.commit(),
    idle: () => void checkpoint(db),
    control: (message) => intake.connect((message as { port: MessagePort }).port),
    close: () => intake.close(),
  }
}

function summary(db: Connection): LedgerOps['summary']['result'] {
  const sql = 'SELECT ifnull((SELECT max(id) FROM entry) - (SELECT min(id) FROM entry) + 1, 0)'
  const oldest = db.prepare('SELECT at FROM entry ORDER BY id LIMIT 1').pluck().get() as number | undefined
  return { entries: db.prepare(sql).pluck().get() as number, oldest: oldest ?? null }
}
