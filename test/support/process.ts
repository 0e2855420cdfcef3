import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'

/** How a process ended: its exit code, or the signal that ended it. */
export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** A child process with its output kept. */
export interface Running {
  readonly pid: number
  /** Everything it wrote, standard output and error in the order of arrival. */
  output(): string
  /** The last pieces of that, without going through all of it. */
  tail(): string
  readonly ended: Promise<Ended>
  readonly alive: boolean
  signal(signal: NodeJS.Signals): void
}

/** Starts a program without a shell, its standard input closed. Throws when it cannot be started. */
export async function start(command: string, args: readonly string[], options: SpawnOptions = {}): Promise<Running> {
  const child = spawn(command, [...args], { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
  const chunks = gather(child)
  const ended = once(child, 'close').then(([code, signal]): Ended => ({ code, signal }))
  await once(child, 'spawn')
  const { pid } = child
  if (pid === undefined) throw new Error(`${command} has no process id`)
  return {
    pid,
    ended,
    output: () => Buffer.concat(chunks).toString(),
    tail: () => Buffer.concat(chunks.slice(-2)).toString(),
    get alive() {
      return child.exitCode === null && child.signalCode === null
    },
    signal: (signal) => void child.kill(signal),
  }
}

function gather(child: ChildProcess): Buffer[] {
  const chunks: Buffer[] = []
  const keep = (chunk: Buffer) => void chunks.push(chunk)
  child.stdout?.on('data', keep)
  child.stderr?.on('data', keep)
  return chunks
}

/** SIGTERM, and SIGKILL after `graceMs`. */
export async function end(running: Running, graceMs = 10_000): Promise<Ended> {
  if (running.alive) running.signal('SIGTERM')
  const late = new AbortController()
  const patience = sleep(graceMs, null, { signal: late.signal }).catch(() => null)
  const ended = await Promise.race([running.ended, patience])
  late.abort()
  if (ended !== null) return ended
  running.signal('SIGKILL')
  return running.ended
}

/** What a finished program left. */
export interface Finished extends Ended {
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions extends SpawnOptions {
  readonly timeoutMs?: number
  /** Standard input; closed when left out. */
  readonly input?: string | Buffer
}

/** Runs a program to its end and gives its output, whatever its exit code. Killed after `timeoutMs` (default 60 s). */
export async function run(
  command: string,
  args: readonly string[],
  { timeoutMs = 60_000, input, ...options }: RunOptions = {},
): Promise<Finished> {
  const child = spawn(command, [...args], { ...options, timeout: timeoutMs, killSignal: 'SIGKILL', stdio: 'pipe' })
  const stdout: Buffer[] = []
  const stderr: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk))
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  const [code, signal] = await once(child, 'close')
  return { code, signal, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() }
}
