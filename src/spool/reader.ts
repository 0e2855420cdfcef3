import { startThread, type ThreadClient } from '../db/client.ts'
import type { Content } from '../mail/content.ts'
import { formatQueueId, parseQueueId, type QueueId } from '../mail/queue-id.ts'
import type { Whole } from './content/file.ts'
import type { Hold, QueueEntry, QueueFilter, QueuePage, QueueRecipient, QueueState } from './contract.ts'
import { isSensitive, toContent, toHold } from './decode.ts'
import { filterRow, idOf } from './encode.ts'
import type { EntryRecipientRow, EntryRow, OverdueRows, OverdueWant, ReaderData, ReaderOps } from './read/rows.ts'
import { HELD } from './wire.ts'

type Client = ThreadClient<ReaderOps>

const NOTHING = Buffer.alloc(0)
const STATES: readonly QueueState[] = ['pending', 'leased', 'held']
const MAX_PAGE = 10_000

/** Answers operators' questions from a thread of its own, started by the first of them. */
export class QueueReader {
  readonly #data: ReaderData
  readonly #now: () => number
  readonly #read: (file: string, whole: Whole) => Content
  #client: Promise<Client> | null = null

  constructor(data: ReaderData, now: () => number, read: (file: string, whole: Whole) => Content) {
    this.#data = data
    this.#now = now
    this.#read = read
  }

  async list(filter: QueueFilter, page: { after: string | null; limit: number }): Promise<QueuePage> {
    const client = await this.#thread()
    const after = page.after === null ? 0 : (parseQueueId(page.after) ?? 0)
    const limit = Math.max(1, Math.min(page.limit, MAX_PAGE))
    const { entries, next } = await client.call('list', { filter: filterRow(filter), after, limit })
    return {
      entries: entries.map((row) => toEntry(row, this.#now())),
      next: next === null ? null : formatQueueId(next),
    }
  }

  async show(queueId: QueueId): Promise<QueueEntry | null> {
    const row = await (await this.#thread()).call('show', idOf(queueId))
    return row === null ? null : toEntry(row, this.#now())
  }

  async content(queueId: QueueId): Promise<Content | null> {
    const { value, blobs } = await (await this.#thread()).callForBytes('content', idOf(queueId))
    return value === null ? null : toContent(blobs[0] ?? NOTHING, value.file, value, this.#read)
  }

  async overdue(want: OverdueWant): Promise<OverdueRows> {
    return (await this.#thread()).call('overdue', want)
  }

  async close(): Promise<void> {
    const client = await this.#client?.catch(() => null)
    await client?.close()
  }

  #thread(): Promise<Client> {
    if (this.#client === null) {
      this.#client = this.#start()
      this.#client.catch(() => this.#forget())
    }
    return this.#client
  }

  async #start(): Promise<Client> {
    const what = { base: import.meta.url, name: './read/thread', data: this.#data }
    const { client } = await startThread<ReaderOps, null>(what, { now: this.#now, onDeath: () => this.#forget() })
    return client
  }

  /** The next question starts another. */
  #forget(): void {
    this.#client = null
  }
}

const toEntry = ({ id, recipients, flags, ...row }: EntryRow, now: number): QueueEntry => ({
  queueId: formatQueueId(id),
  ...row,
  ...isSensitive(flags),
  recipients: recipients.map((recipient) => toRecipient(recipient, now)),
})

function toRecipient(row: EntryRecipientRow, now: number): QueueRecipient {
  const { n, address, destination, attempts, lastReply, blockedUntil, reason } = row
  const held = row.state === HELD
  const { triedUntil } = row
  const hold = held && row.hold !== null ? readHold(row.hold, row.holdUntil ?? 0) : null
  return {
    index: n,
    address,
    destination,
    state: STATES[row.state] ?? 'held',
    nextAttemptAt: held ? null : Math.max(row.dueAt, blockedUntil),
    attempts,
    lastReply,
    cause: hold?.reason ?? (blockedUntil > now ? reason : null) ?? lastReply,
    owner: hold?.owner ?? (held ? null : 'delivery'),
    ...(!held && triedUntil !== null && { triedUntil }),
    hold,
  }
}

/** A hold that cannot be read must not keep the rest of a list from being shown; its deadline's action sets it aside. */
function readHold(text: string, until: number): Hold | null {
  try {
    return toHold(text, until)
  } catch {
    return null
  }
}
