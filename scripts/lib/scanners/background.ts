import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { PATH, type ScannerSetup } from './setup.ts'

const READY_MS = 60_000
const STOP_MS = 15_000

/** Starts a scanner that outlives this process, known by `NAME.pid` and heard through `NAME.log`, and waits until it answers. */
export async function startInBackground(folder: string, setup: ScannerSetup): Promise<number> {
  const log = join(folder, `${setup.name}.log`)
  const output = openSync(log, 'w')
  const env = { ...process.env, PATH }
  const child = spawn(setup.command, [...setup.args], { detached: true, stdio: ['ignore', output, output], env })
  closeSync(output)
  await once(child, 'spawn')
  const { pid = 0 } = child
  writeFileSync(join(folder, `${setup.name}.pid`), `${pid} ${startOf(pid)}\n`)
  child.unref()
  for (const end = performance.now() + READY_MS; !(await setup.ready()); await sleep(100)) {
    const ended = child.exitCode ?? child.signalCode
    if (ended === null && performance.now() < end) continue
    const why = ended === null ? `does not answer after ${READY_MS / 1000} s` : `ended (${ended})`
    throw new Error(`${setup.name} ${why}; the end of its log:\n${tail(log)}`)
  }
  return pid
}

const tail = (file: string): string => readFileSync(file, 'utf8').trimEnd().split('\n').slice(-15).join('\n')

/** Ends the process that `NAME.pid` tells of: SIGTERM, in the end SIGKILL to it and what it started. True if there was one. */
export async function stop(folder: string, name: ScannerSetup['name']): Promise<boolean> {
  const file = join(folder, `${name}.pid`)
  const [pid = 0, start = ''] = existsSync(file) ? readFileSync(file, 'utf8').trim().split(' ').map(Number) : []
  rmSync(file, { force: true })
  if (pid <= 1 || startOf(pid) !== start) return false
  process.kill(pid, 'SIGTERM')
  for (const end = performance.now() + STOP_MS; startOf(pid) === start; await sleep(50)) {
    if (performance.now() > end) process.kill(-pid, 'SIGKILL')
  }
  return true
}

/** When a process started, in clock ticks since the machine did; null if there is none. A number is given to a new process later: this tells them apart. */
function startOf(pid: number): number | null {
  try {
    // proc(5): the name, in parentheses, may hold anything; the state is the third field, the start the 22nd
    const after = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')
    return after[0] === 'Z' ? null : Number(after[19])
  } catch {
    return null
  }
}
