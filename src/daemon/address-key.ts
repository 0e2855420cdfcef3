import { randomBytes } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

const KEY_BYTES = 32

/** The key that addresses in the log are hashed with: made once and kept, so that a token means the same address tomorrow. */
export async function addressKey(stateDir: string): Promise<Buffer> {
  const file = join(stateDir, 'log-address.key')
  await mkdir(stateDir, { recursive: true, mode: 0o750 })
  try {
    await writeFile(file, randomBytes(KEY_BYTES), { flag: 'wx', mode: 0o600, flush: true })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  const key = await readFile(file)
  if (key.length !== KEY_BYTES)
    throw new Error(`${file} must hold ${KEY_BYTES} bytes; remove it to have a new one made`)
  return key
}
