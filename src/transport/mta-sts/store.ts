import { createHash } from 'node:crypto'
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { StsPolicy } from './policy.ts'

/** A policy as it is kept. */
export interface KeptPolicy {
  readonly domain: string
  readonly id: string
  readonly policy: StsPolicy
  /** Milliseconds since 1970: `fetchedAt` and the policy's own age say how long it counts. */
  readonly fetchedAt: number
  /** When mail last asked for it. */
  readonly usedAt: number
}

/** Where policies outlive a restart. */
export interface PolicyStore {
  /** Everything that was kept and can still be read. */
  load(): Promise<KeptPolicy[]>
  save(policy: KeptPolicy): Promise<void>
  remove(domain: string): Promise<void>
}

const LONGEST_FILE = 131_072

/** A file each, written beside its place and moved into it: a crash leaves the old one or the new one. */
export function folderStore(folder: string): PolicyStore {
  const fileOf = (domain: string) => join(folder, `${createHash('sha256').update(domain).digest('hex')}.json`)
  return {
    async load() {
      await mkdir(folder, { recursive: true, mode: 0o700 })
      const names = await readdir(folder)
      const half = names.filter((name) => name.endsWith('.new'))
      await Promise.all(half.map((name) => rm(join(folder, name), { force: true })))
      const kept: KeptPolicy[] = []
      for (const name of names) {
        const policy = name.endsWith('.json') ? await readKept(join(folder, name)) : null
        if (policy !== null) kept.push(policy)
      }
      return kept
    },
    async save(policy) {
      const file = fileOf(policy.domain)
      await writeWhole(`${file}.new`, JSON.stringify(policy))
      await rename(`${file}.new`, file)
    },
    remove: (domain) => rm(fileOf(domain), { force: true }),
  }
}

async function writeWhole(file: string, text: string): Promise<void> {
  const handle = await open(file, 'w', 0o600)
  try {
    await handle.writeFile(text)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Null for what is damaged: it will be fetched anew. */
async function readKept(file: string): Promise<KeptPolicy | null> {
  try {
    const text = await readFile(file, 'utf8')
    return text.length > LONGEST_FILE ? null : checked(JSON.parse(text))
  } catch {
    return null
  }
}

function checked(found: KeptPolicy): KeptPolicy | null {
  const { domain, id, fetchedAt, usedAt, policy } = found
  const { mode, mx, maxAge } = policy
  const texts = [domain, id, mode].every((text) => typeof text === 'string')
  const numbers = [fetchedAt, usedAt, maxAge].every((number) => Number.isFinite(number))
  const modes = mode === 'enforce' || mode === 'testing' || mode === 'none'
  return texts && numbers && modes && Array.isArray(mx) && mx.every((each) => typeof each === 'string') ? found : null
}

/** Keeps nothing beyond the process. */
export const noStore: PolicyStore = { load: async () => [], save: async () => {}, remove: async () => {} }
