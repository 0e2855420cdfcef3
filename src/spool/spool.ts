import type { Clock } from '../clock.ts'
import { StoreError, type ThreadClient } from '../db/client.ts'
import type { Content } from '../mail/content.ts'
import { formatQueueId, idGenerator, type QueueId } from '../mail/queue-id.ts'
import { unavailable } from './content/file-writer.ts'
import { writerOf } from './content/writer.ts'
import type { Contents, Ready } from './contents.ts'
import type {
  BlockReason,
  ContentWriter,
  DeliveryPlan,
  Hold,
  Lease,
  LeaseRequest,
  NewMessage,
  OperatorAction,
  Outcome,
  QueueEntry,
  QueueFilter,
  QueuePage,
  Spool,
  SpoolRoom,
  SpoolSummary,
  Stored,
} from './contract.ts'
import { toHold, toLease } from './decode.ts'
import { chanceRow, filterRow, holdText, idOf, putRow, settleRow } from './encode.ts'
import { lookOverdue, type OverdueLook, type OverdueRequest, withLeaseEnds } from './overdue.ts'
import { plannedLeases } from './planned.ts'
import type { QueueReader } from './reader.ts'
import type { RoomWatch } from './room.ts'
import type { ActDone, ActRow, LeaseRow, PutRow, WriterOps } from './wire.ts'

/** What a spool is made of. */
export interface SpoolParts {
  readonly writer: ThreadClient<WriterOps>
  readonly reader: QueueReader
  readonly contents: Contents
  readonly room: RoomWatch
  readonly clock: Clock
  readonly lastId: number
  readonly housekeepingLeaseMs: number
  /** Stops what runs beside the calls. */
  readonly stop: () => void
}

interface Prepared {
  readonly row: PutRow
  readonly blobs: readonly Buffer[]
  readonly ready: Ready
}

/** The spool on SQLite: its main side, which holds no state of its own but ids and open content. */
export class SqliteSpool implements Spool {
  readonly #parts: SpoolParts
  readonly #nextId: () => number

  constructor(parts: SpoolParts) {
    this.#parts = parts
    this.#nextId = idGenerator(() => parts.clock.now(), parts.lastId)
  }

  room(): SpoolRoom {
    return this.#parts.room.room
  }

  newId(): QueueId {
    return formatQueueId(this.#nextId())
  }

  receive(): ContentWriter {
    return this.#parts.contents.receive()
  }

  async put(message: NewMessage, plans: readonly DeliveryPlan[]): Promise<Stored> {
    const { row, blobs, ready } = await this.#prepare(message, plans)
    try {
      await this.#parts.writer.call('put', row, blobs)
    } catch (error) {
      await this.#undo([ready], error)
      throw this.#failure(error)
    }
    if (row[9].length === 0) await this.#remove(ready.file === null ? [] : [ready.file.name])
    const queueId = formatQueueId(row[0])
    const leases = plannedLeases(queueId, { ...message, content: ready.content }, plans)
    writerOf(ready.content)?.stored(leases.length)
    return { queueId, leases }
  }

  async lease({ limit, perDestination, leasedUntil, except, only }: LeaseRequest): Promise<Lease[]> {
    const want = {
      limit,
      perDestination,
      leasedUntil,
      except: [...except],
      only: only === undefined ? null : [...only],
    }
    return this.#leases(this.#parts.writer.callForBytes('lease', want))
  }

  async renew(leases: readonly { queueId: QueueId; indexes: readonly number[] }[], leasedUntil: number): Promise<void> {
    const which = leases.map(({ queueId, indexes }) => [idOf(queueId), ...indexes] as const)
    await this.#guard(this.#parts.writer.call('renew', { leases: which, until: leasedUntil }))
  }

  async settle(outcomes: readonly Outcome[]): Promise<void> {
    const prepared = await Promise.all(
      outcomes.map(({ notifications }) =>
        Promise.all(notifications.map(({ message, plans }) => this.#prepare(message, plans))),
      ),
    )
    const rows = outcomes.map((outcome, i) =>
      settleRow(
        outcome,
        (prepared[i] ?? []).map(({ row }) => row),
      ),
    )
    const all = prepared.flat()
    try {
      const blobs = all.flatMap((each) => each.blobs)
      await this.#remove(await this.#parts.writer.call('settle', rows, blobs))
      for (const { ready } of all) writerOf(ready.content)?.stored(0)
    } catch (error) {
      await this.#undo(
        all.map(({ ready }) => ready),
        error,
      )
      throw this.#failure(error)
    }
  }

  async block(destination: string, until: number, { text, failures }: BlockReason): Promise<void> {
    await this.#guard(this.#parts.writer.call('block', { destination, until, reason: text, failures }))
  }

  async unblock(destination: string): Promise<void> {
    await this.#guard(this.#parts.writer.call('unblock', destination))
  }

  async expired(receivedBefore: number, limit: number): Promise<Lease[]> {
    const args = { before: receivedBefore, limit, until: this.#housekeepingUntil() }
    return this.#leases(this.#parts.writer.callForBytes('expired', args))
  }

  async undelayed(receivedBefore: number, limit: number): Promise<Lease[]> {
    const args = { before: receivedBefore, limit, until: this.#housekeepingUntil() }
    return this.#leases(this.#parts.writer.callForBytes('undelayed', args))
  }

  async overdueHolds(limit: number): Promise<{ lease: Lease; hold: Hold }[]> {
    const args = { limit, until: this.#housekeepingUntil() }
    const { value, blobs } = await this.#guard(this.#parts.writer.callForBytes('overdue', args))
    return value.map(([row, hold, holdUntil], i) => ({
      lease: this.#toLease(row, blobs[i]),
      hold: toHold(hold, holdUntil),
    }))
  }

  nextDue(): Promise<number | null> {
    return this.#guard(this.#parts.writer.call('nextDue', null))
  }

  async act(action: OperatorAction, filter: QueueFilter, by: string): Promise<{ changed: number; busy: number }> {
    const hold = action.do === 'hold' ? action.hold : null
    const row: Omit<ActRow, 'after'> = {
      action: action.do,
      hold: hold === null ? null : holdText(hold),
      holdUntil: hold?.until ?? null,
      chance: action.do === 'release' ? chanceRow(action.chance) : null,
      destination: action.do === 'reroute' ? action.destination : null,
      filter: filterRow(filter),
      by,
    }
    const total = { changed: 0, busy: 0 }
    for (let after: number | null = 0; after !== null; ) {
      const done: ActDone = await this.#guard(this.#parts.writer.call('act', { ...row, after }))
      total.changed += done.changed
      total.busy += done.busy
      after = done.next
      await this.#remove(done.files)
    }
    return total
  }

  async list(filter: QueueFilter, page: { after: string | null; limit: number }): Promise<QueuePage> {
    const { entries, next } = await this.#read(this.#parts.reader.list(filter, page))
    return { entries: await withLeaseEnds(entries, this.#parts.writer), next }
  }

  async show(queueId: QueueId): Promise<QueueEntry | null> {
    const found = await this.#read(this.#parts.reader.show(queueId))
    if (found === null) return null
    const [entry] = await withLeaseEnds([found], this.#parts.writer)
    return entry ?? null
  }

  /** What is later than it may be. Bounded in time however long the queue is. */
  look(want: OverdueRequest): Promise<OverdueLook> {
    return this.#read(lookOverdue(want, this.#parts))
  }

  content(queueId: QueueId): Promise<Content | null> {
    return this.#read(this.#parts.reader.content(queueId))
  }

  async summary(): Promise<SpoolSummary> {
    const row = await this.#guard(this.#parts.writer.call('summary', null))
    const { pending, leased, held, oldest, destinations, damaged } = row
    const { room, freeBytes } = this.#parts.room
    return { states: { pending, leased, held }, oldest, destinations, damaged, room, freeBytes }
  }

  async damaged(): Promise<readonly { queueId: string; found: string }[]> {
    const rows = await this.#guard(this.#parts.writer.call('damaged', null))
    return rows.map(({ id, found }) => ({ queueId: formatQueueId(id), found }))
  }

  async close(): Promise<void> {
    this.#parts.stop()
    await this.#parts.reader.close()
    await this.#parts.writer.close()
    await this.#parts.contents.close()
  }

  async #prepare(message: NewMessage, plans: readonly DeliveryPlan[]): Promise<Prepared> {
    if (plans.length !== message.envelope.rcptTo.length) throw new RangeError('a plan for each recipient is needed')
    const preparing = this.#parts.contents.prepare(message.content)
    const ready = preparing instanceof Promise ? await this.#guard(preparing) : preparing
    const id = message.queueId === undefined ? this.#nextId() : idOf(message.queueId)
    const row = putRow(id, message, plans, ready.file)
    return { row, blobs: ready.bytes === null ? [message.prefix] : [message.prefix, ready.bytes], ready }
  }

  async #leases(call: Promise<{ value: readonly LeaseRow[]; blobs: readonly Buffer[] }>): Promise<Lease[]> {
    const { value, blobs } = await this.#guard(call)
    return value.map((row, i) => this.#toLease(row, blobs[i]))
  }

  #toLease(row: LeaseRow, blob: Buffer | undefined): Lease {
    return toLease(row, blob ?? NOTHING, this.#parts.contents.read, (found) => this.#damaged(row[0], found))
  }

  /** What was read is not what was stored: nobody may try again. */
  #damaged(id: number, found: string): void {
    this.#parts.writer.call('setAside', { id, found }).catch(() => {})
  }

  #housekeepingUntil(): number {
    return this.#parts.clock.now() + this.#parts.housekeepingLeaseMs
  }

  /** A thread that died may have committed first: what it was given stays, and the next start sweeps what no row names. */
  async #undo(ready: readonly Ready[], error: unknown): Promise<void> {
    if (error instanceof StoreError && error.code === 'GONE') return
    await Promise.all(ready.map((each) => each.undo()))
  }

  /** What is left over after a failure here is swept at the next start. */
  async #remove(files: readonly string[]): Promise<void> {
    if (files.length > 0) await this.#parts.contents.remove(files).catch(() => {})
  }

  async #guard<T>(work: Promise<T>): Promise<T> {
    try {
      return await work
    } catch (error) {
      throw this.#failure(error)
    }
  }

  /** Reading that fails says nothing about room for mail. */
  async #read<T>(work: Promise<T>): Promise<T> {
    return work.catch((error: unknown) => {
      throw unavailable(error)
    })
  }

  #failure(error: unknown): Error {
    this.#parts.room.failed(error)
    return unavailable(error)
  }
}

const NOTHING = Buffer.alloc(0)
