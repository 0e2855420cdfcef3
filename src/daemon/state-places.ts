import { chownSync, lstatSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type Config, formatProblem, loadConfig } from '../config/index.ts'
import { openReadOnly } from '../db/database.ts'

/** Where an operator says that the state lies. */
export interface StateRequest {
  readonly configFile: string
  /** In place of the configuration's `state.dir`. */
  readonly stateDir: string | null
}

/** The configuration is wrong: a line for each mistake. */
export class WrongConfig extends Error {
  override readonly name = 'WrongConfig'
}

export function stateOf({ configFile, stateDir }: StateRequest): Config {
  const loaded = loadConfig(configFile, { env: process.env, ...(stateDir !== null && { stateDir }) })
  if (!loaded.ok) throw new WrongConfig(loaded.problems.map(formatProblem).join('\n'))
  return loaded.config
}

const CACHE_BYTES = 1024 * 1024

/** Up to which entry a ledger has the journal of the spool with this number; null where it knows none, or cannot be read. */
export function ledgerHas(file: string, source: number): number | null {
  try {
    const db = openReadOnly(file, CACHE_BYTES)
    try {
      const found = db.prepare('SELECT seq FROM source WHERE number = ?').pluck().get(source)
      return typeof found === 'number' ? found : null
    } finally {
      db.close()
    }
  } catch {
    return null
  }
}

/** What root made belongs to whom the folder belongs to, or the daemon could not open it. */
export function giveToOwner(folder: string): void {
  if (process.getuid?.() !== 0) return
  const { uid, gid } = statSync(folder)
  for (const entry of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    const path = join(folder, entry)
    const found = lstatSync(path, { throwIfNoEntry: false })
    if (found !== undefined && found.uid === 0 && uid !== 0 && !found.isSymbolicLink()) chownSync(path, uid, gid)
  }
}
