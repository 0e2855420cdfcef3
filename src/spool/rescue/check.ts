import { existsSync } from 'node:fs'
import { type Connection, openReadOnly } from '../../db/database.ts'
import { formatQueueId } from '../../mail/queue-id.ts'
import { contentFiles, contentIn, databaseIn, isInUse } from './folder.ts'
import { RowCheck } from './row-check.ts'
import { findWalDamage } from './wal.ts'

/** One thing that is wrong, in words. */
export interface SpoolProblem {
  /** Null where it is not about one message. */
  readonly queueId: string | null
  readonly text: string
}

export interface SpoolReport {
  readonly ok: boolean
  /** A daemon had the spool meanwhile. */
  readonly running: boolean
  /** Messages that were looked at. */
  readonly messages: number
  /** Content files that no message names, and that are no mail that is just coming in. */
  readonly orphans: number
  readonly problems: readonly SpoolProblem[]
}

const CACHE_BYTES = 32 * 1024 * 1024
const MOST_LINES = 100
const PAGE = 1000

/** Looks at everything in a spool, and changes nothing. A daemon may have it meanwhile. `readFiles`: content files too, not only their sizes. */
export function checkSpool(folder: string, readFiles: boolean): SpoolReport {
  const running = isInUse(folder)
  const path = databaseIn(folder)
  const problems: SpoolProblem[] = []
  const say = (text: string, id: number | null = null) =>
    void problems.push({ queueId: id === null ? null : formatQueueId(id), text })
  const wal = running ? null : findWalDamage(`${path}-wal`)
  if (wal !== null) say(wal)
  if (!existsSync(path)) say(`${path} is gone`)
  let found = { messages: 0, orphans: 0 }
  try {
    if (existsSync(path)) found = lookInto(folder, readFiles, running, say)
  } catch (error) {
    say(`${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`)
  }
  return { ok: problems.length === 0, running, ...found, problems }
}

type Say = (text: string, id?: number | null) => void

function lookInto(folder: string, readFiles: boolean, running: boolean, say: Say) {
  const db = openReadOnly(databaseIn(folder), CACHE_BYTES)
  try {
    for (const line of integrity(db)) say(`the database: ${line}`)
    const aside = db.prepare('SELECT id, found FROM damaged').all() as { id: number; found: string }[]
    for (const { id, found } of aside) say(`set aside as damaged: ${found}`, id)
    const messages = lookAtMessages(db, new RowCheck(db, contentIn(folder), readFiles), say)
    return { messages, orphans: running ? 0 : orphans(db, folder) }
  } finally {
    db.close()
  }
}

function integrity(db: Connection): string[] {
  const lines = db.pragma(`integrity_check(${MOST_LINES})`) as { integrity_check: string }[]
  return lines.map((line) => line.integrity_check.trim()).filter((line) => line !== 'ok')
}

function lookAtMessages(db: Connection, check: RowCheck, say: Say): number {
  const ids = db
    .prepare<[number, number, number], number>(
      `SELECT id FROM (SELECT id FROM message WHERE id > ? UNION SELECT message_id FROM recipient WHERE message_id > ?)
       ORDER BY id LIMIT ?`,
    )
    .pluck()
  let messages = 0
  for (let after = 0; ; ) {
    const page = ids.all(after, after, PAGE)
    for (const id of page) {
      // What went meanwhile is no problem: the second look sees that
      const problem = check.problem(id) === null ? null : check.problem(id)
      if (problem !== null && exists(db, id)) say(problem, id)
    }
    messages += page.length
    const last = page.at(-1)
    if (last === undefined || page.length < PAGE) return messages
    after = last
  }
}

const exists = (db: Connection, id: number): boolean =>
  db
    .prepare('SELECT 1 FROM message WHERE id = ? UNION ALL SELECT 1 FROM recipient WHERE message_id = ? LIMIT 1')
    .get(id, id) !== undefined

function orphans(db: Connection, folder: string): number {
  const known = new Set(
    db.prepare('SELECT name FROM content_file UNION ALL SELECT file FROM damaged WHERE file IS NOT NULL').pluck().all(),
  )
  return contentFiles(folder).filter((name) => !known.has(name)).length
}
