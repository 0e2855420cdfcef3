import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { program } from '../../test/support/components.ts'
import { temporaryFolder } from '../../test/support/folder.ts'
import { type Bench, Missing, type Row } from '../lib/bench/part.ts'

/** Side by side with Postfix: the four loads, each with what is asked of Postern, as multiples of Postfix. */
interface Load {
  readonly name: string
  readonly args: readonly string[]
  readonly relayed: number
  readonly cpu: number
}

const LOADS: readonly Load[] = [
  { name: '10 KiB, 20 sessions kept open', args: [], relayed: 4, cpu: 0.25 },
  { name: '4 KiB, 100 sessions', args: ['-s', '100', '-l', '4096'], relayed: 5, cpu: 0.2 },
  { name: '10 KiB, a connection per message', args: ['--no-reuse'], relayed: 1.5, cpu: 0.6 },
  { name: '1 MiB', args: ['-l', '1048576', '-n', '300'], relayed: 1.2, cpu: 1 },
]

const INSTRUMENT = resolve('../shared/bench/relaybench.py')

export async function bench(bench: Bench): Promise<Row[]> {
  requireAll()
  const work = temporaryFolder(bench, 'relaybench')
  const rows: Row[] = []
  for (const [index, load] of LOADS.entries()) rows.push(...(await measure(bench, load, join(work, String(index)))))
  return rows
}

function requireAll(): void {
  if (!existsSync(INSTRUMENT)) throw new Missing(`the side-by-side instrument, ${INSTRUMENT}`)
  for (const name of ['postfix', 'smtp-source', 'python3', 'gcc']) {
    if (program(name) === null) throw new Missing(`${name} is not installed`)
  }
  if (!existsSync('/sys/fs/cgroup/cpuacct'))
    throw new Missing('control groups of version 1, which the instrument reads')
}

async function measure({ quick, say }: Bench, load: Load, folder: string): Promise<Row[]> {
  mkdirSync(folder)
  const command = `scripts/postern serve --config config/bench.yaml --state ${join(folder, 'state')}`
  const short = quick ? ['-r', '1', '-n', load.args.includes('-n') ? '30' : '500'] : []
  const args = [...load.args, ...short, 'postfix', `cmd:postern:2530:2625:${command}`]
  say(`${load.name}: relaybench.py ${args.join(' ')}`)
  const output = await watched(['python3', INSTRUMENT, ...args], say)
  const [postfix, postern] = [medians(output, 'postfix'), medians(output, 'postern')]
  const of = (what: string) => `${load.name}: ${what}`
  return [
    { name: of('relayed'), value: postern.relay / postfix.relay, unit: '× Postfix', goal: { atLeast: load.relayed } },
    { name: of('CPU per message'), value: postern.cpu / postfix.cpu, unit: '× Postfix', goal: { atMost: load.cpu } },
    { name: of('relayed'), value: postern.relay, unit: 'messages/s' },
    { name: of('memory'), value: postern.rss, unit: 'MiB' },
  ]
}

/** Runs a program, passing its lines on; gives its output. Rejects unless it exits with 0. */
async function watched([command = '', ...args]: readonly string[], say: (text: string) => void): Promise<string> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk
    say(`  ${chunk.toString().trimEnd().replaceAll('\n', '\n  ')}`)
  })
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`${command} exited ${code}`)
  return output
}

const MEDIAN = /^median (\S+)\s+accept\s+\S+ \(\S+\)\s+relay\s+(\d+)\/s \(\S+\)\s+cpu (\S+) ms\/msg\s+rss (\d+) MiB/gm

function medians(output: string, name: string): { relay: number; cpu: number; rss: number } {
  const found = [...output.matchAll(MEDIAN)].find(([, who]) => who === name)
  if (found === undefined) throw new Error(`the instrument printed no median of ${name}`)
  const [, , relay, cpu, rss] = found
  return { relay: Number(relay), cpu: Number(cpu), rss: Number(rss) }
}
