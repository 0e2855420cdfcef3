import { createHash } from 'node:crypto'
import { chmodSync, closeSync, constants, copyFileSync, lstatSync, openSync, readdirSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { openReadOnly } from '../../db/database.ts'
import { syncPath } from '../../spool/rescue/folder.ts'

const CACHE_BYTES = 8 * 1024 * 1024
const SQLITE = 'SQLite format 3\0'

/** As it is at one moment, whoever writes to it meanwhile. */
export function copyDatabase(from: string, to: string): void {
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

export function isDatabase(path: string): boolean {
  const file = openSync(path, 'r')
  try {
    const head = Buffer.alloc(SQLITE.length)
    readSync(file, head, 0, head.length, 0)
    return head.toString('latin1') === SQLITE
  } finally {
    closeSync(file)
  }
}

/** A copy on stable storage, for its owner alone. */
export function copyFile(from: string, to: string): void {
  copyFileSync(from, to, constants.COPYFILE_FICLONE)
  chmodSync(to, 0o600)
  syncPath(to)
}

/** All below a folder, with the folder before each name. */
export const filesOf = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => lstatSync(path).isFile())

/** Likewise the folders, and the folder itself last. */
export const foldersOf = (folder: string): string[] => [
  ...readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => lstatSync(path).isDirectory()),
  folder,
]

const PIECE = 1024 * 1024

/** In hexadecimal digits. */
export function sha256(path: string): string {
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
