import { readdirSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Connection } from '../../db/database.ts'
import type { WriterData } from '../wire.ts'
import { wasAhead } from './clock-back.ts'
import { mayBeNeeded } from './start-check.ts'
import { indexesAgree, type Tally, tally } from './tally.ts'

export interface Recovered {
  /** Content files that no row names. Listed before any mail can come in, so none of them is still arriving. */
  readonly orphans: readonly string[]
  /** Such that may belong to a damaged message: they stay. */
  readonly kept: number
  /** The indexes did not say what the table says, and were made anew. */
  readonly mended: boolean
  /** Messages whose rows make no sense, with what was found. */
  readonly unknown: readonly [number, string][]
  readonly lapsed: number
  /** Recipients that were due so far ahead that the clock must have been wrong; they are due now. */
  readonly brought: number
}

// No schedule waits this long, milliseconds
const FURTHEST_MS = 2 * 86_400_000

/** Brings the spool from wherever the last run ended to where a new one can begin. */
export function recover(db: Connection, { contentPath, now }: WriterData): Recovered {
  return db.transaction(() => {
    const furthest = wasAhead(db, now) ? now : now + FURTHEST_MS
    const found = tally(db, furthest)
    const mended = !indexesAgree(db, found)
    if (mended) db.exec('REINDEX recipient')
    return {
      mended,
      // First: what is understood afterwards is pending or held
      lapsed: found.leased === 0 ? 0 : db.prepare('UPDATE recipient SET state = 0 WHERE state = 1').run().changes,
      brought: bringNearer(db, now, furthest, found),
      unknown: unknownRows(db, found),
      ...orphans(db, contentPath),
    }
  })()
}

/** What was written while the clock was ahead must not wait until the time has come round to it. */
function bringNearer(db: Connection, now: number, furthest: number, { far }: Tally): number {
  db.prepare('UPDATE destination SET blocked_until = 0 WHERE blocked_until > ?').run(furthest)
  if (far === 0) return 0
  return db.prepare('UPDATE recipient SET due_at = ? WHERE state = 0 AND due_at > ?').run(now, furthest).changes
}

function unknownRows(db: Connection, { unknown, nowhere }: Tally): [number, string][] {
  const states = 'SELECT DISTINCT message_id, state FROM recipient WHERE state NOT IN (0, 1, 2)'
  const lost = 'SELECT DISTINCT message_id FROM recipient WHERE destination NOT IN (SELECT id FROM destination)'
  // Both in the order of their keys, side by side
  const alone = 'SELECT id FROM message EXCEPT SELECT message_id FROM recipient ORDER BY 1'
  const rows = (sql: string) => db.prepare(sql).raw().all() as [number, number?][]
  return [
    ...(unknown === 0 ? [] : rows(states)).map(([id, state]): [number, string] => [id, `unknown state ${state}`]),
    ...(nowhere === 0 ? [] : rows(lost)).map(([id]): [number, string] => [id, 'a destination that is not known']),
    ...rows(alone).map(([id]): [number, string] => [id, 'a message without recipients']),
  ]
}

function orphans(db: Connection, folder: string): Pick<Recovered, 'orphans' | 'kept'> {
  const found = contentFiles(folder)
  if (found.length === 0) return { orphans: [], kept: 0 }
  const known = new Set(
    db.prepare('SELECT name FROM content_file UNION ALL SELECT file FROM damaged WHERE file IS NOT NULL').pluck().all(),
  )
  const nameless = found.filter((name) => !known.has(name))
  if (nameless.length > 0 && mayBeNeeded(db, new Set(found))) return { orphans: [], kept: nameless.length }
  return { orphans: nameless, kept: 0 }
}

function contentFiles(folder: string): string[] {
  const days = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory())
  return days.flatMap((day) => {
    const names = readdirSync(join(folder, day.name))
    // A day long past; today's is made again when it is wanted
    if (names.length === 0) rmdirSync(join(folder, day.name))
    return names.map((name) => `${day.name}/${name}`)
  })
}
