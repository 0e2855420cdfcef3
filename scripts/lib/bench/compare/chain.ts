import { chmodSync, existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { answers, freePort } from '../../../../test/support/ports.ts'
import { Missing } from '../part.ts'
import { requireInstrument, watched } from '../relaybench.ts'
import type { Figures } from './round.ts'

/** The instrument of the full chain: Postfix with opendkim and opendmarc, or a command, on signed mail. */
export const CHAIN = resolve('../shared/bench/fullchain.py')

/** Throws Missing unless the instrument can run here. */
export function requireChain(): void {
  requireInstrument('unbound', 'opendkim', 'opendmarc')
  if (!existsSync(CHAIN)) throw new Missing(`the side-by-side instrument, ${CHAIN}`)
}

/** Writes config/bench-full.yaml with its metrics open, to run from another folder. Gives the command that starts Postern with it. */
export function chainCommand(work: string, metricsPort: number): string {
  const config = join(work, 'postern.yaml')
  const text = readFileSync('config/bench-full.yaml', 'utf8')
    .replace('metrics: { listen: off }', `metrics: { listen: '127.0.0.1:${metricsPort}' }`)
    .replace('text: tagline.txt', `text: ${resolve('config/tagline.txt')}`)
  writeFileSync(config, text)
  return `scripts/postern serve --config ${config} --state ${join(work, 'state')}`
}

/** A run that lost a message gives no figure. */
export function refuseLoss(output: string): void {
  const lost = [...output.matchAll(/^round.*missing (-?\d+)$/gm)].filter(([, missing]) => missing !== '0')
  if (lost.length > 0)
    throw new Error(`no figure, because messages did not arrive: ${lost.map(([line]) => line).join('; ')}`)
}

export const CHAIN_LOAD = { name: 'full-chain', title: '10 KiB, SPF, DKIM and DMARC checked, DKIM signed' }

/** Enough for about nine seconds on two cores. */
const COUNTS = { Postfix: 1000, Postern: 8000 }
const WARM_SHARE = 10
const QUICK = 5
/** More than the instrument's sessions. */
const WARM_LEAST = 100

/** Servers that the instrument sets up with the whole chain. */
export type Chained = keyof typeof COUNTS
export const isChained = (name: string): name is Chained => name in COUNTS

/** The instrument's own, of a server and its sink. */
const PORTS = { Postfix: [2525, 2625], Postern: [2530, 2625] }

/** Whoever listens there would be measured in the server's place. */
async function refuseOthers(mta: Chained): Promise<void> {
  for (const port of PORTS[mta])
    if (await answers(port)) throw new Error(`another program listens on 127.0.0.1:${port}, which the instrument needs`)
}

/** One round of one server with the whole chain, in a folder of its own below `folder`. Rejects where a message was lost. */
export async function chainRound(folder: string, mta: Chained, quick: boolean): Promise<Figures> {
  await refuseOthers(mta)
  const work = mkdtempSync(join(folder, 'chain-'))
  chmodSync(work, 0o755)
  const count = COUNTS[mta] / (quick ? QUICK : 1)
  const side = mta === 'Postfix' ? 'postfix' : `cmd:postern:2530:2625:${chainCommand(work, await freePort())}`
  const amount = ['-r', '1', '-n', String(count), '--warm', String(Math.max(WARM_LEAST, count / WARM_SHARE))]
  const output = await watched(['python3', CHAIN, ...amount, side], () => {}, { ...process.env, BENCH_WORK: work })
  refuseLoss(output)
  return readRound(output)
}

const ROUND = /^round 1 \S+\s+accept\s+(\d+)\/s\s+relay\s+(\d+)\/s\s+cpu (\S+) ms\/msg\s+rss (\d+) MiB/m

/** The figures of a round, from the instrument's output. It counts arrivals, so a message too many is refused as one too few is. */
export function readRound(output: string): Figures {
  const found = ROUND.exec(output)
  if (found === null) throw new Error(`the instrument printed no round: ${output.slice(-500)}`)
  const [accepted, relayed, cpuMs, memoryMiB] = found.slice(1).map(Number) as [number, number, number, number]
  return { accepted, relayed, cpuMs, memoryMiB, again: 0, clientCpuMs: 0 }
}
