import { existsSync, renameSync } from 'node:fs'
import Database from 'better-sqlite3'
import type { Replaced } from '../wire.ts'

const ENDINGS = ['', '-wal', '-shm'] as const
// A full disk, a missing permission or another process pass; what SQLite says otherwise is about the bytes in the file
const PASSING = /^SQLITE_(FULL|IOERR|BUSY|LOCKED|CANTOPEN|READONLY|PERM|NOMEM|INTERRUPT|AUTH|MISUSE)/

/** Whether an error says that the file itself is damaged. */
export const isDamage = (error: unknown): error is Error =>
  error instanceof Database.SqliteError && !PASSING.test(error.code)

/**
 * Moves a damaged ledger out of the way under a dated name, with its log, changed in nothing. Gives
 * what a new chain should say of it.
 */
export function setAside(path: string, why: string, now: number): Replaced {
  const head = readHead(path)
  const stamp = new Date(now).toISOString().replace(/[-:]|\.\d+/g, '')
  let file = `${path}.damaged-${stamp}`
  for (let n = 2; existsSync(file); n++) file = `${path}.damaged-${stamp}-${n}`
  for (const ending of ENDINGS) if (existsSync(path + ending)) renameSync(path + ending, file + ending)
  return { file, why, head }
}

function readHead(path: string): Replaced['head'] {
  try {
    const db = new Database(path, { readonly: true })
    try {
      const sql = "SELECT entry, count, lower(hex(hash)) AS hash FROM chain WHERE name = 'head'"
      return (db.prepare(sql).get() as Replaced['head'] | undefined) ?? null
    } finally {
      db.close()
    }
  } catch {
    return null
  }
}
