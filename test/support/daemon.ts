import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { stringify } from 'yaml'
import type { ApiMessage, ApiQueuePage, ApiStatus } from '../../src/admin/api.ts'
import { adminGet } from './admin.ts'
import { temporaryFolder } from './folder.ts'
import { answers } from './ports.ts'
import { type Ended, end, type Finished, type Running, run, start } from './process.ts'
import { defer, type Scope } from './scope.ts'
import { waitFor } from './wait.ts'

/** The configuration as an object, written out as the YAML that an operator would write. */
export interface DaemonConfig {
  readonly listeners: readonly { readonly port: number; readonly [key: string]: unknown }[]
  readonly [key: string]: unknown
}

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
export const POSTERN = join(ROOT, 'scripts/postern')
const READY_MS = 30_000

/** The real daemon, as a child process with its configuration and state in a temporary folder. */
export class Daemon {
  readonly folder: string
  readonly configFile: string
  readonly stateDir: string
  readonly #program: string
  #config: DaemonConfig
  #running: Running | null = null
  #logs = ''

  /** `program` takes the place of scripts/postern for `serve`, and becomes it. */
  constructor(folder: string, config: DaemonConfig, program = POSTERN) {
    this.folder = folder
    this.configFile = join(folder, 'postern.yaml')
    this.stateDir = join(folder, 'state')
    this.#program = program
    this.#config = config
    this.write(config)
  }

  /** Writes another configuration; the daemon sees it at `reload` or its next start. */
  write(config: DaemonConfig): void {
    this.#config = config
    writeFileSync(this.configFile, stringify(config))
  }

  /** Text in place of the configuration, well-formed or not. */
  writeText(text: string): void {
    writeFileSync(this.configFile, text)
  }

  /** Starts the process and waits until all of its listeners answer. `env` is for this process alone. */
  async start(env: NodeJS.ProcessEnv = {}): Promise<void> {
    const running = await start(this.#program, ['serve', '--config', this.configFile, '--state', this.stateDir], {
      env: { ...process.env, NODE_ENV: 'test', ...env },
    })
    this.#running = running
    const detail = () => running.output().slice(-4000)
    await waitFor(() => !running.alive || this.#listens(), {
      what: 'the daemon to listen',
      timeoutMs: READY_MS,
      detail,
    })
    if (!running.alive) throw new Error(`the daemon ended at its start\n${detail()}`)
  }

  async #listens(): Promise<boolean> {
    const open = await Promise.all(this.#config.listeners.map(({ port }) => answers(port)))
    return open.every(Boolean)
  }

  get pid(): number {
    return this.#process().pid
  }

  get alive(): boolean {
    return this.#running?.alive ?? false
  }

  /** Everything that all the processes so far wrote. */
  get log(): string {
    return this.#logs + (this.#running?.output() ?? '')
  }

  /** The log's lines as objects; lines that are not JSON are left out. */
  get logLines(): Record<string, unknown>[] {
    return this.log.split('\n').flatMap((line) => {
      try {
        return [JSON.parse(line)]
      } catch {
        return []
      }
    })
  }

  signal(signal: NodeJS.Signals): void {
    this.#process().signal(signal)
  }

  /** Waits for the process to end by itself, or after a signal. */
  async ended(): Promise<Ended> {
    const ended = await this.#process().ended
    this.#forget()
    return ended
  }

  /** SIGTERM, and SIGKILL if that takes longer than `graceMs`. Does nothing when it is not running. */
  async stop(graceMs = 20_000): Promise<Ended | null> {
    if (this.#running === null) return null
    const ended = await end(this.#running, graceMs)
    this.#forget()
    return ended
  }

  /** SIGKILL: no handler runs, no file is closed. */
  async kill9(): Promise<void> {
    const running = this.#process()
    running.signal('SIGKILL')
    await running.ended
    this.#forget()
  }

  async restart(): Promise<Ended | null> {
    const ended = await this.stop()
    await this.start()
    return ended
  }

  /** Runs an operator's command against this daemon, whatever its configuration file holds now. */
  cli(...args: string[]): Promise<Finished> {
    return run(POSTERN, [...args, '--socket', this.#socket])
  }

  /** Likewise, with `--json`: its parsed output. Throws with what it printed when it fails. */
  async json(...args: string[]): Promise<unknown> {
    const { code, stdout, stderr } = await this.cli(...args, '--json')
    if (code !== 0) throw new Error(`postern ${args.join(' ')} exited ${code}: ${stderr}${stdout}`)
    return JSON.parse(stdout)
  }

  /** The first page of the queue. */
  async queue(): Promise<readonly ApiMessage[]> {
    return ((await adminGet(this.#socket, '/v1/queue')) as ApiQueuePage).messages
  }

  async status(): Promise<ApiStatus> {
    return (await adminGet(this.#socket, '/v1/status')) as ApiStatus
  }

  get #socket(): string {
    return join(this.stateDir, 'admin.sock')
  }

  #process(): Running {
    if (this.#running === null) throw new Error('the daemon is not running')
    return this.#running
  }

  #forget(): void {
    this.#logs += this.#running?.output() ?? ''
    this.#running = null
  }
}

/** A daemon that runs, and is stopped when the scope ends. */
export async function startDaemon(scope: Scope, config: DaemonConfig): Promise<Daemon> {
  const daemon = new Daemon(temporaryFolder(scope), config)
  defer(scope, () => daemon.stop())
  await daemon.start()
  return daemon
}
