import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { link, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { makeFolder, syncFolder } from '../db/folder.ts'

const KEY_BYTES = 32

/** The key that addresses in the log are hashed with: made once and kept, so that a token means the same address tomorrow. */
export async function addressKey(stateDir: string): Promise<Buffer> {
  const file = join(stateDir, 'log-address.key')
  await makeFolder(stateDir, 0o750)
  if (!existsSync(file)) await makeKey(file)
  const key = await readFile(file)
  if (key.length !== KEY_BYTES)
    throw new Error(`${file} must hold ${KEY_BYTES} bytes; remove it to have a new one made`)
  return key
}

/** It gets its name once it is whole: a power loss leaves all of it or nothing. Where another process was first, its key stays. */
async function makeKey(file: string): Promise<void> {
  const made = `${file}.${process.pid}-${randomBytes(4).toString('hex')}`
  await writeFile(made, randomBytes(KEY_BYTES), { mode: 0o600, flush: true })
  await link(made, file).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error
  })
  await rm(made)
  await syncFolder(dirname(file))
}
