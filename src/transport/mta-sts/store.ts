import { createHash } from 'node:crypto'
import { open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { makeFolder, syncFolder } from '../../db/folder.ts'
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

export interface LoadedPolicies {
  /** What was kept and can still be read. */
  readonly kept: readonly KeptPolicy[]
  /** By `keyOf` their domain: what was kept and cannot be read any more. */
  readonly damaged: readonly string[]
}

/** Where policies outlive a restart. */
export interface PolicyStore {
  load(): Promise<LoadedPolicies>
  /** On stable storage when it resolves. */
  save(policy: KeptPolicy): Promise<void>
  remove(domain: string): Promise<void>
}

const LONGEST_FILE = 131_072
const SUFFIX = '.json'

/** What stands for a domain where a policy is kept: of a file that is damaged, it is still known whose it was. */
export const keyOf = (domain: string): string => createHash('sha256').update(domain).digest('hex')

/** A file each, written beside its place and moved into it: a crash leaves the old one or the new one. */
export function folderStore(folder: string): PolicyStore {
  const fileOf = (domain: string) => join(folder, `${keyOf(domain)}${SUFFIX}`)
  return {
    async load() {
      await makeFolder(folder, 0o700)
      const names = await readdir(folder)
      const half = names.filter((name) => name.endsWith('.new'))
      await Promise.all(half.map((name) => rm(join(folder, name), { force: true })))
      const kept: KeptPolicy[] = []
      const damaged: string[] = []
      for (const name of names.filter((each) => each.endsWith(SUFFIX))) {
        const policy = await readKept(join(folder, name))
        if (policy !== null) kept.push(policy)
        else damaged.push(name.slice(0, -SUFFIX.length))
      }
      return { kept, damaged }
    },
    async save(policy) {
      const file = fileOf(policy.domain)
      await writeWhole(`${file}.new`, JSON.stringify(policy))
      await rename(`${file}.new`, file)
      await syncFolder(folder)
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

/** Null for what is damaged. */
async function readKept(file: string): Promise<KeptPolicy | null> {
  try {
    const { size } = await stat(file)
    return size > LONGEST_FILE ? null : checked(JSON.parse(await readFile(file, 'utf8')))
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
export const noStore: PolicyStore = {
  load: async () => ({ kept: [], damaged: [] }),
  save: async () => {},
  remove: async () => {},
}
