import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** Processes that outlive this one, each known by `NAME.pid` and heard through `NAME.log` in one folder. */
export interface Background {
  readonly pid: number
  readonly log: string
  /** Rejects with the log's tail when the process ends before `stop`. */
  readonly failed: Promise<never>
}

/** Starts a program in the background. */
export async function startInBackground(
  folder: string,
  name: string,
  command: string,
  args: readonly string[],
): Promise<Background> {
  const log = join(folder, `${name}.log`)
  const output = openSync(log, 'w')
  const child = spawn(command, [...args], { detached: true, stdio: ['ignore', output, output] })
  closeSync(output)
  await once(child, 'spawn')
  const { pid = 0 } = child
  writeFileSync(join(folder, `${name}.pid`), `${pid}\n`)
  child.unref()
  const failed = once(child, 'exit').then(([code, signal]): never => {
    throw new Error(`${name} ended (${signal ?? `exit code ${code}`}); the end of its log:\n${tail(log)}`)
  })
  failed.catch(() => {})
  return { pid, log, failed }
}

/** The last lines of a file, indented. */
export function tail(file: string, lines = 15): string {
  const all = existsSync(file) ? readFileSync(file, 'utf8').trimEnd().split('\n') : []
  return all
    .slice(-lines)
    .map((line) => `    ${line}`)
    .join('\n')
}

const STOP_MS = 40_000

/** Ends the process that `NAME.pid` tells of, if it still is ours: SIGTERM, in the end SIGKILL. True if there was one. */
export async function stop(folder: string, name: string): Promise<boolean> {
  const file = join(folder, `${name}.pid`)
  const pid = existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0
  rmSync(file, { force: true })
  if (!isOurs(pid, folder)) return false
  process.kill(pid, 'SIGTERM')
  for (const end = performance.now() + STOP_MS; isOurs(pid, folder); await sleep(50)) {
    if (performance.now() > end) process.kill(pid, 'SIGKILL')
  }
  return true
}

/** A number may have been given to another process since: ours has the folder on its command line. */
function isOurs(pid: number, folder: string): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 1) return false
  try {
    // Empty for a process that has ended and waits to be reaped
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(folder)
  } catch {
    return false
  }
}
