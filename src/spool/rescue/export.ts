import { createHash } from 'node:crypto'
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { type Connection, openReadOnly } from '../../db/database.ts'
import { formatQueueId } from '../../mail/queue-id.ts'
import { toEnvelope } from '../decode.ts'
import { NOTIFY } from '../wire.ts'
import { contentIn, databaseIn, syncPath } from './folder.ts'
import { RowCheck } from './row-check.ts'

export interface Exported {
  /** Messages written. */
  readonly messages: number
  /** Such that are not as they were stored; written all the same, with what was found in their envelope. */
  readonly damaged: readonly string[]
  /** Asked for, and not there or without content. */
  readonly missing: readonly string[]
}

interface Found {
  readonly id: number
  readonly message: Readonly<Record<string, number | string | null>>
  readonly recipients: readonly Readonly<Record<string, number | string | null>>[]
  readonly prefix: Buffer
  readonly bytes: Buffer | null
  readonly file: string | null
  readonly damaged: string | null
}

const CACHE_BYTES = 32 * 1024 * 1024
const PIECE = 262_144
const STATES = ['pending', 'pending', 'held']

/**
 * Writes messages as `ID.eml`, ready to be sent, with their envelopes beside them as `ID.json`, for nobody
 * else's eyes. Leaves what is there already. `ids` null: all. Changes nothing in the spool.
 */
export function exportSpool(folder: string, to: string, ids: readonly number[] | null): Exported {
  mkdirSync(to, { recursive: true, mode: 0o700 })
  const db = openReadOnly(databaseIn(folder), CACHE_BYTES)
  const missing: string[] = []
  const damaged: string[] = []
  let messages = 0
  try {
    const check = new RowCheck(db, contentIn(folder))
    for (const id of ids ?? allIds(db)) {
      const found = find(db, check, id)
      if (found === null || !writeOne(found, folder, to)) {
        missing.push(formatQueueId(id))
        continue
      }
      messages++
      if (found.damaged !== null) damaged.push(formatQueueId(id))
    }
  } finally {
    db.close()
  }
  syncPath(to)
  return { messages, damaged, missing }
}

const allIds = (db: Connection): number[] =>
  db.prepare('SELECT id FROM message UNION SELECT id FROM damaged ORDER BY 1').pluck().all() as number[]

function find(db: Connection, check: RowCheck, id: number): Found | null {
  const row = db.prepare('SELECT * FROM message WHERE id = ?').get(id) as Found['message'] | undefined
  if (row === undefined) return findAside(db, id)
  return {
    id,
    message: row,
    recipients: db
      .prepare(
        'SELECT r.*, d.name AS destination_name FROM recipient r LEFT JOIN destination d ON d.id = destination WHERE message_id = ?',
      )
      .all(id) as Found['recipients'],
    prefix: row.prefix as unknown as Buffer,
    bytes: (db.prepare('SELECT bytes FROM content WHERE id = ?').pluck().get(id) as Buffer | undefined) ?? null,
    file: (db.prepare('SELECT name FROM content_file WHERE id = ?').pluck().get(id) as string | undefined) ?? null,
    damaged: check.problem(id),
  }
}

function findAside(db: Connection, id: number): Found | null {
  const row = db.prepare('SELECT * FROM damaged WHERE id = ?').get(id) as Record<string, unknown> | undefined
  if (row === undefined) return null
  return {
    id,
    message: JSON.parse(String(row.message ?? 'null')) ?? {},
    recipients: JSON.parse(String(row.recipients ?? '[]')),
    prefix: (row.prefix as Buffer | null) ?? Buffer.alloc(0),
    bytes: row.bytes as Buffer | null,
    file: row.file as string | null,
    damaged: String(row.found),
  }
}

/** False where there is no content. */
function writeOne(found: Found, folder: string, to: string): boolean {
  const path = found.file === null ? null : join(contentIn(folder), found.file)
  if (found.bytes === null && (path === null || !existsSync(path))) return false
  const name = formatQueueId(found.id)
  const target = openSync(join(to, `${name}.eml`), 'wx', 0o600)
  const hash = createHash('sha256')
  let size = 0
  const put = (bytes: Buffer) => {
    hash.update(bytes)
    for (let at = 0; at < bytes.length; ) at += writeSync(target, bytes, at)
    size += bytes.length
  }
  try {
    put(found.prefix)
    if (found.bytes !== null) put(found.bytes)
    else if (path !== null) eachPiece(path, put)
    fsyncSync(target)
  } finally {
    closeSync(target)
  }
  const envelope = { ...envelopeOf(found), size, sha256: hash.digest('hex') }
  writeFileSync(join(to, `${name}.json`), `${JSON.stringify(envelope, null, 2)}\n`, {
    mode: 0o600,
    flag: 'wx',
    flush: true,
  })
  return true
}

function eachPiece(path: string, put: (bytes: Buffer) => void): void {
  const file = openSync(path, 'r')
  const piece = Buffer.alloc(PIECE)
  try {
    for (let read = readSync(file, piece); read > 0; read = readSync(file, piece)) put(piece.subarray(0, read))
  } finally {
    closeSync(file)
  }
}

function envelopeOf({ id, message, recipients, damaged }: Found): object {
  const flags = Number(message.flags ?? 0)
  const { ret, smtputf8, body, requireTls, sensitive } = toEnvelope(null, null, flags, [])
  const at = Number(message.received_at ?? 0)
  return {
    queueId: formatQueueId(id),
    receivedAt: new Date(at).toISOString(),
    client: message.client ?? null,
    mailFrom: message.mail_from ?? '<>',
    envid: message.envid ?? null,
    ret,
    smtputf8,
    body,
    requireTls,
    sensitive: sensitive === true,
    messageId: message.message_id ?? null,
    recipients: recipients.map((r) => ({
      address: r.address,
      orcpt: r.orcpt,
      notify:
        r.notify === null
          ? null
          : Object.entries(NOTIFY).flatMap(([word, bit]) => (Number(r.notify) & bit ? [word] : [])),
      destination: r.destination_name ?? null,
      state: STATES[Number(r.state)] ?? 'unknown',
      attempts: r.attempts,
      lastReply: r.last_reply,
      hold: r.hold === null ? null : r.hold,
    })),
    damaged,
  }
}
