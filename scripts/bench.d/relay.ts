import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '../../test/support/folder.ts'
import type { Bench, Row } from '../lib/bench/part.ts'
import { INSTRUMENT, medians, requireInstrument, watched } from '../lib/bench/relaybench.ts'

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

export async function bench(bench: Bench): Promise<Row[]> {
  requireInstrument()
  const work = temporaryFolder(bench, 'relaybench')
  const rows: Row[] = []
  for (const [index, load] of LOADS.entries()) rows.push(...(await measure(bench, load, join(work, String(index)))))
  return rows
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
