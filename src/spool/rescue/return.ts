import { statSync } from 'node:fs'
import { join } from 'node:path'
import type { Connection } from '../../db/database.ts'
import { formatQueueId } from '../../mail/queue-id.ts'
import { contentSum, type MessageFields, messageSum, recipientSum } from '../checksum.ts'
import { isHold } from '../decode.ts'
import { entryData } from '../thread/journal.ts'
import { HELD, PENDING, type StoredHold } from '../wire.ts'
import { contentIn, databaseIn, openForChange, whileStopped } from './folder.ts'
import { fileSum, RowCheck } from './row-check.ts'

export interface ReturnRequest {
  readonly folder: string
  /** Null for all. */
  readonly ids: readonly number[] | null
  /** Also what is still not as it was stored: a person has looked at it. */
  readonly asItIs: boolean
  readonly by: string
  readonly now: number
}

export interface Returned {
  readonly queueId: string
  /** Why it stays where it is; null: it waits in the queue again. */
  readonly stays: string | null
}

interface Aside {
  readonly id: number
  readonly message: string | null
  readonly recipients: string | null
  readonly prefix: Buffer | null
  readonly bytes: Buffer | null
  readonly file: string | null
}

type Fields = Readonly<Record<string, number | string | null>>

/** Puts messages that were set aside as damaged back into the queue. Throws FolderInUse while a daemon runs. */
export function returnDamaged(request: ReturnRequest): Returned[] {
  return whileStopped(request.folder, () => {
    const db = openForChange(databaseIn(request.folder))
    try {
      const rows = db.prepare<[], Aside>('SELECT * FROM damaged ORDER BY id').all()
      const wanted = request.ids === null ? rows : rows.filter(({ id }) => request.ids?.includes(id))
      const missing = (request.ids ?? []).filter((id) => !rows.some((row) => row.id === id))
      return [
        ...wanted.map((row) => ({ queueId: formatQueueId(row.id), stays: putBack(db, row, request) })),
        ...missing.map((id) => ({ queueId: formatQueueId(id), stays: 'it is not among what was set aside' })),
      ]
    } finally {
      db.close()
    }
  })
}

class Stays extends Error {}

function putBack(db: Connection, row: Aside, request: ReturnRequest): string | null {
  try {
    db.transaction(() => {
      insert(db, row, request)
      const problem = new RowCheck(db, contentIn(request.folder)).problem(row.id)
      if (problem !== null) throw new Stays(problem)
      db.prepare('DELETE FROM damaged WHERE id = ?').run(row.id)
    })()
    return null
  } catch (error) {
    if (error instanceof Stays) return error.message
    throw error
  }
}

function insert(db: Connection, row: Aside, { folder, asItIs, by, now }: ReturnRequest): void {
  const message = parsed(row.message) as Fields | null
  const recipients = (parsed(row.recipients) ?? []) as Fields[]
  if (message === null || row.prefix === null) throw new Stays('its envelope is lost')
  if (recipients.length === 0) throw new Stays('its recipients are lost')
  if (row.bytes === null && row.file === null) throw new Stays('its content is lost')
  const path = row.file === null ? null : join(contentIn(folder), row.file)
  if (path !== null && statSync(path, { throwIfNoEntry: false }) === undefined) throw new Stays('its content is lost')
  db.prepare('INSERT INTO message VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)').run(
    ...(asItIs ? summed(row, message, row.prefix, path) : stored(row, message, row.prefix)),
  )
  if (row.bytes !== null) db.prepare('INSERT INTO content VALUES (?, ?)').run(row.id, row.bytes)
  else db.prepare('INSERT INTO content_file VALUES (?, ?)').run(row.id, row.file)
  for (const recipient of recipients) insertRecipient(db, row.id, recipient, { asItIs, now })
  const { release = [], hold = [] } = Object.groupBy(recipients, (each) => (isHeld(each) ? 'hold' : 'release'))
  tell(db, row.id, 'release', release, { by, now })
  tell(db, row.id, 'hold', hold, { by, now })
}

/** What is put back is released, or held on: a record that calls a quarantine released would not be true. */
function tell(
  db: Connection,
  id: number,
  event: 'release' | 'hold',
  recipients: readonly Fields[],
  { by, now }: Pick<ReturnRequest, 'by' | 'now'>,
): void {
  if (recipients.length === 0) return
  const state = event === 'hold' ? 'held' : 'pending'
  const entries = recipients.map(({ n, address }) => ({ index: Number(n), address: String(address), state }))
  const [first] = event === 'hold' ? recipients : []
  const why =
    first === undefined ? {} : { hold: { ...JSON.parse(holdOf(first)), told: undefined, until: untilOf(first, now) } }
  const data = entryData(entries, JSON.stringify({ by, returned: true, ...why }))
  const sql = 'INSERT INTO journal SELECT ifnull(max(seq), 0) + 1, ?, ?, ?, ? FROM journal'
  db.prepare(sql).run(now, id, event, data)
}

function parsed(text: string | null): unknown {
  try {
    return text === null ? null : JSON.parse(text)
  } catch {
    return null
  }
}

const fieldsOf = (id: number, m: Fields) =>
  [id, m.received_at, m.client, m.mail_from, m.envid, m.flags, m.size, m.message_id] as const

const stored = (row: Aside, m: Fields, prefix: Buffer): unknown[] => [
  ...fieldsOf(row.id, m),
  prefix,
  m.content_sum ?? null,
  m.sum ?? null,
]

function summed(row: Aside, m: Fields, prefix: Buffer, path: string | null): unknown[] {
  const size = path === null ? (row.bytes?.length ?? 0) : statSync(path).size
  const sum = path === null ? contentSum(row.bytes ?? Buffer.alloc(0)) : fileSum(path)
  const fields = fieldsOf(row.id, { ...m, size })
  return [...fields, prefix, sum, messageSum([...fields, sum] as unknown as MessageFields, prefix)]
}

/** Any sign of a hold counts: its state may be what was altered, and a quarantine must not go out for that. */
const isHeld = ({ state, hold, hold_until }: Fields): boolean =>
  state === HELD || (hold ?? null) !== null || (hold_until ?? null) !== null

// Until somebody has decided about a hold whose reason or deadline is lost
const DOUBT_MS = 5 * 86_400_000

const LOST: StoredHold = {
  reason: 'was held, for a reason that is lost: look at it before you release it',
  owner: 'component:return',
  // biome-ignore lint/suspicious/noThenProperty: the spool's word for what happens at the deadline
  then: 'reject',
}

const holdOf = ({ hold }: Fields): string => (isHold(String(hold)) ? String(hold) : JSON.stringify(LOST))

const untilOf = ({ hold_until }: Fields, now: number): number => Number(hold_until ?? now + DOUBT_MS)

/** State, due time and the rest; a hold of which a part is lost waits for a decision. */
function standingOf(r: Fields, now: number): readonly (number | string | null | undefined)[] {
  if (!isHeld(r)) return [PENDING, r.due_at, r.attempts, r.noticed, r.last_reply, null, null]
  return [HELD, r.due_at, r.attempts, r.noticed, r.last_reply, holdOf(r), untilOf(r, now)]
}

function insertRecipient(
  db: Connection,
  id: number,
  r: Fields,
  { asItIs, now }: Pick<ReturnRequest, 'asItIs' | 'now'>,
): void {
  const address = String(r.address)
  const name = String(r.destination_name ?? address.slice(address.lastIndexOf('@') + 1))
  db.prepare('INSERT OR IGNORE INTO destination (name) VALUES (?)').run(name)
  const fields = [id, Number(r.n), address, r.orcpt as string | null, r.notify as number | null, name] as const
  const triedUntil = (r.tried_until ?? null) as number | null
  const sum = asItIs ? recipientSum(fields, triedUntil) : (r.sum ?? null)
  db.prepare(
    `INSERT INTO recipient VALUES (?, ?, ?, ?, ?, (SELECT id FROM destination WHERE name = ?), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  ).run(id, r.n, address, r.orcpt, r.notify, name, r.own, ...standingOf(r, now), sum, r.held_at ?? null, triedUntil)
}
