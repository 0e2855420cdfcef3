import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { program } from '../../../test/support/components.ts'
import { Missing } from './part.ts'

/** The instrument that measures Postern and Postfix side by side, one after the other, over several rounds. */
export const INSTRUMENT = resolve('../shared/bench/relaybench.py')

/** Throws Missing unless the instrument can run here. */
export function requireInstrument(...programs: string[]): void {
  if (!existsSync(INSTRUMENT)) throw new Missing(`the side-by-side instrument, ${INSTRUMENT}`)
  for (const name of ['postfix', 'smtp-source', 'python3', 'gcc', ...programs]) {
    if (program(name) === null) throw new Missing(`${name} is not installed`)
  }
  if (!existsSync('/sys/fs/cgroup/cpuacct'))
    throw new Missing('control groups of version 1, which the instrument reads')
}

/** Runs a program, passing its lines on; gives its output. Rejects unless it exits with 0. */
export async function watched(
  [command = '', ...args]: readonly string[],
  say: (text: string) => void,
  env: NodeJS.ProcessEnv = process.env,
): Promise<string> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'], env })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk
    say(`  ${chunk.toString().trimEnd().replaceAll('\n', '\n  ')}`)
  })
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`${command} exited ${code}`)
  return output
}

/** What one side did: messages relayed a second, CPU of a message in ms, memory in MiB. */
export interface Medians {
  readonly relay: number
  readonly cpu: number
  readonly rss: number
}

const MEDIAN = /^median (\S+)\s+accept\s+\S+ \(\S+\)\s+relay\s+(\d+)\/s \(\S+\)\s+cpu (\S+) ms\/msg\s+rss (\d+) MiB/gm

/** Reads the medians of one side from the output. Throws where it has none. */
export function medians(output: string, name: string): Medians {
  const found = [...output.matchAll(MEDIAN)].find(([, who]) => who === name)
  if (found === undefined) throw new Error(`the instrument printed no median of ${name}`)
  const [, , relay, cpu, rss] = found
  return { relay: Number(relay), cpu: Number(cpu), rss: Number(rss) }
}
