import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { dirname, join, sep } from 'node:path'
import { isInUse, openForChange, syncPath } from '../../spool/rescue/folder.ts'
import { continueJournal } from '../../spool/rescue/repair.ts'
import { giveToOwner, ledgerHas, type StateRequest, stateOf } from '../state-places.ts'
import { copyFile } from './files.ts'
import { readManifest } from './manifest.ts'
import { placesOf } from './places.ts'
import { BackupRefused, type BackupReport } from './report.ts'

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
