import { existsSync, readdirSync, statSync } from 'node:fs'
import type { Connection } from '../../db/database.ts'
import { DatabaseRefused } from '../../db/migrate.ts'
import { Pages } from '../rescue/pages.ts'
import { findWalDamage } from '../rescue/wal.ts'
import { FLAG, type WriterData } from '../wire.ts'

/** The spool's files are not what the last run left. Nothing was changed. */
export class SpoolDamaged extends Error {
  override readonly name = 'SpoolDamaged'
  constructor(what: string) {
    super(`the spool is damaged: ${what}. Nothing was changed. Run: postern spool check, then: postern spool repair`)
  }
}

/** A restore was cut short: what a start would find is an empty queue. Nothing was changed. */
class HalfRestored extends Error {
  override readonly name = 'HalfRestored'
  constructor(path: string) {
    super(
      `${path} was not restored to its end. Nothing was changed. Move the state that is there away, then: postern restore`,
    )
  }
}

/** What SQLite itself would pass over in silence. Before it opens the file. Throws SpoolDamaged. */
export function checkFiles({ path, contentPath, ballastPath }: WriterData): void {
  const found = statSync(path, { throwIfNoEntry: false })
  const used = existsSync(ballastPath) || hasContent(contentPath)
  if (found === undefined && existsSync(`${path}.building`)) throw new HalfRestored(path)
  if (found === undefined && existsSync(`${path}.repaired`))
    throw new SpoolDamaged(`${path} is gone, and a repair was cut short`)
  if (found === undefined && used) throw new SpoolDamaged(`${path} is gone, and there is content beside it`)
  if (found?.size === 0 && used) throw new SpoolDamaged(`${path} is empty`)
  if (found !== undefined && found.size > 0) checkLength(path)
  const wal = findWalDamage(`${path}-wal`)
  if (wal !== null) throw new SpoolDamaged(wal)
}

/** SQLite finds out only when it wants one of the pages that are gone, and gives their place away. */
function checkLength(path: string): void {
  const pages = new Pages(path)
  try {
    const cut = pages.cut()
    if (cut > 0) throw new SpoolDamaged(`${path} is cut short: ${cut} pages are gone`)
  } finally {
    pages.close()
  }
}

const hasContent = (folder: string): boolean =>
  existsSync(folder) && readdirSync(folder).some((day) => readdirSync(`${folder}/${day}`).length > 0)

/** Tells an error that speaks of the bytes in the file as what it is; any other comes back as it was. */
export function asDamage(error: unknown, path: string): unknown {
  const { code, name, message } = error as { code?: unknown; name?: unknown; message?: unknown }
  // Another file, or one of newer code: or a head that only looks like it
  if (name === 'DatabaseRefused') {
    return new DatabaseRefused(`${message}. If nobody did either, its head is damaged: postern spool check`)
  }
  const isDamage = typeof code === 'string' && /^SQLITE_(CORRUPT|NOTADB|FORMAT)/.test(code)
  // The schema is read as text: altered, it is wrong in many ways
  return isDamage || code === 'SQLITE_ERROR' ? new SpoolDamaged(`${path}: ${message}`) : error
}

/**
 * SQLite calls it damage too where one read fails while it learns the schema: what is damaged is so at the second
 * look, and nobody is sent to repair a sound spool.
 */
export function lookTwice<T>(look: () => T, path: string): T {
  try {
    return look()
  } catch (error) {
    if (!(asDamage(error, path) instanceof SpoolDamaged)) throw error
  }
  return look()
}

/**
 * Whether content without a row may belong to a message whose row is damaged: then none is removed. Of
 * messages of before the mark `inFile` only what lies in `content_file` is known.
 */
export function mayBeNeeded(db: Connection, files: ReadonlySet<string>): boolean {
  const aside = db.prepare('SELECT 1 FROM damaged LIMIT 1').get()
  const nameless = db
    .prepare(
      `SELECT 1 FROM message WHERE flags & ${FLAG.inFile}
       AND NOT EXISTS (SELECT 1 FROM content_file WHERE id = message.id) LIMIT 1`,
    )
    .get()
  if (aside !== undefined || nameless !== undefined) return true
  const names = db.prepare<[], string>('SELECT name FROM content_file').pluck()
  for (const name of names.iterate()) if (!files.has(name)) return true
  return false
}
