import { PATH, type ScannerSetup } from '../../scripts/lib/scanners/setup.ts'
import { end, type Running, start } from './process.ts'
import { defer, type Scope } from './scope.ts'
import { waitFor } from './wait.ts'

/** A real scanner as a child process, in a folder of its own. It can be ended, and started again at the same place. */
export class ScannerProcess {
  readonly #setup: ScannerSetup
  #running: Running | null = null

  constructor(setup: ScannerSetup) {
    this.#setup = setup
  }

  /** Where it listens, as Postern's configuration has it. */
  get address(): string {
    return this.#setup.address
  }

  /** Waits until it answers. Rspamd takes some seconds. */
  async start(): Promise<void> {
    const { command, args, name } = this.#setup
    const running = await start(command, args, { detached: true, env: { ...process.env, PATH } })
    this.#running = running
    const detail = () => running.output().slice(-3000)
    await waitFor(async () => !running.alive || (await this.#setup.ready()), {
      what: `${name} to answer`,
      timeoutMs: 60_000,
      everyMs: 50,
      detail,
    })
    if (!running.alive) throw new Error(`${name} ended at its start\n${detail()}`)
  }

  get log(): string {
    return this.#running?.output() ?? ''
  }

  /** To all of its processes: some work in children. */
  signal(signal: NodeJS.Signals): void {
    const pid = this.#running?.pid
    if (pid === undefined) throw new Error(`${this.#setup.name} does not run`)
    process.kill(-pid, signal)
  }

  async kill9(): Promise<void> {
    this.signal('SIGKILL')
    await this.#running?.ended
    this.#running = null
  }

  async stop(): Promise<void> {
    const running = this.#running
    this.#running = null
    if (!running?.alive) return
    // one that was stopped hears nothing
    process.kill(-running.pid, 'SIGCONT')
    await end(running)
  }
}

/** A scanner that runs, and is ended with the scope. */
export async function startScanner(scope: Scope, setup: ScannerSetup): Promise<ScannerProcess> {
  const scanner = new ScannerProcess(setup)
  defer(scope, () => scanner.stop())
  await scanner.start()
  return scanner
}
