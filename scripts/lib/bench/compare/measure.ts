import type { Bench } from '../part.ts'
import { CHAIN_LOAD, chainRound, isChained } from './chain.ts'
import type { Journal } from './journal.ts'
import { type Latency, latencyOf } from './latency.ts'
import type { Load } from './loads.ts'
import type { Mta } from './mta.ts'
import type { Native } from './native.ts'
import { type Cell, type Comparison, figuresOf } from './result.ts'
import { type Figures, runRound } from './round.ts'

/** What is to be run. */
export interface Plan {
  readonly loads: readonly Load[]
  readonly mtas: readonly Mta[]
  readonly rounds: number
  /** With the full chain, for the servers that have one. */
  readonly chain: boolean
  /** A folder for the chain's files. */
  readonly folder: string
}

const SECONDS = 9
const WARM_UP_S = 2
const QUICK_S = 0.6
const QUICK_WARM_UP_S = 0.3
/** So long at half of capacity, with sessions enough that a message seldom waits for one. */
const LATENCY_S = 20
const LATENCY_QUICK_S = 2
const LATENCY_SESSIONS = 100
/** Starting, draining and stopping a server, and the wait for the disk before. */
const AROUND_S = 6
const CHAIN_AROUND_S = 8

/** One figure to be taken: a server under a load, in every round. */
interface Slot {
  readonly load: string
  readonly mta: string
  run(): Promise<Figures>
}

/** How long a plan will take, seconds: an estimate. */
export function estimate({ loads, mtas, rounds, chain }: Plan, quick: boolean): number {
  const [seconds, warmUp, latency] = quick
    ? [QUICK_S, QUICK_WARM_UP_S, LATENCY_QUICK_S]
    : [SECONDS, WARM_UP_S, LATENCY_S]
  const runs = mtas.flatMap((mta) => loads.filter((load) => !mta.unfit?.(load))).length
  const chained = chain ? mtas.filter(({ name }) => isChained(name)).length : 0
  const round = runs * (seconds + warmUp + AROUND_S) + chained * (seconds + CHAIN_AROUND_S)
  return rounds * round + mtas.length * (latency + warmUp + AROUND_S)
}

/** Every server under every load, in turn, again and again: what the machine does besides falls on all alike. */
export async function measure(bench: Bench, native: Native, plan: Plan, journal: Journal): Promise<Cell[]> {
  const slots = slotsOf(bench, native, plan)
  const rounds = new Map<Slot, Figures[]>(slots.map((slot) => [slot, []]))
  const failures = new Map<Slot, string>()
  const began = performance.now()
  for (let round = 1; round <= plan.rounds; round++) {
    // One lost message takes a server's figure away: further rounds would show nothing
    for (const slot of slots.filter((each) => !failures.has(each))) {
      const where = `round ${round}, ${slot.load}, ${slot.mta}`
      const done = await journal.take(where, slot.run)
      if ('value' in done) rounds.get(slot)?.push(done.value)
      else failures.set(slot, done.failure)
      bench.say(`  ${where}: ${'value' in done ? sentence(done.value) : `NO FIGURE: ${done.failure}`}`)
    }
    const perRound = (performance.now() - began) / round / 1000
    if (round < plan.rounds) bench.say(`  ${untilText(perRound * (plan.rounds - round))} for the other rounds`)
  }
  const unfit = plan.mtas.flatMap((mta) =>
    plan.loads.map((load) => ({ load: load.name, mta: mta.name, rounds: [], noFigure: mta.unfit?.(load) ?? null })),
  )
  return [
    ...slots.map((slot) => ({
      ...{ load: slot.load, mta: slot.mta, rounds: rounds.get(slot) ?? [] },
      noFigure: failures.get(slot) ?? null,
    })),
    ...unfit.filter(({ noFigure }) => noFigure !== null),
  ]
}

function slotsOf({ quick }: Bench, native: Native, { loads, mtas, chain, folder }: Plan): Slot[] {
  const warmUpSeconds = quick ? QUICK_WARM_UP_S : WARM_UP_S
  const amount = { seconds: quick ? QUICK_S : SECONDS }
  const slots = loads.flatMap((load) =>
    mtas
      .filter((mta) => !mta.unfit?.(load))
      .map((mta) => ({
        ...{ load: load.name, mta: mta.name },
        run: async () => (await runRound(native, { mta, load, warmUpSeconds, amount })).figures,
      })),
  )
  const names = chain ? mtas.map(({ name }) => name).filter(isChained) : []
  return [...slots, ...names.map((mta) => ({ load: CHAIN_LOAD.name, mta, run: () => chainRound(folder, mta, quick) }))]
}

const sentence = ({ relayed, accepted, cpuMs, memoryMiB, again }: Figures): string =>
  `relayed ${relayed.toFixed(0)}/s, accepted ${accepted.toFixed(0)}/s, ${cpuMs.toFixed(2)} ms CPU, ` +
  `${memoryMiB.toFixed(0)} MiB${again > 0 ? `, ${again} twice` : ''}`

/** "about 12 min (until 14:05)". */
export function untilText(seconds: number): string {
  const end = new Date(Date.now() + seconds * 1000)
  return `about ${Math.ceil(seconds / 60)} min (until ${end.toTimeString().slice(0, 5)})`
}

const latencyText = ({ rate, answer }: Latency): string =>
  `${rate.toFixed(0)}/s, ${answer.p50.toFixed(1)} ms (p50), ${answer.p99.toFixed(1)} ms (p99)`

/** Each server at half of what it relays, for a while: how long its clients and their mail wait. */
export async function latenciesOf(
  bench: Bench,
  native: Native,
  { comparison, plan, journal }: { comparison: Comparison; plan: Plan; journal: Journal },
): Promise<Latency[]> {
  const [load] = plan.loads
  const latencies: Latency[] = []
  for (const mta of plan.mtas) {
    const capacity = load && figuresOf(comparison, load.name, mta.name)?.relayed
    if (!capacity) continue
    const rate = Math.max(1, capacity / 2)
    const amount = { rate, count: Math.ceil(rate * (bench.quick ? LATENCY_QUICK_S : LATENCY_S)) }
    const warmUpSeconds = bench.quick ? QUICK_WARM_UP_S : WARM_UP_S
    const round = { mta, load: { ...load, sessions: LATENCY_SESSIONS }, warmUpSeconds, amount }
    const done = await journal.take(`latency, ${mta.name}`, async () =>
      latencyOf(mta.name, rate, await runRound(native, round)),
    )
    if ('value' in done) latencies.push(done.value)
    bench.say(`  latency, ${mta.name}: ${'value' in done ? latencyText(done.value) : `NO FIGURE: ${done.failure}`}`)
  }
  return latencies
}
