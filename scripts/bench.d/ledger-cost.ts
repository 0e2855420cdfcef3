import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { temporaryFolder } from '../../test/support/folder.ts'
import type { Bench, Row } from '../lib/bench/part.ts'
import { INSTRUMENT, medians, requireInstrument, watched } from '../lib/bench/relaybench.ts'

const HOOK = resolve('scripts/lib/bench/without-record.ts')
const ROUNDS = '5'

/**
 * What the whole record costs: the relay as it is, beside one whose spool writes no journal and which
 * has no ledger, in turn in one run. The product has no such switch: a hook takes both out of its source.
 */
export async function bench(bench: Bench): Promise<Row[]> {
  requireInstrument()
  const work = temporaryFolder(bench, 'ledger-cost')
  const serve = (name: string) => `scripts/postern serve --config config/bench.yaml --state ${join(work, name)}`
  for (const name of ['on', 'off']) mkdirSync(join(work, name))
  const off = `cmd:off:2530:2625:env NODE_OPTIONS=--import=${HOOK} ${serve('off')}`
  const short = bench.quick ? ['-r', '1', '-n', '500'] : ['-r', ROUNDS, '-n', '20000']
  const output = await watched(['python3', INSTRUMENT, ...short, off, `cmd:on:2530:2625:${serve('on')}`], bench.say)
  const [without, having] = [medians(output, 'off'), medians(output, 'on')]
  return [
    { name: 'relayed without a record', value: without.relay, unit: 'messages/s' },
    { name: 'relayed with it', value: having.relay, unit: 'messages/s' },
    {
      name: 'the record costs',
      value: 100 * (1 - having.relay / without.relay),
      unit: '% of messages/s',
      goal: { atMost: 15 },
    },
    { name: 'CPU of a message without it', value: without.cpu, unit: 'ms' },
    { name: 'CPU of a message with it', value: having.cpu, unit: 'ms' },
  ]
}
