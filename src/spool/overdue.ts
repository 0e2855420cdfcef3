import type { ThreadClient } from '../db/client.ts'
import { formatQueueId, type QueueId } from '../mail/queue-id.ts'
import type { QueueEntry } from './contract.ts'
import { idOf } from './encode.ts'
import type { BacklogRow, OverdueRow, OverdueRows, OverdueWant } from './read/rows.ts'
import type { QueueReader } from './reader.ts'
import type { WriterOps } from './wire.ts'

export type OverdueRequest = OverdueWant

/** Things of one sort that are late. */
export interface OverdueFound {
  /** At most `most`. */
  readonly count: number
  /** The one that is latest. */
  readonly queueId: QueueId
  readonly destination: string | null
  /** When something should have happened to it, milliseconds since 1970. */
  readonly since: number
}

/** What is later than it may be; null: nothing of that sort. */
export interface OverdueLook {
  readonly pending: OverdueFound | null
  readonly leases: OverdueFound | null
  readonly holds: OverdueFound | null
  readonly expired: OverdueFound | null
  readonly notices: OverdueFound | null
  readonly journal: OverdueRows['journal']
  readonly damaged: { readonly count: number; readonly queueId: QueueId } | null
  /** What waits for destinations that are blocked, by the reason. */
  readonly backlogs: readonly (Omit<BacklogRow, 'id'> & { readonly queueId: QueueId })[]
}

interface Threads {
  readonly writer: Pick<ThreadClient<WriterOps>, 'call'>
  readonly reader: Pick<QueueReader, 'overdue'>
}

/** Asks both threads: the rows by their indexes, and the leases, whose ends only the writer knows. */
export async function lookOverdue(want: OverdueRequest, { reader, writer }: Threads): Promise<OverdueLook> {
  const [rows, lapsed] = await Promise.all([
    reader.overdue(want),
    writer.call('lapsed', { before: want.before, most: want.most }),
  ])
  const { journal, damaged, backlogs } = rows
  return {
    pending: found(rows.pending),
    leases: lapsedOf(lapsed),
    holds: found(rows.holds),
    expired: found(rows.expired),
    notices: found(rows.notices),
    journal,
    damaged: damaged === null ? null : { count: damaged.count, queueId: formatQueueId(damaged.id) },
    backlogs: backlogs.map(({ id, ...backlog }) => ({ ...backlog, queueId: formatQueueId(id) })),
  }
}

const found = (row: OverdueRow | null): OverdueFound | null =>
  row === null
    ? null
    : { count: row.count, queueId: formatQueueId(row.id), destination: row.destination, since: row.since }

function lapsedOf(leases: WriterOps['lapsed']['result']): OverdueFound | null {
  const [latest] = [...leases].sort(([, , a], [, , b]) => a - b)
  if (latest === undefined) return null
  const [id, , since] = latest
  return { count: leases.length, queueId: formatQueueId(id), destination: null, since }
}

/** Entries with the ends of their leases, as far as they are known: an attempt may have ended while we asked. */
export async function withLeaseEnds(
  entries: readonly QueueEntry[],
  writer: Threads['writer'],
): Promise<readonly QueueEntry[]> {
  const which = entries.flatMap(({ queueId, recipients }) =>
    recipients.filter(({ state }) => state === 'leased').map(({ index }) => [idOf(queueId), index] as const),
  )
  if (which.length === 0) return entries
  // what is shown must not depend on the writer being well
  const ends = await writer.call('leaseEnds', which).catch(() => [])
  const endOf = new Map(which.map(([id, n], i) => [`${id} ${n}`, ends[i] ?? 0]))
  return entries.map((entry) => ({
    ...entry,
    recipients: entry.recipients.map((recipient) => {
      const leasedUntil = endOf.get(`${idOf(entry.queueId)} ${recipient.index}`) ?? 0
      return leasedUntil > 0 ? { ...recipient, leasedUntil } : recipient
    }),
  }))
}
