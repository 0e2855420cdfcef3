import type { Connection, DatabaseOptions } from './database.ts'

/** One numbered step. Once released it is never changed: a later step mends it. */
export interface Migration {
  /** 1, 2, 3 … without gaps. */
  readonly version: number
  readonly up: (db: Connection) => void
}

/** The file cannot be used by this code; nothing was changed. */
export class DatabaseRefused extends Error {
  override readonly name = 'DatabaseRefused'
}

/**
 * Runs every step that the file does not have yet, all in one transaction. Throws DatabaseRefused
 * if the file belongs to something else or to newer code.
 */
export function migrate(db: Connection, { path, applicationId, migrations }: DatabaseOptions): void {
  checkNumbers(migrations)
  db.transaction(() => {
    claim(db, path, applicationId)
    const have = db.pragma('user_version', { simple: true }) as number
    if (have > migrations.length) throw new DatabaseRefused(newer(path, have, migrations.length))
    for (const { version, up } of migrations.slice(have)) {
      up(db)
      db.pragma(`user_version=${version}`)
    }
  }).immediate()
}

function claim(db: Connection, path: string, applicationId: number): void {
  const found = db.pragma('application_id', { simple: true }) as number
  if (found === applicationId) return
  const objects = db.prepare('SELECT count(*) FROM sqlite_schema').pluck().get()
  if (found !== 0 || objects !== 0) throw new DatabaseRefused(`${path} is not a database of this kind`)
  db.pragma(`application_id=${applicationId}`)
}

const newer = (path: string, have: number, known: number): string =>
  `${path} was written by a newer version (its format is ${have}, this version knows up to ${known}); run that version, or move the file away`

function checkNumbers(migrations: readonly Migration[]): void {
  migrations.forEach(({ version }, i) => {
    if (version !== i + 1) throw new RangeError(`migration ${version} stands at place ${i + 1}`)
  })
}
