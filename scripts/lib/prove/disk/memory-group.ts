import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { defer, type Scope } from '../../../../test/support/scope.ts'

/** Where groups are made, and what the kernel calls their parts there. */
const KINDS = [
  {
    root: '/sys/fs/cgroup/memory',
    limit: 'memory.limit_in_bytes',
    none: '-1',
    peak: 'memory.max_usage_in_bytes',
    has: 'memory.limit_in_bytes',
  },
  { root: '/sys/fs/cgroup', limit: 'memory.max', none: 'max', peak: 'memory.peak', has: 'cgroup.controllers' },
] as const

const kind = () => KINDS.find(({ root, has }) => existsSync(join(root, has)))

/** Why memory cannot be limited here; null if it can. */
export function cannotLimit(): string | null {
  if (process.getuid?.() !== 0) return 'limiting memory needs root'
  const found = kind()
  if (found === undefined) return 'limiting memory needs control groups at /sys/fs/cgroup'
  try {
    const probe = join(found.root, `postern-probe-${process.pid}`)
    makeFolder(found.root, probe)
    const can = existsSync(join(probe, found.limit))
    rmdirSync(probe)
    return can ? null : `the control groups at ${found.root} do not limit memory`
  } catch (error) {
    return `limiting memory needs control groups that can be written: ${(error as Error).message}`
  }
}

/** A control group of its own, for all that a program and its children hold. */
export class MemoryGroup {
  readonly #folder: string
  readonly #kind: (typeof KINDS)[number]

  constructor(scope: Scope, limitMiB: number) {
    const found = kind()
    if (found === undefined) throw new Error('there are no control groups')
    this.#kind = found
    this.#folder = join(found.root, `postern-prove-${process.pid}-${limitMiB}`)
    makeFolder(found.root, this.#folder)
    defer(scope, () => remove(this.#folder))
    this.limit(limitMiB)
  }

  /** null: as much as there is. */
  limit(mib: number | null): void {
    writeFileSync(join(this.#folder, this.#kind.limit), mib === null ? this.#kind.none : String(mib * 2 ** 20))
  }

  /** From now on what it takes counts; what it has does not. */
  take(pid: number): void {
    writeFileSync(join(this.#folder, 'cgroup.procs'), String(pid))
  }

  /** A shell script that enters the group and becomes `program`. */
  wrap(file: string, program: string): string {
    const enter = `echo $$ > '${join(this.#folder, 'cgroup.procs')}'`
    writeFileSync(file, `#!/bin/sh\nset -e\n${enter}\nexec '${program}' "$@"\n`, { mode: 0o755 })
    return file
  }

  /** The most that it ever held, with what was cached of files. */
  get peakMiB(): number {
    const file = join(this.#folder, this.#kind.peak)
    return existsSync(file) ? Math.round(Number(readFileSync(file, 'utf8')) / 2 ** 20) : 0
  }
}

function makeFolder(root: string, folder: string): void {
  const below = join(root, 'cgroup.subtree_control')
  if (existsSync(below)) writeFileSync(below, '+memory')
  mkdirSync(folder)
}

/** A process that has ended leaves its group a moment later. */
async function remove(folder: string): Promise<void> {
  for (let left = 50; ; left--) {
    try {
      rmdirSync(folder)
      return
    } catch (error) {
      if (left === 0) throw error
      await sleep(100)
    }
  }
}
