import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** One bound of memory, and what is held against it; bytes. */
export interface MemoryStanding {
  /** What sets the bound: a folder of cgroups, a key of the configuration. */
  readonly of: string
  readonly heldBytes: number
  readonly limitBytes: number
}

/** A control group that this process is in, or one above it. */
export interface MemoryGroup {
  readonly folder: string
  readonly version: 1 | 2
}

/** Where the kernel tells of this process. */
const SELF = '/proc/self'
/** Version 1 writes "no limit" as the highest multiple of a page. */
const UNLIMITED = 2 ** 60

/** The control groups that may limit this process: its own, and every one above it that can be seen. Empty where there are none. */
export function memoryGroups(self = SELF): MemoryGroup[] {
  const mounts = lines(join(self, 'mountinfo')).flatMap(mountOf)
  return lines(join(self, 'cgroup')).flatMap((line) => {
    const [, controllers = '', ...path] = line.split(':')
    const version = controllers === '' ? 2 : controllers.split(',').includes('memory') ? 1 : null
    const mount = mounts.find((each) => each.version === version)
    return mount === undefined ? [] : groupsBelow(mount, path.join(':'))
  })
}

/** What is held of the memory that a group may have; null where it has no limit, or is gone. */
export function standingOf(group: MemoryGroup): MemoryStanding | null {
  try {
    return group.version === 2 ? standingOf2(group.folder) : standingOf1(group.folder)
  } catch {
    return null
  }
}

/**
 * All that the kernel could not take back at once: pages of files that are on the disk already do not count, nor what it
 * keeps of names. `memory.high` is a limit too: above it the process is slowed down until hardly anything moves.
 */
function standingOf2(folder: string): MemoryStanding | null {
  const limitBytes = Math.min(limitIn(join(folder, 'memory.max')), limitIn(join(folder, 'memory.high')))
  if (limitBytes >= UNLIMITED) return null
  const stat = figures(join(folder, 'memory.stat'))
  const back = stat('active_file') + stat('inactive_file') + stat('slab_reclaimable')
  const busy = stat('file_dirty') + stat('file_writeback')
  const current = Number(readFileSync(join(folder, 'memory.current'), 'utf8'))
  return { of: folder, heldBytes: Math.max(stat('anon'), current - back + busy), limitBytes }
}

/** Version 1 does not say how much of the kernel's own memory could be taken back: none of it is counted. */
function standingOf1(folder: string): MemoryStanding | null {
  const limitBytes = limitIn(join(folder, 'memory.limit_in_bytes'))
  if (limitBytes >= UNLIMITED) return null
  const stat = figures(join(folder, 'memory.stat'))
  const parts = ['total_rss', 'total_shmem', 'total_dirty', 'total_writeback']
  return { of: folder, heldBytes: parts.reduce((sum, part) => sum + stat(part), 0), limitBytes }
}

interface Mount {
  readonly version: 1 | 2
  /** Where it is mounted. */
  readonly at: string
  /** The group that is seen there. */
  readonly root: string
}

/** proc(5): fields before " - " are of the mount (4: its root, 5: its place), those behind of the file system. */
function mountOf(line: string): Mount[] {
  const [before = '', behind = ''] = line.split(' - ')
  const [root = '', at = ''] = before.split(' ').slice(3, 5)
  const [type, , options = ''] = behind.split(' ')
  if (type === 'cgroup2') return [{ version: 2, at, root }]
  return type === 'cgroup' && options.split(',').includes('memory') ? [{ version: 1, at, root }] : []
}

/** From the own group up to the root of the mount. A container may be told a path of which it sees only the end. */
function groupsBelow({ version, at, root }: Mount, path: string): MemoryGroup[] {
  const inside = root !== '/' && (path === root || path.startsWith(`${root}/`)) ? path.slice(root.length) : path
  const names = inside.split('/').filter((name) => name !== '' && name !== '..')
  const folders = names.map((_, last) => join(at, ...names.slice(0, last + 1)))
  const own = version === 2 ? 'memory.current' : 'memory.limit_in_bytes'
  return [...folders.reverse(), at]
    .filter((folder) => existsSync(join(folder, own)))
    .map((folder) => ({ folder, version }))
}

function limitIn(file: string): number {
  const text = readFileSync(file, 'utf8').trim()
  return text === 'max' ? Number.POSITIVE_INFINITY : Number(text)
}

function figures(file: string): (name: string) => number {
  const found = new Map(lines(file).map((line) => line.split(' ') as [string, string]))
  return (name) => Number(found.get(name) ?? 0)
}

function lines(file: string): string[] {
  try {
    return readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
  } catch {
    return []
  }
}
