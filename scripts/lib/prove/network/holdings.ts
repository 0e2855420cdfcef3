import { existsSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Daemon } from '../../../../test/support/daemon.ts'
import { waitFor } from '../../../../test/support/wait.ts'

/** What a daemon holds at a moment when it has nothing to do. */
export interface Holdings {
  readonly sockets: number
  readonly descriptors: number
  /** How many descriptors there are of what: `socket`, `pipe`, `[eventpoll]` (one for each thread), files by their path. */
  readonly kinds: ReadonlyMap<string, number>
  readonly timers: number
  /** Bytes: of the main thread's heap and of its buffers after a collection, and of the process. */
  readonly heap: number
  readonly external: number
  readonly rss: number
  /** Files below the state folder, by path. SQLite's own helpers are not counted, nor the list of alarms: one file, and short. */
  readonly files: readonly string[]
}

const PROBE = fileURLToPath(new URL('probe.ts', import.meta.url))
const fileOf = (daemon: Daemon): string => join(daemon.folder, 'probe.json')

/** What makes a daemon tell, for its start. */
export const probeEnv = (daemon: Daemon): NodeJS.ProcessEnv => ({
  NODE_OPTIONS: `--import file://${PROBE}`,
  POSTERN_PROOF_PROBE: fileOf(daemon),
})

/** Asks a daemon that was started with `probeEnv`. */
export async function holdingsOf(daemon: Daemon): Promise<Holdings> {
  const file = fileOf(daemon)
  rmSync(file, { force: true })
  daemon.signal('SIGUSR2')
  await waitFor(() => existsSync(file), { what: 'the daemon to say what it holds' })
  const { timers, heap, external, rss } = JSON.parse(readFileSync(file, 'utf8'))
  return { ...descriptorsOf(daemon.pid), timers, heap, external, rss, files: filesBelow(daemon.stateDir) }
}

/** Bytes of memory that the process takes now. */
export function residentOf(pid: number): number {
  const [, kib = '0'] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kib) * 1024
}

export function descriptorsOf(pid: number): Pick<Holdings, 'sockets' | 'descriptors' | 'kinds'> {
  const folder = `/proc/${pid}/fd`
  const targets = readdirSync(folder).flatMap((name) => {
    try {
      return [readlinkSync(join(folder, name))]
    } catch {
      // closed meanwhile
      return []
    }
  })
  const kinds = new Map<string, number>()
  for (const kind of targets.map(kindOf)) kinds.set(kind, (kinds.get(kind) ?? 0) + 1)
  return { sockets: kinds.get('socket') ?? 0, descriptors: targets.length, kinds }
}

/** Of `socket:[123]`, `socket`; of `anon_inode:[eventpoll]`, `[eventpoll]`. */
const kindOf = (target: string): string => target.replace(/^anon_inode:/, '').replace(/^(socket|pipe):\[\d+\]$/, '$1')

/** What there is more of, in words. */
export const grownKinds = (before: Holdings, after: Holdings): string =>
  [...after.kinds]
    .flatMap(([kind, count]) => {
      const more = count - (before.kinds.get(kind) ?? 0)
      return more > 0 ? [`${more} more of ${kind}`] : []
    })
    .join(', ')

const PASSING = /-(?:wal|shm|journal)$|^alarms\.json/

const filesBelow = (folder: string): readonly string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !PASSING.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
