import { closeSync, existsSync, fsyncSync, openSync, readdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { type Connection, openDatabase } from '../../db/database.ts'
import { FolderInUse, lockFolder } from '../../db/lock.ts'
import { migrations, SPOOL_APPLICATION_ID } from '../thread/schema.ts'

const CACHE_BYTES = 64 * 1024 * 1024
const WAL_BYTES = 64 * 1024 * 1024
const ENDINGS = ['', '-wal', '-shm'] as const

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

/** Moves a database and its log away, under a dated name. The name. */
export function moveAway(path: string, now: number): string {
  const stamp = new Date(now).toISOString().replace(/[-:]|\.\d+/g, '')
  let to = `${path}.damaged-${stamp}`
  for (let n = 2; existsSync(to); n++) to = `${path}.damaged-${stamp}-${n}`
  for (const ending of ENDINGS) if (existsSync(path + ending)) renameSync(path + ending, to + ending)
  return to
}

export function syncPath(path: string): void {
  const file = openSync(path, 'r')
  try {
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}
