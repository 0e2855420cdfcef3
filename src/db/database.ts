import { closeSync, existsSync, fsyncSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import Database from 'better-sqlite3'
import { rewriteLog } from './log-file.ts'
import { type Migration, migrate } from './migrate.ts'

export type Connection = Database.Database

export interface DatabaseOptions {
  /** Path of the file; created if missing, its folder is not. */
  readonly path: string
  /** Marks files of this kind (`PRAGMA application_id`), so that one is never opened in place of another. */
  readonly applicationId: number
  readonly migrations: readonly Migration[]
  /** Page cache, bytes. */
  readonly cacheBytes: number
  /** The log is copied into the database once it has this size, bytes. */
  readonly walBytes: number
}

/** Set only when a file is made. 8 KiB keeps a 10 KiB message on two pages beside its row. */
const PAGE_BYTES = 8192

const BUSY_TIMEOUT_MS = 5000

// The log file is cut back to this many times its usual size after a reader held it open
const WAL_LIMIT_FACTOR = 4

/**
 * Opens a database for its one writer, durable to the last commit (`synchronous=FULL`), and brings
 * it up to date. Throws DatabaseRefused for a file that is not ours, is damaged at its head, or
 * was written by newer code.
 */
export function openDatabase(options: DatabaseOptions): Connection {
  makeFile(options.path)
  rewriteLog(`${options.path}-wal`)
  const db = new Database(options.path)
  try {
    configure(db, options)
    migrate(db, options)
    return db
  } catch (error) {
    db.close()
    throw error
  }
}

/** For its owner's eyes alone; SQLite gives its log the same permissions. The name is on stable storage before anything is in it. */
function makeFile(path: string): void {
  if (existsSync(path)) return
  closeSync(openSync(path, 'a', 0o600))
  const folder = openSync(dirname(path), 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}

function configure(db: Connection, { cacheBytes, walBytes }: DatabaseOptions): void {
  db.pragma(`busy_timeout=${BUSY_TIMEOUT_MS}`)
  db.pragma(`page_size=${PAGE_BYTES}`)
  // Set only when a file is made, as the page size is: space comes back by `shrink`
  db.pragma('auto_vacuum=INCREMENTAL')
  db.pragma('journal_mode=WAL')
  db.pragma('synchronous=FULL')
  db.pragma('foreign_keys=OFF')
  // What was deleted is overwritten only as pages are used again; secure_delete would double the writes
  db.pragma('secure_delete=OFF')
  db.pragma('temp_store=MEMORY')
  db.pragma(`cache_size=-${Math.ceil(cacheBytes / 1024)}`)
  db.pragma(`wal_autocheckpoint=${Math.ceil(walBytes / PAGE_BYTES)}`)
  db.pragma(`journal_size_limit=${walBytes * WAL_LIMIT_FACTOR}`)
}

/** Opens an existing database for reading beside its writer. Sees what is committed when each transaction begins. */
export function openReadOnly(path: string, cacheBytes: number): Connection {
  const db = new Database(path, { readonly: true, fileMustExist: true })
  db.pragma(`busy_timeout=${BUSY_TIMEOUT_MS}`)
  db.pragma('query_only=ON')
  db.pragma(`cache_size=-${Math.ceil(cacheBytes / 1024)}`)
  return db
}

/**
 * Copies the log into the database where nobody is in the way. For idle moments: it syncs both files.
 * SQLite's code if the disk is too full for that or fails, else null: what is in the log is as safe there, and the
 * next one copies all of it again.
 */
export function checkpoint(db: Connection): string | null {
  try {
    db.pragma('wal_checkpoint(PASSIVE)')
    return null
  } catch (error) {
    if (!isOfTheDisk(error)) throw error
    return error.code
  }
}

/** A disk that is full, fails or was made read-only. What was undone may be tried again. */
export const isOfTheDisk = (error: unknown): error is Error & { readonly code: string } =>
  error instanceof Database.SqliteError && /^SQLITE_(FULL|IOERR|READONLY)/.test(error.code)

const SHRINK_PAGES = 64

/**
 * Gives free pages beyond `keepBytes` back to the file system, for as long as `budgetMs` at a time.
 * For idle moments; the file gets shorter at the next checkpoint. True if there is more to do.
 */
export function shrink(db: Connection, keepBytes: number, budgetMs: number): boolean {
  const end = performance.now() + budgetMs
  const keep = Math.ceil(keepBytes / PAGE_BYTES)
  for (;;) {
    const surplus = (db.pragma('freelist_count', { simple: true }) as number) - keep
    if (surplus <= 0) return false
    if (performance.now() > end) return true
    db.pragma(`incremental_vacuum(${Math.min(SHRINK_PAGES, surplus)})`)
  }
}
