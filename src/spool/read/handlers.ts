import type { Connection } from '../../db/database.ts'
import { type Handlers, WithBlobs } from '../../db/thread.ts'
import { Scan } from './filter.ts'
import { OverdueLook } from './overdue.ts'
import type { ContentRow, EntryRecipientRow, EntryRow, ListRow, ReaderOps } from './rows.ts'

interface Found extends EntryRecipientRow {
  readonly id: number
  readonly receivedAt: number
  readonly client: string
  readonly sender: string
  readonly size: number
  readonly messageId: string | null
  readonly flags: number
}

// A page is returned after this even if it is not full: looking on takes another call
const BUDGET_MS = 250
const WINDOW = 2000

const COLUMNS = `m.id, m.received_at AS receivedAt, m.client, ifnull(m.mail_from, '<>') AS sender,
  m.size + length(m.prefix) AS size, m.message_id AS messageId, m.flags,
  r.n, r.address, d.name AS destination, r.state, r.due_at AS dueAt, r.attempts, r.last_reply AS lastReply,
  r.hold, r.hold_until AS holdUntil, r.tried_until AS triedUntil, d.blocked_until AS blockedUntil, d.reason`

/** The reader's operations. */
export function readHandlers(db: Connection): Handlers<ReaderOps> {
  const scan = new Scan<Found>(db, COLUMNS, 'LEFT JOIN destination d ON d.id = r.destination')
  const one = { ids: [] as number[], ...NO_FILTER }
  const content = db
    .prepare<
      [number],
      readonly [size: number, sum: number | null, prefix: Buffer, bytes: Buffer | null, file: string | null]
    >(
      `SELECT m.size, m.content_sum, m.prefix, c.bytes, f.name FROM message m
       LEFT JOIN content c ON c.id = m.id LEFT JOIN content_file f ON f.id = m.id WHERE m.id = ?`,
    )
    .raw()
  const overdue = new OverdueLook(db)
  return {
    overdue: (want) => overdue.look(want),
    list: (row) => list(scan, row),
    show: (id) => entries(scan.window({ ...one, ids: [id] }, 0, 1).rows)[0] ?? null,
    content(id) {
      const found = content.get(id)
      if (found === undefined) return null
      const [size, sum, prefix, bytes, file] = found
      const row: ContentRow = { size, sum, file }
      return new WithBlobs(row, [bytes === null ? prefix : Buffer.concat([prefix, bytes])])
    },
  }
}

const NO_FILTER = {
  state: null,
  domain: null,
  destination: null,
  client: null,
  sender: null,
  recipient: null,
  before: null,
  after: null,
}

function list(scan: Scan<Found>, { filter, after, limit }: ListRow): ReaderOps['list']['result'] {
  const end = performance.now() + BUDGET_MS
  const found: EntryRow[] = []
  let next: number | null = after
  do {
    const window: { rows: readonly Found[]; next: number | null } = scan.window(filter, next, WINDOW)
    found.push(...entries(window.rows))
    next = window.next
  } while (next !== null && found.length < limit && performance.now() < end)
  if (found.length <= limit) return { entries: found, next }
  const page = found.slice(0, limit)
  return { entries: page, next: page.at(-1)?.id ?? null }
}

/** Recipients come in the order of their messages. */
function entries(rows: readonly Found[]): EntryRow[] {
  const list: (EntryRow & { recipients: EntryRecipientRow[] })[] = []
  for (const { id, receivedAt, client, sender, size, messageId, flags, ...recipient } of rows) {
    const last = list.at(-1)
    if (last?.id === id) last.recipients.push(recipient)
    else list.push({ id, receivedAt, client, sender, size, messageId, flags, recipients: [recipient] })
  }
  return list
}
