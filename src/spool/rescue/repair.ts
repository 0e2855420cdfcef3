import { existsSync, renameSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Connection } from '../../db/database.ts'
import { formatQueueId } from '../../mail/queue-id.ts'
import { copyAside } from '../thread/damage.ts'
import { Removal } from '../thread/removal.ts'
import { FLAG, type StoredHold } from '../wire.ts'
import {
  awayName,
  contentFiles,
  contentIn,
  databaseIn,
  lastMovedAway,
  moveAway,
  moveLogAway,
  openForChange,
  syncPath,
  whileStopped,
} from './folder.ts'
import { fileSum, RowCheck } from './row-check.ts'
import { type Salvaged, salvage } from './salvage.ts'

export interface RepairRequest {
  /** The spool's folder. */
  readonly folder: string
  /** Milliseconds since 1970. */
  readonly now: number
  /** Up to which entry the ledger has the journal of the spool with this number; null where it knows none. */
  readonly ledgerHas: (source: number) => number | null
}

export interface RepairReport {
  /** Where the damaged database lies now. */
  readonly movedTo: string
  /** Messages that are good, and wait. */
  readonly messages: number
  /** Messages that are set aside. */
  readonly damaged: readonly { readonly queueId: string; readonly found: string }[]
  /** Content files that were found again without their names. */
  readonly found: number
  /** Recipients that are held because nobody can tell whether they were sent already. */
  readonly held: number
  readonly badRows: number
  /** Pages of the database that are gone: only the ledger knows the messages that lay there alone. */
  readonly cut: number
}

// A day on which people work lies in any three
const DOUBT_MS = 3 * 86_400_000

/**
 * Builds a new database of everything in a damaged one that can be read, and puts it in its place. The
 * old one is kept. Throws FolderInUse while a daemon runs. A repair that was cut short is begun again.
 */
export function repairSpool(request: RepairRequest): RepairReport {
  return whileStopped(request.folder, () => {
    const path = databaseIn(request.folder)
    const repaired = `${path}.repaired`
    if (!existsSync(path) && existsSync(repaired)) return finish(repaired, path, request)
    rmSync(repaired, { force: true })
    const done = build(path, `${path}.building`, request)
    renameSync(`${path}.building`, repaired)
    syncPath(request.folder)
    const movedTo = moveOld(path, request.now)
    renameSync(repaired, path)
    syncPath(request.folder)
    return { ...done, movedTo }
  })
}

/** A log alone is moved too: it is of a database that is gone. Where to; the database's own path where there was none. */
function moveOld(path: string, now: number): string {
  if (existsSync(path)) return moveAway(path, now)
  moveLogAway(path, awayName(path, now))
  return path
}

/** The old database has gone, its log perhaps not yet. */
function finish(repaired: string, path: string, { folder, now }: RepairRequest): RepairReport {
  moveLogAway(path, lastMovedAway(path) ?? awayName(path, now))
  renameSync(repaired, path)
  syncPath(folder)
  const db = openForChange(path)
  try {
    return { movedTo: path, ...standing(db), found: 0, held: 0, badRows: 0, cut: 0 }
  } finally {
    db.close()
  }
}

function build(path: string, building: string, request: RepairRequest): Omit<RepairReport, 'movedTo'> {
  for (const ending of ['', '-wal', '-shm', '-journal']) rmSync(building + ending, { force: true })
  const db = openForChange(building)
  try {
    db.pragma('journal_mode=MEMORY')
    db.pragma('synchronous=OFF')
    const done = db.transaction(() => fill(path, db, request))()
    db.pragma('journal_mode=WAL')
    const report = { ...done, ...standing(db) }
    db.pragma('wal_checkpoint(TRUNCATE)')
    return report
  } finally {
    db.close()
    syncPath(building)
  }
}

function fill(path: string, db: Connection, request: RepairRequest) {
  const { folder, now } = request
  const read: Salvaged = existsSync(path) ? salvage(path, db) : { cut: 1, badRows: 0, doubtful: false }
  db.exec('UPDATE recipient SET state = 0 WHERE state = 1')
  const found = findFiles(db, folder)
  setAside(db, folder, now)
  const held = read.doubtful ? holdAll(db, now) : 0
  continueJournal(db, request)
  return { found, held, badRows: read.badRows, cut: read.cut }
}

/** Files whose name was lost are known by their size and checksum. */
function findFiles(db: Connection, folder: string): number {
  const names = db.prepare('SELECT name FROM content_file').pluck().all() as string[]
  const onDisk = contentFiles(folder)
  const there = new Set(onDisk)
  const gone = db.prepare('DELETE FROM content_file WHERE name = ?')
  for (const name of names) if (!there.has(name)) gone.run(name)
  const known = new Set(names)
  const nameless = onDisk.filter((name) => !known.has(name))
  const wanting = db.prepare<[number, number], number>(
    `SELECT id FROM message WHERE flags & ${FLAG.inFile} AND size = ? AND content_sum = ?
     AND id NOT IN (SELECT id FROM content_file)`,
  )
  let found = 0
  for (const name of nameless) {
    const file = join(contentIn(folder), name)
    const ids = wanting.pluck().all(statSync(file).size, fileSum(file))
    const [id] = ids
    if (id !== undefined) found += db.prepare('INSERT INTO content_file VALUES (?, ?)').run(id, name).changes
  }
  return found
}

const ALL_IDS = `SELECT id FROM message UNION SELECT message_id FROM recipient
  UNION SELECT id FROM content UNION SELECT id FROM content_file`

function setAside(db: Connection, folder: string, now: number): void {
  const check = new RowCheck(db, contentIn(folder))
  const removal = new Removal(db)
  for (const id of db.prepare(ALL_IDS).pluck().all() as number[]) {
    const problem = check.problem(id)
    if (problem === null) continue
    copyAside(db, id, problem, now)
    removal.message(id)
    db.prepare('DELETE FROM content_file WHERE id = ?').run(id)
  }
}

/** Rows of messages that are long gone may be among those that were read: a person decides, or time. */
function holdAll(db: Connection, now: number): number {
  const hold: StoredHold = {
    reason: 'found in a damaged spool: it may have been sent already',
    owner: 'component:repair',
    // biome-ignore lint/suspicious/noThenProperty: the spool's word for what happens at the deadline
    then: 'release',
  }
  return db
    .prepare('UPDATE recipient SET state = 2, hold = ?, hold_until = ?, held_at = ? WHERE state = 0')
    .run(JSON.stringify(hold), now + DOUBT_MS, now).changes
}

/**
 * The journal goes on where the ledger has come to. Where entries are lost that the ledger has, the spool
 * becomes another source to it: else what happens next would be taken for what it knows.
 */
export function continueJournal(db: Connection, { ledgerHas }: Pick<RepairRequest, 'ledgerHas'>): void {
  const source = db.prepare("SELECT value FROM meta WHERE name = 'source'").pluck().get() as number | undefined
  const has = source === undefined ? null : ledgerHas(source)
  const last = (db.prepare('SELECT max(seq) FROM journal').pluck().get() as number | null) ?? 0
  if (source !== undefined && last >= (has ?? 0) && !hasGap(db, has ?? 0)) return
  if (has !== null) db.prepare('DELETE FROM journal WHERE seq <= ?').run(has)
  db.exec(`DELETE FROM meta WHERE name = 'source';
    CREATE TEMP TABLE told AS SELECT row_number() OVER (ORDER BY seq) AS n, at, queue_id, event, data FROM journal;
    DELETE FROM journal; INSERT INTO journal SELECT * FROM told; DROP TABLE told`)
}

function hasGap(db: Connection, has: number): boolean {
  const [first, last, count] = db.prepare('SELECT min(seq), max(seq), count(*) FROM journal').raw().get() as number[]
  if (first === undefined || last === undefined || count === undefined || first === null) return has > 0
  return first > has + 1 || last - first + 1 !== count
}

function standing(db: Connection): Pick<RepairReport, 'messages' | 'damaged'> {
  const rows = db.prepare('SELECT id, found FROM damaged ORDER BY id').all() as { id: number; found: string }[]
  return {
    messages: db.prepare('SELECT count(*) FROM message').pluck().get() as number,
    damaged: rows.map(({ id, found }) => ({ queueId: formatQueueId(id), found })),
  }
}
