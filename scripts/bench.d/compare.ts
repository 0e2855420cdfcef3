import { temporaryFolder } from '../../test/support/folder.ts'
import { exim } from '../lib/bench/compare/exim.ts'
import { haraka } from '../lib/bench/compare/haraka.ts'
import { type Latency, latencyOf } from '../lib/bench/compare/latency.ts'
import { LOADS, type Load } from '../lib/bench/compare/loads.ts'
import { aloneHere } from '../lib/bench/compare/lock.ts'
import { thisMachine } from '../lib/bench/compare/machine.ts'
import type { Mta } from '../lib/bench/compare/mta.ts'
import { compileNative, type Native } from '../lib/bench/compare/native.ts'
import { opensmtpd } from '../lib/bench/compare/opensmtpd.ts'
import { postern } from '../lib/bench/compare/postern.ts'
import { postfix } from '../lib/bench/compare/postfix.ts'
import { publish, tables } from '../lib/bench/compare/publish.ts'
import { type Cell, type Comparison, figuresOf, ratioOf, type Server } from '../lib/bench/compare/result.ts'
import { type Figures, runRound } from '../lib/bench/compare/round.ts'
import { type Bench, Missing, type Row } from '../lib/bench/part.ts'

const MTAS: readonly Mta[] = [postfix, postern, haraka, opensmtpd, exim]
const ROUNDS = 3
const QUICK = 20
/** So long at half of capacity, with sessions enough that a message seldom waits for one. */
const LATENCY_S = 30
const LATENCY_QUICK_S = 2
const LATENCY_SESSIONS = 100

/** Postern beside other servers: the same loads, client, sink and machine, one after the other, in rounds. */
export async function bench(bench: Bench): Promise<Row[]> {
  const folder = temporaryFolder(bench, 'compare')
  await aloneHere(bench)
  const native = await compileNative(folder)
  const loads = LOADS.filter(({ name }) => wanted(bench.options.load, name))
  const { servers, missing } = await whoRuns(MTAS.filter(({ name }) => wanted(bench.options.mta, name)))
  const machine = await thisMachine(folder)
  const rounds = bench.options.rounds ?? (bench.quick ? 1 : ROUNDS)
  const mtas = MTAS.filter(({ name }) => servers.some((server) => server.name === name))
  const cells = await measure(bench, native, { loads, mtas, rounds })
  const throughput: Comparison = { machine, quick: bench.quick, rounds, loads, servers, missing, cells, latencies: [] }
  const latencies = await latenciesOf(bench, native, throughput, mtas)
  const comparison = { ...throughput, latencies }
  bench.say(`\n${tables(comparison)}`)
  if (bench.options.publish) bench.say(`written into ${publish(comparison)}`)
  if (cells.some(({ mta, noFigure }) => mta === postern.name && noFigure !== null))
    throw new Error('Postern gave no figure under some load: see above')
  return rowsOf(comparison).map((row) => (bench.quick ? withoutGoal(row) : row))
}

const wanted = (names: readonly string[] | undefined, name: string): boolean =>
  names === undefined || names.includes(name.toLowerCase())

async function whoRuns(mtas: readonly Mta[]): Promise<{ servers: Server[]; missing: Record<string, string> }> {
  const servers: Server[] = []
  const missing: Record<string, string> = {}
  for (const mta of mtas) {
    try {
      servers.push({ name: mta.name, version: await mta.version(), durability: mta.durability })
    } catch (error) {
      if (!(error instanceof Missing)) throw error
      missing[mta.name] = error.message
    }
  }
  return { servers, missing }
}

interface Plan {
  readonly loads: readonly Load[]
  readonly mtas: readonly Mta[]
  readonly rounds: number
}

/** Every server under every load, in turn, again and again: what the machine does besides falls on all alike. */
async function measure(bench: Bench, native: Native, { loads, mtas, rounds }: Plan): Promise<Cell[]> {
  const cells = loads.flatMap((load) =>
    mtas.map((mta) => ({ load, mta, rounds: [] as Figures[], noFigure: [] as string[] })),
  )
  for (let round = 1; round <= rounds; round++) {
    for (const cell of cells) {
      const where = `round ${round}, ${cell.load.name}, ${cell.mta.name}`
      try {
        const { figures } = await runRound(native, { ...cell, ...amount(bench, cell.load), rate: 0 })
        cell.rounds.push(figures)
        bench.say(`  ${where}: ${sentence(figures)}`)
      } catch (error) {
        cell.noFigure.push(error instanceof Error ? error.message : String(error))
        bench.say(`  ${where}: NO FIGURE: ${cell.noFigure.at(-1)}`)
      }
    }
  }
  return cells.map(({ load, mta, rounds: done, noFigure }) => ({
    ...{ load: load.name, mta: mta.name, rounds: done },
    noFigure: noFigure.length === 0 ? null : noFigure.join('; '),
  }))
}

const amount = ({ quick }: Bench, { count, warmUp }: Load) =>
  quick ? { count: count / QUICK, warmUp: warmUp / QUICK } : { count, warmUp }

const sentence = ({ relayed, accepted, cpuMs, memoryMiB, again, clientCpuMs }: Figures): string =>
  `relayed ${relayed.toFixed(0)}/s, accepted ${accepted.toFixed(0)}/s, ${cpuMs.toFixed(2)} ms CPU (client ${clientCpuMs.toFixed(2)}), ` +
  `${memoryMiB.toFixed(0)} MiB${again > 0 ? `, ${again} twice` : ''}`

/** Each server at half of what it relays, for a while: how long its clients and their mail wait. */
async function latenciesOf(bench: Bench, native: Native, comparison: Comparison, mtas: readonly Mta[]) {
  const [load] = comparison.loads
  const latencies: Latency[] = []
  for (const mta of mtas) {
    const capacity = load && figuresOf(comparison, load.name, mta.name)?.relayed
    if (!capacity) continue
    const rate = Math.max(1, capacity / 2)
    const count = Math.ceil(rate * (bench.quick ? LATENCY_QUICK_S : LATENCY_S))
    const roomy = { ...load, sessions: LATENCY_SESSIONS }
    try {
      const outcome = await runRound(native, { mta, load: roomy, count, warmUp: amount(bench, load).warmUp, rate })
      latencies.push(latencyOf(mta.name, rate, outcome))
    } catch (error) {
      bench.say(`  latency, ${mta.name}: NO FIGURE: ${error}`)
    }
  }
  return latencies
}

/** So few messages show that the benchmark runs, and not what it asks for. */
const withoutGoal = ({ name, value, unit }: Row): Row => ({ name, value, unit })

/** Postern's figures beside Postfix's. */
function rowsOf(comparison: Comparison): Row[] {
  return comparison.loads.flatMap(({ name, title, atLeast }) => {
    const ratio = (key: keyof Figures) => ratioOf(comparison, name, postern.name, key) ?? Number.NaN
    const figures = figuresOf(comparison, name, postern.name)
    const goal = atLeast === undefined ? {} : { goal: { atLeast } }
    return [
      { name: `${title}: relayed`, value: ratio('relayed'), unit: '× Postfix', ...goal },
      { name: `${title}: CPU per message`, value: ratio('cpuMs'), unit: '× Postfix' },
      { name: `${title}: relayed`, value: figures?.relayed ?? Number.NaN, unit: 'messages/s' },
    ]
  })
}
