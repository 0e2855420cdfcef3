import { existsSync, mkdirSync, readFileSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Running, start } from '../../../../test/support/process.ts'
import { defer, type Scope } from '../../../../test/support/scope.ts'
import { Missing } from '../part.ts'

const ROOT = '/sys/fs/cgroup'
/** Version 1 counts CPU in a hierarchy of its own; version 2 counts it in every group. */
const V1 = join(ROOT, 'cpuacct')
const V2 = join(ROOT, 'cgroup.controllers')
const PATIENCE_MS = 15_000

/** Groups that have not ended: a signal must not leave servers behind. */
const open = new Set<Group>()

/** Ends every group at once, and this process, when it is told to stop by a signal. */
export function endGroupsWhenTold(scope: Scope): void {
  const stop = () => {
    for (const group of open) group.kill()
    process.exit(130)
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, stop)
    defer(scope, () => process.removeListener(signal, stop))
  }
}

/** A control group: whatever is started in it is counted, and ended with it, however often it forks. */
export class Group {
  readonly #folder: string
  readonly #version: 1 | 2
  readonly #started: Running[] = []

  /** Throws Missing where the kernel offers no groups that this user may make. */
  constructor(name: string) {
    this.#version = existsSync(V1) ? 1 : 2
    if (this.#version === 2 && !existsSync(V2)) throw new Missing('control groups, by which CPU is counted')
    this.#folder = join(this.#version === 1 ? V1 : ROOT, `postern-bench-${name}-${process.pid}`)
    try {
      mkdirSync(this.#folder, { recursive: true })
    } catch (error) {
      throw new Missing(`control groups, by which CPU is counted: ${error}`)
    }
    open.add(this)
  }

  /** Starts a program in the group. */
  async start(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Running> {
    const join = `echo $$ > '${this.#folder}/cgroup.procs' && exec "$@"`
    const running = await start('/bin/sh', ['-c', join, 'sh', command, ...args], {
      env: { ...process.env, ...env },
      detached: true,
    })
    this.#started.push(running)
    return running
  }

  /** Whether all that was started has ended, and left nothing behind. */
  ended(): boolean {
    return this.#started.every(({ alive }) => !alive) && this.pids().length === 0
  }

  /** What it wrote, for the message of a failure. */
  output(): string {
    return this.#started.map((running) => running.output().slice(-2000)).join('\n')
  }

  /** CPU that everything in the group has used so far, seconds. */
  cpuSeconds(): number {
    if (this.#version === 1) return Number(readFileSync(join(this.#folder, 'cpuacct.usage'), 'utf8')) / 1e9
    const usage = /^usage_usec (\d+)/m.exec(readFileSync(join(this.#folder, 'cpu.stat'), 'utf8'))
    return Number(usage?.[1]) / 1e6
  }

  /** Memory of its own that the group's processes hold, MiB; what several share is counted once. */
  memoryMiB(): number {
    return this.pids().reduce((sum, pid) => sum + anonymousKiB(pid), 0) / 1024
  }

  pids(): number[] {
    const text = readFileSync(join(this.#folder, 'cgroup.procs'), 'utf8')
    return text.split('\n').filter(Boolean).map(Number)
  }

  /** Ends what was started, kindly, then whatever is left. */
  async end(): Promise<void> {
    for (const running of this.#started) if (running.alive) running.signal('SIGTERM')
    const until = performance.now() + PATIENCE_MS
    while (this.pids().length > 0) {
      if (performance.now() > until || !this.#started.some((running) => running.alive)) this.kill()
      await sleep(50)
    }
    rmdirSync(this.#folder)
    open.delete(this)
  }

  /** SIGKILL to all in it. */
  kill(): void {
    for (const pid of this.pids()) {
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // It ended by itself meanwhile
      }
    }
  }
}

/** A page that n processes share counts one nth in each. 0 when the process has gone. */
function anonymousKiB(pid: number): number {
  try {
    return Number(/^Pss_Anon:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0)
  } catch {
    return 0
  }
}
