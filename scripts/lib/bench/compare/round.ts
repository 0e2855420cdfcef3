import { connect } from 'node:net'
import { join } from 'node:path'
import { makeCertificate } from '../../../../test/support/certs.ts'
import { temporaryFolder } from '../../../../test/support/folder.ts'
import { freePort } from '../../../../test/support/ports.ts'
import { defer, type Scope } from '../../../../test/support/scope.ts'
import { waitFor } from '../../../../test/support/wait.ts'
import { Group } from './group.ts'
import type { Load } from './loads.ts'
import type { Mta } from './mta.ts'
import { type Native, type Sending, Sink, send } from './native.ts'

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

export interface Round {
  readonly mta: Mta
  readonly load: Load
  /** Messages to count. */
  readonly count: number
  readonly warmUp: number
  /** Messages a second; 0 as fast as it goes. */
  readonly rate: number
}

export interface Outcome {
  readonly figures: Figures
  readonly sending: Sending
  /** When each message reached the sink, by number, seconds. */
  readonly at: ReadonlyMap<number, number>
}

const START_MS = 60_000
/** So long without an arrival, and what is missing counts as lost. */
const STILL_MS = 60_000

/** One server, started anew, under one load. Rejects with NoFigure when anything acknowledged did not arrive. */
export async function runRound(native: Native, round: Round): Promise<Outcome> {
  const undos: (() => unknown)[] = []
  try {
    return await inScope({ after: (undo: unknown) => void undos.push(undo as () => unknown) }, native, round)
  } finally {
    for (const undo of undos) await undo()
  }
}

async function inScope(scope: Scope, native: Native, { mta, load, count, warmUp, rate }: Round): Promise<Outcome> {
  const folder = temporaryFolder(scope, 'bench-run')
  const [port, sinkPort] = [await freePort(), await freePort()]
  const group = new Group(mta.name.toLowerCase())
  defer(scope, () => group.end())
  const sink = new Sink(native.sink, sinkPort, join(folder, 'arrivals'))
  await sink.start()
  defer(scope, () => sink.stop())
  const certificate = makeCertificate(folder, 'relay', ['relay.test'])
  await mta.start({ folder: temporaryFolder(scope, 'bench-mta'), port, sink: sinkPort, certificate, group })
  await waitFor(() => greets(port), {
    what: `${mta.name} to answer`,
    timeoutMs: START_MS,
    detail: () => group.output(),
  })
  const task = { port, load, log: join(folder, 'sent') }
  const warm = await send(native.client, { ...task, first: 0, count: warmUp, rate: 0 })
  await allArrive(sink, acknowledged(warm).length)
  const before = group.cpuSeconds()
  const sending = await send(native.client, { ...task, first: warmUp, count, rate })
  await allArrive(sink, acknowledged(warm).length + acknowledged(sending).length)
  const cpuMs = ((group.cpuSeconds() - before) * 1000) / count
  const memoryMiB = group.memoryMiB()
  await sink.stop()
  const { at, again } = sink.arrivals()
  judge(mta.name, warmUp + count, [...acknowledged(warm), ...acknowledged(sending)], at)
  return { figures: { ...speeds(sending, at), cpuMs, memoryMiB, again }, sending, at }
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

/** Whether something says 220 there. */
function greets(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', timeout: 5000 })
    const answer = (yes: boolean) => {
      resolve(yes)
      socket.end('QUIT\r\n')
    }
    socket.once('data', (chunk) => answer(chunk.toString().startsWith('220')))
    socket.once('error', () => answer(false))
    socket.once('close', () => answer(false))
    socket.once('timeout', () => socket.destroy())
  })
}
