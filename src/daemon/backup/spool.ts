import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { openReadOnly } from '../../db/database.ts'
import { openForChange } from '../../spool/rescue/folder.ts'
import { copyDatabase, copyFile, filesOf } from './files.ts'
import { BackupRefused } from './report.ts'

const CACHE_BYTES = 8 * 1024 * 1024

/**
 * Content first, for what is delivered meanwhile is removed; then the rows of one moment; then the content that
 * came between. A row whose content has gone by then is of a message that came to its end.
 * Gives how many messages there are.
 */
export function copySpool(from: string, to: string): number {
  mkdirSync(join(to, 'content'), { recursive: true, mode: 0o700 })
  const source = join(from, 'spool.db')
  if (!existsSync(source)) throw new BackupRefused(`there is no spool ${source}`)
  copyContent(from, to, contentNames(source))
  copyDatabase(source, join(to, 'spool.db'))
  const db = openForChange(join(to, 'spool.db'))
  try {
    const named = contentNames(join(to, 'spool.db'))
    copyContent(
      from,
      to,
      named.filter((name) => !existsSync(join(to, 'content', name))),
    )
    const waits = new Set(contentNames(source))
    const gone = named.filter((name) => !existsSync(join(to, 'content', name)) && !waits.has(name))
    db.transaction(() => {
      for (const name of gone) forget(db, name)
    })()
    const kept = new Set(named)
    for (const path of filesOf(join(to, 'content'))) if (!kept.has(relative(join(to, 'content'), path))) rmSync(path)
    return db.prepare('SELECT count(*) FROM message').pluck().get() as number
  } finally {
    db.pragma('wal_checkpoint(TRUNCATE)')
    db.close()
  }
}

function forget(db: ReturnType<typeof openForChange>, name: string): void {
  const id = db.prepare('DELETE FROM content_file WHERE name = ? RETURNING id').pluck().get(name)
  db.prepare('DELETE FROM message WHERE id = ?').run(id)
  db.prepare('DELETE FROM recipient WHERE message_id = ?').run(id)
}

function contentNames(path: string): string[] {
  const db = openReadOnly(path, CACHE_BYTES)
  try {
    const sql = 'SELECT name FROM content_file UNION SELECT file FROM damaged WHERE file IS NOT NULL'
    return db.prepare(sql).pluck().all() as string[]
  } finally {
    db.close()
  }
}

function copyContent(from: string, to: string, names: readonly string[]): void {
  for (const name of names) {
    const target = join(to, 'content', name)
    mkdirSync(dirname(target), { recursive: true, mode: 0o700 })
    try {
      copyFile(join(from, 'content', name), target)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }
}
