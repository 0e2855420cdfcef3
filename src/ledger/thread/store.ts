import type { MessagePort } from 'node:worker_threads'
import { crashAt } from '../../db/crash.ts'
import { type Connection, checkpoint } from '../../db/database.ts'
import type { Store } from '../../db/thread.ts'
import { PointSigner } from '../chain/point.ts'
import type { LedgerSettings } from '../options.ts'
import type { LedgerNews, LedgerOps, LedgerReady, Replaced } from '../wire.ts'
import { Chain } from './chain.ts'
import { Happenings } from './happenings.ts'
import { Intake } from './intake.ts'
import { Pruner } from './prune.ts'
import { Search } from './search.ts'

interface OpenFacts {
  readonly now: number
  /** What this ledger takes the place of. */
  readonly replaced: Replaced | null
}

/** The ledger's operations on an open database. Reads what there is at the chain's end, and throws SQLite's error where it cannot. */
export function openStore(db: Connection, settings: LedgerSettings, { now, replaced }: OpenFacts): Store<LedgerOps> {
  const signer = settings.key === null ? null : new PointSigner(settings.key)
  const chain = new Chain(db, { ...settings, signer })
  const intake = new Intake(db, chain, { ...settings, crash: crashAt(settings.crash) })
  const pruner = new Pruner(db, settings.retentionMs, signer)
  if (replaced !== null) intake.note(now, 'break', breakData(replaced))
  return {
    db,
    ready: ready(chain, replaced),
    handlers: { ...questions(db, intake, settings), ...upkeep(chain, intake, pruner) },
    // So that a question is answered with all that has arrived
    beforeBegin: () => intake.commit(),
    rolledBack: () => intake.forget(),
    idle: () => void checkpoint(db),
    control: (message) => intake.connect((message as { port: MessagePort }).port),
    close: () => intake.close(),
  }
}

function questions(db: Connection, intake: Intake, { searchMs }: LedgerSettings) {
  const search = new Search(db, () => intake.index, searchMs)
  const happenings = new Happenings(db, searchMs)
  return {
    trace: ({ query, after, limit }: LedgerOps['trace']['args']) => search.page(query, after, limit),
    happenings: ({ query, after, limit }: LedgerOps['happenings']['args']) => happenings.page(query, after, limit),
    place: ({ id }: LedgerOps['place']['args']) => place(db, id),
    summary: () => summary(db),
  }
}

function upkeep(chain: Chain, intake: Intake, pruner: Pruner) {
  const news = (): LedgerNews => ({
    checkpoint: chain.takeNews(),
    pruned: pruner.takeNews(),
    trouble: intake.trouble,
    gap: intake.takeGap(),
  })
  return {
    tick(_: null, now: number) {
      pruner.prune(intake.index, now)
      chain.checkpointIfDue(now)
      return news()
    },
    seal(_: null, now: number) {
      chain.checkpoint(now)
      return news()
    },
  }
}

const breakData = ({ file, why, head }: Replaced): string =>
  JSON.stringify({ recipients: [], facts: { file, why, head } })

function ready(chain: Chain, replaced: Replaced | null): LedgerReady {
  const { entry, count, hash } = chain.head
  const head = { entry, count, hash: Buffer.from(hash).toString('hex'), signed: false }
  return { head, mismatch: chain.mismatch(), replaced }
}

function place(db: Connection, id: number): LedgerOps['place']['result'] {
  const rows = db
    .prepare<[number], { id: number; hash: Buffer | null }>('SELECT id, hash FROM entry WHERE queue_id = ? ORDER BY id')
    .all(id)
  return { entries: rows.map((row) => row.id), hash: rows.at(-1)?.hash?.toString('hex') ?? null }
}

function summary(db: Connection): LedgerOps['summary']['result'] {
  const sql = 'SELECT ifnull((SELECT max(id) FROM entry) - (SELECT min(id) FROM entry) + 1, 0)'
  const oldest = db.prepare('SELECT at FROM entry ORDER BY id LIMIT 1').pluck().get() as number | undefined
  return { entries: db.prepare(sql).pluck().get() as number, oldest: oldest ?? null }
}
