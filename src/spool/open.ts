import { join } from 'node:path'
import type { MessagePort } from 'node:worker_threads'
import { type Alarms, noAlarms } from '../alarms.ts'
import type { Clock } from '../clock.ts'
import { startThread, type ThreadClient } from '../db/client.ts'
import { every } from '../db/every.ts'
import { makeFolder } from '../db/folder.ts'
import type { BatchStats } from '../db/protocol.ts'
import type { Log } from '../log.ts'
import type { Metrics } from '../metrics.ts'
import { Contents } from './contents.ts'
import type { Spool } from './contract.ts'
import { type SpoolOptions, type SpoolSettings, settings } from './options.ts'
import type { OverdueLook, OverdueRequest } from './overdue.ts'
import { QueueReader } from './reader.ts'
import { RoomWatch } from './room.ts'
import { SqliteSpool } from './spool.ts'
import { SpoolTeller } from './tell.ts'
import type { WriterData, WriterOps, WriterReady } from './wire.ts'

export interface SpoolSeams {
  readonly log: Log
  readonly metrics: Metrics
  readonly clock: Clock
  readonly alarms?: Alarms
}

/** A spool that is open, and what only the composition root needs. */
export interface OpenSpool extends Spool {
  /**
   * Hands over the port to the ledger's thread, which takes the journal's entries and acknowledges
   * them (`db/outbox.ts`). Until then, and whenever that port closes, entries wait on disk.
   */
  connectJournal(port: MessagePort): void
  /** The machine's clock was set back by `byMs`: nothing may wait so much longer. Rejects where the spool cannot be written. */
  clockWentBack(byMs: number): Promise<number>
  /** What is later than it may be. Bounded in time however long the queue is. */
  look(want: OverdueRequest): Promise<OverdueLook>
  /** Why the store's thread died; resolves at most once. */
  readonly broken: Promise<Error>
}

const TICK_MS = 1000
// Entries that the ledger has not taken: several seconds of a busy relay
const LONG_BACKLOG = 100_000
const IDLE_MS = 200
const READER_CACHE_BYTES = 8 * 1024 * 1024

/**
 * Opens the spool in its folder, recovers everything in it, and starts its threads. Rejects with
 * FolderInUse if another process has it, DatabaseRefused if newer code wrote it.
 */
export async function openSpool(options: SpoolOptions, seams: SpoolSeams): Promise<OpenSpool> {
  const all = settings(options)
  const now = () => seams.clock.now()
  await makeFolder(all.path, 0o700)
  await makeFolder(join(all.path, 'content'), 0o700)
  const teller = new SpoolTeller(seams.log, seams.alarms ?? noAlarms)
  const room = new RoomWatch({
    teller,
    path: all.path,
    reserveBytes: all.reserveBytes,
    everyMs: all.checkSpaceMs,
    clock: seams.clock,
    log: seams.log,
  })
  const death = Promise.withResolvers<Error>()
  const { client, ready } = await startThread<WriterOps, WriterReady>(
    { base: import.meta.url, name: './thread/writer', data: writerData(all, now()) },
    {
      now,
      gatherMs: all.gatherMs,
      onBatch: (stats) => observe(seams.metrics, stats),
      onDeath(error) {
        room.failed(error)
        death.resolve(error)
      },
    },
  )
  const contents = new Contents(all, now, ready.lastId, (error) => room.failed(error))
  teller.opened(ready)
  void contents.remove(ready.orphans).catch((error: unknown) => seams.log.warn({ error }, 'orphan content stays'))
  await room.start()
  const stopTicks = startTicks(client, teller, contents, seams)
  const spool = new SqliteSpool({
    writer: client,
    reader: new QueueReader({ path: databasePath(all), cacheBytes: READER_CACHE_BYTES }, now, contents.read),
    contents,
    room,
    clock: seams.clock,
    lastId: ready.lastId,
    housekeepingLeaseMs: all.housekeepingLeaseMs,
    stop() {
      stopTicks()
      room.stop()
    },
  })
  return Object.assign(spool, {
    connectJournal: (port: MessagePort) => client.control({ journalPort: port }, [port]),
    clockWentBack: (byMs: number) => client.call('clockWentBack', byMs),
    broken: death.promise,
  })
}

const databasePath = ({ path }: SpoolSettings): string => join(path, 'spool.db')

function writerData(all: SpoolSettings, now: number): WriterData {
  return {
    path: databasePath(all),
    lockPath: join(all.path, 'spool.lock'),
    contentPath: join(all.path, 'content'),
    ballastPath: join(all.path, 'spool.ballast'),
    ballastBytes: all.ballastBytes,
    cacheBytes: all.cacheBytes,
    walBytes: all.walBytes,
    idleMs: IDLE_MS,
    journalAfter: all.journalAfter,
    now,
    crash: all.crash ?? null,
  }
}

function observe(metrics: Metrics, { calls, runMs, commitMs }: BatchStats): void {
  metrics.observe('postern_spool_commit_seconds', commitMs / 1000)
  metrics.observe('postern_spool_run_seconds', runMs / 1000)
  metrics.observe('postern_spool_batch_calls', calls)
}

function startTicks(
  client: ThreadClient<WriterOps>,
  teller: SpoolTeller,
  contents: Contents,
  { clock, log }: SpoolSeams,
): () => void {
  const watchBacklog = backlogWatch(log)
  return every(clock, TICK_MS, async () => {
    contents.rest()
    const { backlog, damaged, diskFailure } = await client.call('tick', null)
    watchBacklog(backlog)
    teller.damaged(damaged)
    if (diskFailure !== null) teller.diskFailed(diskFailure)
  })
}

/** Tells when the ledger falls far behind, and when it has caught up: until then the journal grows. */
function backlogWatch(log: Log): (entries: number) => void {
  let behind = false
  return (entries) => {
    const now = entries > (behind ? 0 : LONG_BACKLOG)
    if (now && !behind) log.warn({ entries }, 'the ledger is behind: what happened waits in the spool')
    if (!now && behind) log.info({}, 'the ledger has caught up')
    behind = now
  }
}
