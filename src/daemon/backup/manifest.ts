import { existsSync, lstatSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { filesOf, sha256 } from './files.ts'
import { BackupRefused } from './report.ts'

/** What a backup holds. */
export interface Manifest {
  readonly format: 1
  /** ISO 8601. */
  readonly at: string
  readonly hostname: string
  readonly messages: number
  readonly files: readonly { readonly path: string; readonly size: number; readonly sha256: string }[]
}

const MANIFEST = 'manifest.json'

export function writeManifest(folder: string, manifest: Manifest): void {
  writeFileSync(join(folder, MANIFEST), `${JSON.stringify(manifest, null, 1)}\n`, { mode: 0o600, flush: true })
}

/** Every file of the folder, by its path within. */
export const listOf = (folder: string): Manifest['files'] =>
  filesOf(folder).map((path) => ({ path: relative(folder, path), size: lstatSync(path).size, sha256: sha256(path) }))

/** Throws BackupRefused for a folder that is no backup, or not as it was written. */
export function readManifest(folder: string): Manifest {
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
