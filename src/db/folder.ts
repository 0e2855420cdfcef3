import { mkdir, open } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'

/**
 * Makes a folder if it is missing, with those above it, and puts their names on stable storage: a
 * power loss that took the folder's name would take everything in it, synced or not. The folder
 * above is synced even if nothing was made: an earlier run may have been killed in between.
 */
export async function makeFolder(path: string, mode: number): Promise<void> {
  const whole = resolve(path)
  const first = await mkdir(whole, { recursive: true, mode })
  const top = dirname(first === undefined ? whole : resolve(first))
  for (let folder = dirname(whole); ; folder = dirname(folder)) {
    await syncFolder(folder)
    if (folder === top) return
  }
}

/** Puts the names in a folder on stable storage. One that may be entered and not read is passed over: it is for its owner to sync. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EACCES') throw error
    return null
  })
  await folder?.sync().finally(() => folder.close())
}
