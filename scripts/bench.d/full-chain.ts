import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { temporaryFolder } from '../../test/support/folder.ts'
import { freePort } from '../../test/support/ports.ts'
import { defer } from '../../test/support/scope.ts'
import { CHAIN, chainCommand, refuseLoss, requireChain } from '../lib/bench/compare/chain.ts'
import { aloneHere } from '../lib/bench/compare/lock.ts'
import type { Bench, Row } from '../lib/bench/part.ts'
import { medians, watched } from '../lib/bench/relaybench.ts'

const HOOK = resolve('scripts/lib/bench/loop-delay.ts')
const EVERY_MS = 500

/** The whole chain beside Postfix with opendkim and opendmarc; how late the main thread is meanwhile, and what each plugin takes. */
export async function bench(bench: Bench): Promise<Row[]> {
  requireChain()
  await aloneHere(bench)
  const work = temporaryFolder(bench, 'full-chain')
  const [metricsPort, loop] = [await freePort(), join(work, 'loop.json')]
  const metrics = follow(bench, metricsPort)
  const hook = `env NODE_OPTIONS=--import=${HOOK} POSTERN_BENCH_LOOP=${loop}`
  const command = `${hook} ${chainCommand(work, metricsPort)}`
  const rounds = String(bench.options.rounds ?? (bench.quick ? 1 : 3))
  const amount = bench.quick ? ['-n', '500', '--warm', '100'] : ['-n', '5000']
  const args = ['-r', rounds, ...amount, 'postfix', `cmd:postern:2530:2625:${command}`]
  const output = await watched(['python3', CHAIN, ...args], bench.say, { ...process.env, BENCH_WORK: work })
  refuseLoss(output)
  const [postfix, postern] = [medians(output, 'postfix'), medians(output, 'postern')]
  return [
    { name: 'relayed', value: postern.relay / postfix.relay, unit: '× Postfix' },
    { name: 'CPU per message', value: postern.cpu / postfix.cpu, unit: '× Postfix' },
    { name: 'relayed', value: postern.relay, unit: 'messages/s' },
    { name: 'memory', value: postern.rss, unit: 'MiB' },
    ...loopRows(loop),
    ...pluginRows(metrics()),
  ]
}

/** Reads the daemon's metrics again and again; gives the last that there was. */
function follow(bench: Bench, port: number): () => string {
  let last = ''
  const read = async () => {
    last = await fetch(`http://127.0.0.1:${port}/metrics`).then(
      (answer) => answer.text(),
      () => last,
    )
  }
  const timer = setInterval(read, EVERY_MS)
  defer(bench, () => clearInterval(timer))
  return () => last
}

/** Of the last round. */
function loopRows(file: string): Row[] {
  const { p50, p99, max } = JSON.parse(readFileSync(file, 'utf8')) as Record<string, number>
  const row = (name: string, value = Number.NaN): Row => ({ name: `main thread late: ${name}`, value, unit: 'ms' })
  return [row('p50', p50), row('p99', p99), row('longest', max)]
}

const PLUGIN = /^postern_inspection_seconds_(sum|count)\{.*?plugin="([^"]+)".*?\} (\S+)$/gm

/** Mean time of each plugin, from the histogram: waiting for its answers is in it. */
function pluginRows(metrics: string): Row[] {
  const sums = new Map<string, { sum: number; count: number }>()
  for (const [, what, plugin = '', value] of metrics.matchAll(PLUGIN)) {
    const entry = sums.get(plugin) ?? { sum: 0, count: 0 }
    sums.set(plugin, { ...entry, [what as 'sum' | 'count']: Number(value) })
  }
  return [...sums].map(([plugin, { sum, count }]) => ({
    name: `plugin ${plugin}: mean time`,
    value: (sum * 1000) / count,
    unit: 'ms',
  }))
}
