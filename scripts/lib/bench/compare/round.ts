import { join } from 'node:path'
import { run } from '../../../../test/support/process.ts'
import { waitFor } from '../../../../test/support/wait.ts'
import type { Load } from './loads.ts'
import type { Mta } from './mta.ts'
import { type Native, type Sending, type Sink, send } from './native.ts'
import { withServer } from './server.ts'

/** What one server did in one round. */
export interface Figures {
  /** Messages acknowledged a second, until the last 250. */
  readonly accepted: number
  /** Messages a second, until the last one reached the sink. */
  readonly relayed: number
  readonly cpuMs: number
  readonly memoryMiB: number
  /** Messages that reached the sink more than once. */
  readonly again: number
  /** CPU of the load client, for each message: what the instrument itself takes from the machine. */
  readonly clientCpuMs: number
}

/** A round that gives no figure, because mail was lost or refused in it. */
export class NoFigure extends Error {
  override readonly name = 'NoFigure'
}

/** How much is sent: for so long, or so many at a steady rate, a second. */
export type Amount = { readonly seconds: number } | { readonly count: number; readonly rate: number }

export interface Round {
  readonly mta: Mta
  readonly load: Load
  readonly warmUpSeconds: number
  readonly amount: Amount
}

export interface Outcome {
  readonly figures: Figures
  readonly sending: Sending
  /** When each message reached the sink, by number, seconds. */
  readonly at: ReadonlyMap<number, number>
}

/** More than any server takes in the time of a round. */
const MOST = 1_000_000
/** So long without an arrival, and what is missing counts as lost. */
const STILL_MS = 60_000

/** One server, started anew, under one load. Rejects with NoFigure when anything acknowledged did not arrive. */
export function runRound(native: Native, { mta, load, warmUpSeconds, amount }: Round): Promise<Outcome> {
  return withServer(native, mta, async ({ port, folder, group, sink }) => {
    const task = { port, load, log: join(folder, 'sent') }
    const warm = await send(native.client, { ...task, first: 0, count: MOST, seconds: warmUpSeconds, rate: 0 })
    await allArrive(sink, acknowledged(warm).length)
    // What was written before is not to be paid for in this round
    await run('sync', [])
    const first = warm.messages.length
    const before = group.cpuSeconds()
    const sending = await send(native.client, { ...task, first, count: MOST, rate: 0, ...amount })
    const taken = [...acknowledged(warm), ...acknowledged(sending)]
    await allArrive(sink, taken.length)
    const cpuMs = ((group.cpuSeconds() - before) * 1000) / sending.messages.length
    const memoryMiB = group.memoryMiB()
    await sink.stop()
    const { at, again } = sink.arrivals()
    judge(mta.name, first + sending.messages.length, taken, at)
    return { figures: { ...speeds(sending, at), cpuMs, memoryMiB, again }, sending, at }
  })
}

const acknowledged = ({ messages }: Sending): number[] =>
  messages.filter(({ code }) => code === 250).map(({ number }) => number)

/** Waits until so many have arrived, or none has for long. */
async function allArrive(sink: Sink, expected: number): Promise<void> {
  let [last, since] = [-1, performance.now()]
  await waitFor(
    () => {
      const count = sink.count()
      if (count !== last) [last, since] = [count, performance.now()]
      return count >= expected || performance.now() - since > STILL_MS
    },
    { what: 'the mail to arrive', timeoutMs: Number.POSITIVE_INFINITY },
  )
}

/** Throws NoFigure unless all was acknowledged and all of that has arrived. */
export function judge(name: string, sent: number, taken: readonly number[], at: ReadonlyMap<number, number>): void {
  const lost = taken.filter((number) => !at.has(number)).length
  if (lost > 0) throw new NoFigure(`${name} acknowledged ${taken.length} messages, and ${lost} of them did not arrive`)
  if (taken.length < sent) throw new NoFigure(`${name} did not acknowledge ${sent - taken.length} of ${sent} messages`)
}

function speeds({ messages, began, ended, cpuSeconds }: Sending, at: ReadonlyMap<number, number>) {
  const last = messages.reduce((latest, { number }) => Math.max(latest, at.get(number) ?? 0), 0)
  return {
    accepted: messages.length / (ended - began),
    relayed: messages.length / (Math.max(last, ended) - began),
    clientCpuMs: (cpuSeconds * 1000) / messages.length,
  }
}
