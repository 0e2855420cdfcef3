import { closeSync, fchmodSync, fchownSync, openSync, type Stats } from 'node:fs'
import Database from 'better-sqlite3'

/** Somebody else is writing, and does not come to an end. */
export class LockTaken extends Error {
  override readonly name = 'LockTaken'
}

const WAIT_MS = 10_000

/**
 * Keeps other writers of a file out, until the function that it returns is called or the process ends,
 * however it ends: the lock is the kernel's, on an empty file beside it, which Node gives only by way of
 * SQLite. The file stays, for taking it away would let two in. `model`: whose it is. Waits up to ten
 * seconds, then throws LockTaken.
 */
export function lockBeside(file: string, model: Stats): () => void {
  const path = `${file}.lock`
  makeFile(path, model)
  const db = new Database(path, { timeout: WAIT_MS })
  try {
    db.pragma('journal_mode=MEMORY')
    db.exec('BEGIN EXCLUSIVE')
    return () => void db.close()
  } catch (error) {
    db.close()
    const busy = error instanceof Database.SqliteError && error.code.startsWith('SQLITE_BUSY')
    if (busy) throw new LockTaken(`another command has been writing ${file} for ${WAIT_MS / 1000} s`)
    throw error
  }
}

function makeFile(path: string, { uid, gid, mode }: Stats): void {
  let handle: number
  try {
    handle = openSync(path, 'wx', 0o600)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return
    throw error
  }
  try {
    if (uid !== process.getuid?.() || gid !== process.getgid?.()) fchownSync(handle, uid, gid)
    fchmodSync(handle, mode & 0o666)
  } finally {
    closeSync(handle)
  }
}
