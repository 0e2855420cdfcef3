import Database from 'better-sqlite3'
import type { Connection } from './database.ts'

/** Another process uses the folder. */
export class FolderInUse extends Error {
  override readonly name = 'FolderInUse'
}

/**
 * Takes a folder for this process alone, by a lock that the kernel releases however the process
 * ends. Keep the result, and close it to give the folder up. Throws FolderInUse.
 */
export function lockFolder(path: string): Connection {
  const db = new Database(path, { timeout: 0 })
  try {
    db.pragma('journal_mode=MEMORY')
    db.exec('BEGIN EXCLUSIVE')
    return db
  } catch (error) {
    db.close()
    if (isBusy(error)) throw new FolderInUse(`another process holds ${path}`)
    throw error
  }
}

const isBusy = (error: unknown): boolean =>
  error instanceof Database.SqliteError && error.code.startsWith('SQLITE_BUSY')
