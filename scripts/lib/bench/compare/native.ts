import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { program } from '../../../../test/support/components.ts'
import { answers } from '../../../../test/support/ports.ts'
import { end, type Running, run, start } from '../../../../test/support/process.ts'
import { waitFor } from '../../../../test/support/wait.ts'
import { Missing } from '../part.ts'
import type { Load } from './loads.ts'

const SOURCES = resolve('scripts/lib/bench/compare/native')

/** The compiled load client and sink, the same for every server. */
export interface Native {
  readonly client: string
  readonly sink: string
}

/** Compiles both into a folder. Throws Missing without a compiler or OpenSSL's headers. */
export async function compileNative(folder: string): Promise<Native> {
  if (program('gcc') === null) throw new Missing('gcc is not installed')
  const compile = async (name: string, ...libraries: string[]) => {
    const binary = join(folder, name)
    const done = await run('gcc', ['-O2', '-o', binary, join(SOURCES, `${name}.c`), ...libraries])
    if (done.code !== 0) throw new Missing(`${name}.c does not compile (libssl-dev is needed): ${done.stderr}`)
    return binary
  }
  return { client: await compile('client', '-lssl', '-lcrypto'), sink: await compile('sink') }
}

/** One message as the client saw it: times in seconds of the machine's monotonic clock. */
export interface Sent {
  readonly number: number
  /** When it should have begun: at a steady rate, by the clock. */
  readonly due: number
  /** When the last byte of its content was handed over; 0 when it came to none. */
  readonly end: number
  readonly reply: number
  /** 250 is an acknowledgement; 0: the connection broke. */
  readonly code: number
}

/** What came of a load. */
export interface Sending {
  readonly messages: readonly Sent[]
  readonly began: number
  /** When the last message was answered. */
  readonly ended: number
  /** CPU of the client itself. */
  readonly cpuSeconds: number
}

export interface Task {
  readonly port: number
  /** Number of the first message. */
  readonly first: number
  /** At most so many. */
  readonly count: number
  /** No message is begun after so long; 0 or left out: until there were `count`. */
  readonly seconds?: number
  readonly load: Load
  /** Messages a second; 0 as fast as it goes. */
  readonly rate: number
  readonly log: string
}

/** Sends a load to its end. */
export async function send(client: string, task: Task): Promise<Sending> {
  const { port, first, count, seconds = 0, load, rate, log } = task
  const numbers = [port, first, count, seconds, load.sessions, load.bytes, load.keep ? 1 : 0, load.tls ? 1 : 0, rate]
  const done = await run(client, [...numbers.map(String), log], { timeoutMs: 3_600_000 })
  if (done.code !== 0) throw new Error(`the load client exited ${done.code ?? done.signal}: ${done.stderr}`)
  const { began, ended, cpuSeconds } = JSON.parse(done.stdout)
  const messages = rows(log).map(([number, due, end, reply, code]) => ({ number, due, end, reply, code }) as Sent)
  return { messages, began, ended, cpuSeconds }
}

/** The sink: the next hop of every server. */
export class Sink {
  readonly #binary: string
  readonly #port: number
  readonly #log: string
  #running: Running | null = null

  constructor(binary: string, port: number, log: string) {
    this.#binary = binary
    this.#port = port
    this.#log = log
  }

  async start(): Promise<void> {
    this.#running = await start(this.#binary, [String(this.#port), this.#log])
    await waitFor(() => answers(this.#port), { what: 'the sink to listen' })
  }

  /** Distinct messages so far, since its start. */
  count(): number {
    const lines = this.#running?.tail().trimEnd().split('\n')
    return Number(lines?.at(-1) ?? 0)
  }

  kill(): void {
    this.#running?.signal('SIGKILL')
  }

  async stop(): Promise<void> {
    if (this.#running !== null) await end(this.#running)
  }

  /** When each message came first, seconds, by number; and how many came again. */
  arrivals(): { readonly at: ReadonlyMap<number, number>; readonly again: number } {
    const at = new Map<number, number>()
    let again = 0
    for (const [number = -1, time = 0] of rows(this.#log)) {
      if (at.has(number)) again++
      else at.set(number, time)
    }
    return { at, again }
  }
}

const rows = (file: string): number[][] =>
  readFileSync(file, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => line.split(' ').map(Number))
