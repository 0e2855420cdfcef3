import { createHash } from 'node:crypto'
import {
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'
import type { Config } from '../config/index.ts'
import { openReadOnly } from '../db/database.ts'
import { isInUse, openForChange, syncPath } from '../spool/rescue/folder.ts'
import { continueJournal } from '../spool/rescue/repair.ts'
import { giveToOwner, ledgerHas, type StateRequest, stateOf } from './state-places.ts'

export interface BackupReport {
  readonly folder: string
  readonly files: number
  readonly bytes: number
  readonly messages: number
}

interface Manifest {
  readonly format: 1
  /** ISO 8601. */
  readonly at: string
  readonly hostname: string
  readonly messages: number
  readonly files: readonly { readonly path: string; readonly size: number; readonly sha256: string }[]
}

/** The backup cannot be made or used as asked: why, in words. */
export class BackupRefused extends Error {
  override readonly name = 'BackupRefused'
}

const MANIFEST = 'manifest.json'
const CACHE_BYTES = 8 * 1024 * 1024
// Made anew by the next start, or of no use without the process that made them
const PASSED_OVER = /(-wal|-shm|-journal|\.lock|\.sock|\.ballast|\.building|\.repaired)$|\.damaged-\d{8}T\d{6}Z/
// What was once in force: beside a register of later it would keep the restored state from starting
const OF_ITS_TIME = 'secure-domains.json'
const SQLITE = 'SQLite format 3\0'

/**
 * Copies the whole state, beside a running daemon or without one: databases as they are at one moment, the
 * content of every message that the copied queue holds, other files, and the configuration. The folder
 * appears under its name only when all of it is on stable storage. Nobody waits for it but the log, which grows.
 */
export function backup(request: StateRequest, to: string, now: number): BackupReport {
  const config = stateOf(request)
  if (existsSync(to)) throw new BackupRefused(`${to} is there already`)
  const inside = Object.values(placesOf(config)).some((place) => `${resolve(to)}${sep}`.startsWith(`${place}${sep}`))
  if (inside) throw new BackupRefused(`${to} lies in the state that is to be copied`)
  const partial = `${to}.partial`
  rmSync(partial, { recursive: true, force: true })
  mkdirSync(partial, { recursive: true, mode: 0o700 })
  const messages = copySpool(config.state.spool, join(partial, 'spool'))
  for (const [name, place] of Object.entries(placesOf(config))) {
    if (name !== 'spool')
      copyTree(place, join(partial, name), [config.state.spool, ...(name === 'state' ? [config.state.ledger] : [])])
  }
  copyFile(request.configFile, join(partial, 'postern.yaml'))
  const files = listOf(partial)
  const manifest: Manifest = { format: 1, at: new Date(now).toISOString(), hostname: config.hostname, messages, files }
  writeFileSync(join(partial, MANIFEST), `${JSON.stringify(manifest, null, 1)}\n`, { mode: 0o600, flush: true })
  for (const folder of foldersOf(partial)) syncPath(folder)
  renameSync(partial, to)
  syncPath(dirname(resolve(to)))
  return { folder: to, files: files.length, bytes: files.reduce((sum, { size }) => sum + size, 0), messages }
}

const placesOf = ({ state }: Config) => ({
  spool: resolve(state.spool),
  ledger: resolve(state.ledger),
  state: resolve(state.dir),
})

/**
 * Content first, for what is delivered meanwhile is removed; then the rows of one moment; then the content that
 * came between. A row whose content has gone by then is of a message that came to its end.
 */
function copySpool(from: string, to: string): number {
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

/** As it is at one moment, whoever writes to it meanwhile. */
function copyDatabase(from: string, to: string): void {
  const db = openReadOnly(from, CACHE_BYTES)
  try {
    db.pragma('query_only=OFF')
    db.prepare('VACUUM INTO ?').run(to)
  } finally {
    db.close()
  }
  chmodSync(to, 0o600)
  syncPath(to)
}

function copyTree(from: string, to: string, except: readonly string[]): void {
  if (!existsSync(from)) return
  mkdirSync(to, { recursive: true, mode: 0o700 })
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const path = join(from, entry.name)
    if (except.includes(resolve(path)) || PASSED_OVER.test(entry.name) || entry.name === OF_ITS_TIME) continue
    if (entry.isDirectory()) copyTree(path, join(to, entry.name), except)
    else if (entry.isFile() && isDatabase(path)) copyDatabase(path, join(to, entry.name))
    else if (entry.isFile()) copyFile(path, join(to, entry.name))
  }
}

function isDatabase(path: string): boolean {
  const file = openSync(path, 'r')
  try {
    const head = Buffer.alloc(SQLITE.length)
    readSync(file, head, 0, head.length, 0)
    return head.toString('latin1') === SQLITE
  } finally {
    closeSync(file)
  }
}

function copyFile(from: string, to: string): void {
  copyFileSync(from, to, constants.COPYFILE_FICLONE)
  chmodSync(to, 0o600)
  syncPath(to)
}

const filesOf = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => lstatSync(path).isFile())

const foldersOf = (folder: string): string[] => [
  ...readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => lstatSync(path).isDirectory()),
  folder,
]

const listOf = (folder: string): Manifest['files'] =>
  filesOf(folder).map((path) => ({ path: relative(folder, path), size: lstatSync(path).size, sha256: sha256(path) }))

const PIECE = 1024 * 1024

function sha256(path: string): string {
  const hash = createHash('sha256')
  const file = openSync(path, 'r')
  const piece = Buffer.alloc(PIECE)
  try {
    for (let read = readSync(file, piece); read > 0; read = readSync(file, piece)) hash.update(piece.subarray(0, read))
    return hash.digest('hex')
  } finally {
    closeSync(file)
  }
}

/**
 * Puts a backup where the configuration says that the state lies. Nothing may be there yet. What was delivered
 * after the backup was made is delivered again.
 */
export function restore(request: StateRequest, from: string): BackupReport {
  const config = stateOf(request)
  const manifest = readManifest(from)
  const { spool, ledger } = config.state
  for (const file of [join(spool, 'spool.db'), join(ledger, 'ledger.db')]) {
    if (existsSync(file)) throw new BackupRefused(`${file} is there: move the old state away first`)
  }
  if (existsSync(spool) && isInUse(spool)) throw new BackupRefused('a daemon runs there: stop it first')
  const places = placesOf(config)
  const queue = join('spool', 'spool.db')
  // First, under another name: while it has no other, nothing starts
  const building = `${join(spool, 'spool.db')}.building`
  for (const ending of ['-wal', '-shm', '-journal']) rmSync(building + ending, { force: true })
  copyDown(join(from, queue), building)
  for (const { path } of manifest.files) {
    const [place = '', ...rest] = path.split(sep)
    if (place in places && path !== queue)
      copyDown(join(from, path), join(places[place as keyof typeof places], ...rest))
  }
  finishQueue(spool, join(ledger, 'ledger.db'))
  for (const place of new Set(Object.values(places))) if (existsSync(place)) giveToOwner(place)
  const bytes = manifest.files.reduce((sum, { size }) => sum + size, 0)
  return { folder: from, files: manifest.files.length, bytes, messages: manifest.messages }
}

/** With its folders, and all of it on stable storage. */
function copyDown(from: string, to: string): void {
  const made = mkdirSync(dirname(to), { recursive: true, mode: 0o700 })
  copyFile(from, to)
  // A file is lost where the name of any folder above it is
  const top = dirname(made ?? to)
  for (let folder = dirname(to); folder.length >= top.length; folder = dirname(folder)) {
    syncPath(folder)
    if (folder === dirname(folder)) break
  }
}

function finishQueue(spool: string, ledger: string): void {
  const building = join(spool, 'spool.db.building')
  const db = openForChange(building)
  try {
    db.transaction(() => continueJournal(db, { ledgerHas: (source) => ledgerHas(ledger, source) }))()
    db.pragma('wal_checkpoint(TRUNCATE)')
  } finally {
    db.close()
  }
  syncPath(building)
  renameSync(building, join(spool, 'spool.db'))
  syncPath(spool)
}

function readManifest(folder: string): Manifest {
  const file = join(folder, MANIFEST)
  if (!existsSync(file)) throw new BackupRefused(`${folder} is no backup: it has no ${MANIFEST}`)
  const manifest = parsedManifest(readFileSync(file, 'utf8'))
  if (manifest === null) throw new BackupRefused(`${file} is damaged, or of something else than a backup`)
  if (manifest.format !== 1) throw new BackupRefused(`${folder} was made by a newer version`)
  for (const { path, sha256: expected } of manifest.files) {
    const parts = path.split(sep)
    if (parts.includes('..') || path.startsWith(sep))
      throw new BackupRefused(`${file} names ${path}, which lies outside`)
    const found = existsSync(join(folder, path)) ? sha256(join(folder, path)) : null
    if (found !== expected)
      throw new BackupRefused(`${path} of the backup is ${found === null ? 'gone' : 'not as it was written'}`)
  }
  return manifest
}

/** Null for what is no manifest. */
function parsedManifest(text: string): Manifest | null {
  try {
    const { format, files, ...more } = JSON.parse(text) as Manifest
    const isOne = typeof format === 'number' && (format !== 1 || files.every(({ path }) => typeof path === 'string'))
    return isOne ? { ...more, format, files } : null
  } catch {
    return null
  }
}
