import { closeSync, existsSync, fsyncSync, openSync, readdirSync, renameSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { type Connection, openDatabase } from '../../db/database.ts'
import { FolderInUse, lockFolder } from '../../db/lock.ts'
import { migrations, SPOOL_APPLICATION_ID } from '../thread/schema.ts'

const CACHE_BYTES = 64 * 1024 * 1024
const WAL_BYTES = 64 * 1024 * 1024
const LOG_ENDINGS = ['-wal', '-shm'] as const

export const databaseIn = (folder: string): string => join(folder, 'spool.db')
export const contentIn = (folder: string): string => join(folder, 'content')

/** Opens a spool's database for changes, as the writer does. */
export const openForChange = (path: string): Connection =>
  openDatabase({ path, applicationId: SPOOL_APPLICATION_ID, migrations, cacheBytes: CACHE_BYTES, walBytes: WAL_BYTES })

/** Does something to the spool of a daemon that is stopped, and keeps it from starting meanwhile. Throws FolderInUse. */
export function whileStopped<T>(folder: string, work: () => T): T {
  const lock = lockFolder(join(folder, 'spool.lock'))
  try {
    return work()
  } finally {
    lock.close()
  }
}

/** Whether a daemon has the folder now. */
export function isInUse(folder: string): boolean {
  if (!existsSync(join(folder, 'spool.lock'))) return false
  try {
    lockFolder(join(folder, 'spool.lock')).close()
    return false
  } catch (error) {
    // Who may only read cannot try the lock; a daemon may be there
    if (error instanceof FolderInUse) return true
    throw error
  }
}

/** All content files, relative to their folder. */
export function contentFiles(folder: string): string[] {
  const path = contentIn(folder)
  if (!existsSync(path)) return []
  const days = readdirSync(path, { withFileTypes: true }).filter((entry) => entry.isDirectory())
  return days.flatMap((day) => readdirSync(join(path, day.name)).map((name) => `${day.name}/${name}`))
}

/**
 * Moves a database away under a dated name, then its log: a log that stayed behind would be read as that of the next
 * database. Each is on stable storage before the next step. The name.
 */
export function moveAway(path: string, now: number): string {
  const to = awayName(path, now)
  renameSync(path, to)
  syncPath(dirname(path))
  moveLogAway(path, to)
  return to
}

/** A dated name that is not taken. */
export function awayName(path: string, now: number): string {
  const stamp = new Date(now).toISOString().replace(/[-:]|\.\d+/g, '')
  let to = `${path}.damaged-${stamp}`
  for (let n = 2; existsSync(to); n++) to = `${path}.damaged-${stamp}-${n}`
  return to
}

/** The log of a database that was moved to `to`. */
export function moveLogAway(path: string, to: string): void {
  const left = LOG_ENDINGS.filter((ending) => existsSync(path + ending))
  for (const ending of left) renameSync(path + ending, to + ending)
  if (left.length > 0) syncPath(dirname(path))
}

/** Where the database went that was moved away last; null: nowhere. */
export function lastMovedAway(path: string): string | null {
  const moved = readdirSync(dirname(path)).filter((name) => /\.damaged-\d{8}T\d{6}Z(-\d+)?$/.test(name))
  const last = moved
    .filter((name) => name.startsWith(basename(path)))
    .sort()
    .at(-1)
  return last === undefined ? null : join(dirname(path), last)
}

export function syncPath(path: string): void {
  const file = openSync(path, 'r')
  try {
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}
