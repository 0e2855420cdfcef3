import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { temporaryFolder } from '../../test/support/folder.ts'
import { CHAIN_LOAD, requireChain } from '../lib/bench/compare/chain.ts'
import { countSyncs, syncsText } from '../lib/bench/compare/durability.ts'
import { exim } from '../lib/bench/compare/exim.ts'
import { endGroupsWhenTold } from '../lib/bench/compare/group.ts'
import { haraka } from '../lib/bench/compare/haraka.ts'
import { Journal } from '../lib/bench/compare/journal.ts'
import { LOADS } from '../lib/bench/compare/loads.ts'
import { aloneHere } from '../lib/bench/compare/lock.ts'
import { thisMachine } from '../lib/bench/compare/machine.ts'
import { estimate, latenciesOf, measure, untilText } from '../lib/bench/compare/measure.ts'
import type { Mta } from '../lib/bench/compare/mta.ts'
import { compileNative, type Native } from '../lib/bench/compare/native.ts'
import { opensmtpd } from '../lib/bench/compare/opensmtpd.ts'
import { postern } from '../lib/bench/compare/postern.ts'
import { postfix } from '../lib/bench/compare/postfix.ts'
import { publish } from '../lib/bench/compare/publish.ts'
import { type Comparison, figuresOf, ratioOf, type Server } from '../lib/bench/compare/result.ts'
import type { Figures } from '../lib/bench/compare/round.ts'
import { tables } from '../lib/bench/compare/tables.ts'
import { type Bench, Missing, type Row } from '../lib/bench/part.ts'

const MTAS: readonly Mta[] = [postern, postfix, haraka, opensmtpd, exim]
const ROUNDS = 3
const TRACED = 10
const TRACED_QUICK = 3
const JOURNAL = join(tmpdir(), 'postern-bench-journal')

/** Postern beside other servers: the same loads, client, sink and machine, one after the other, in rounds. */
export async function bench(bench: Bench): Promise<Row[]> {
  const folder = temporaryFolder(bench, 'compare')
  await aloneHere(bench)
  endGroupsWhenTold(bench)
  const native = await compileNative(folder)
  const machine = await thisMachine(folder)
  const { mta: mtaNames, load: loadNames, resume = false } = bench.options
  const rounds = bench.options.rounds ?? (bench.quick ? 1 : ROUNDS)
  const wantedMtas = MTAS.filter(({ name }) => wanted(mtaNames, name))
  const same = [
    bench.quick,
    rounds,
    mtaNames ?? [],
    loadNames ?? [],
    machine.processor,
    machine.node,
    await postern.version(),
  ]
  const journal = new Journal(`${JOURNAL}${bench.quick ? '-quick' : ''}.json`, { plan: same, resume })
  if (resume) bench.say(`${journal.size} steps taken over from the run before`)
  const { servers, missing } = await whoRuns(bench, native, wantedMtas, journal)
  const loads = LOADS.filter(({ name }) => wanted(loadNames, name))
  const mtas = wantedMtas.filter(({ name }) => servers.some((server) => server.name === name))
  const chain = wanted(loadNames, CHAIN_LOAD.name) && canChain(missing)
  const plan = { loads, mtas, rounds, chain, folder }
  bench.say(`${rounds === 1 ? 'one round' : `${rounds} rounds`}: ${untilText(estimate(plan, bench.quick))}`)
  const cells = await measure(bench, native, plan, journal)
  const tasks = [...loads, ...(chain ? [CHAIN_LOAD] : [])]
  const throughput = { machine, quick: bench.quick, rounds, loads: tasks, servers, missing, cells, latencies: [] }
  const latencies = await latenciesOf(bench, native, { comparison: throughput, plan, journal })
  const comparison: Comparison = { ...throughput, latencies }
  bench.say(`\n${tables(comparison)}`)
  if (bench.options.publish) bench.say(`written into ${publish(comparison)}`)
  if (
    !servers.some(({ name }) => name === postern.name) ||
    cells.some(({ mta, noFigure }) => mta === postern.name && noFigure !== null)
  )
    throw new Error('Postern gave no figure under some load: see above')
  return rowsOf(comparison).map((row) => (bench.quick ? withoutGoal(row) : row))
}

const wanted = (names: readonly string[] | undefined, name: string): boolean =>
  names === undefined || names.includes(name.toLowerCase())

function canChain(missing: Record<string, string>): boolean {
  try {
    requireChain()
    return true
  } catch (error) {
    if (!(error instanceof Missing)) throw error
    missing['the full chain'] = error.message
    return false
  }
}

/** Which servers start and relay here, and how often each syncs before its 250. What cannot is told at once, and left out. */
async function whoRuns(bench: Bench, native: Native, mtas: readonly Mta[], journal: Journal) {
  const servers: Server[] = []
  const missing: Record<string, string> = {}
  for (const mta of mtas) {
    const done = await journal.take(`start, ${mta.name}`, () => introduce(bench, native, mta))
    if ('value' in done) servers.push(done.value)
    else missing[mta.name] = done.failure
    const told = 'value' in done ? `${done.value.version}, syncs before a 250: ${syncsText(done.value.syncs)}` : ''
    bench.say(`  ${mta.name} ${told || `is left out: ${missing[mta.name]}`}`)
  }
  return { servers, missing }
}

async function introduce(bench: Bench, native: Native, mta: Mta): Promise<Server> {
  const version = await mta.version()
  const syncs = await countSyncs(native, mta, bench.quick ? TRACED_QUICK : TRACED).catch((error) => {
    if (!(error instanceof Missing)) throw error
    bench.say(`  ${mta.name}: not traced: ${error.message}`)
    return null
  })
  return { name: mta.name, version, durability: mta.durability, syncs }
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
