import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { dirname, join, resolve, sep } from 'node:path'
import { syncPath } from '../../spool/rescue/folder.ts'
import { type StateRequest, stateOf } from '../state-places.ts'
import { copyDatabase, copyFile, foldersOf, isDatabase } from './files.ts'
import { listOf, writeManifest } from './manifest.ts'
import { placesOf } from './places.ts'
import { BackupRefused, type BackupReport } from './report.ts'
import { copySpool } from './spool.ts'

// Made anew by the next start, or of no use without the process that made them
const PASSED_OVER = /(-wal|-shm|-journal|\.lock|\.sock|\.ballast|\.building|\.repaired)$|\.damaged-\d{8}T\d{6}Z/
// What was once in force: beside a register of later it would keep the restored state from starting
const OF_ITS_TIME = 'secure-domains.json'

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
  const { hostname } = config
  writeManifest(partial, { format: 1, at: new Date(now).toISOString(), hostname, messages, files })
  for (const folder of foldersOf(partial)) syncPath(folder)
  renameSync(partial, to)
  syncPath(dirname(resolve(to)))
  return { folder: to, files: files.length, bytes: files.reduce((sum, { size }) => sum + size, 0), messages }
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
