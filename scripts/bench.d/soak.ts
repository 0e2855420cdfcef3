import { once } from 'node:events'
import { connect } from 'node:net'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { makeCertificate } from '../../test/support/certs.ts'
import { relayConfig } from '../../test/support/config.ts'
import { Daemon } from '../../test/support/daemon.ts'
import { temporaryFolder } from '../../test/support/folder.ts'
import { freePort } from '../../test/support/ports.ts'
import { defer } from '../../test/support/scope.ts'
import { waitFor } from '../../test/support/wait.ts'
import type { Load } from '../lib/bench/compare/loads.ts'
import { aloneHere } from '../lib/bench/compare/lock.ts'
import { compileNative, type Sending, Sink, send } from '../lib/bench/compare/native.ts'
import { eventually, growthOf } from '../lib/bench/course.ts'
import { type Bench, type Row, reaches } from '../lib/bench/part.ts'
import { type Holdings, holdingsOf, probeEnv } from '../lib/prove/network/holdings.ts'

const MINUTES = 2
const QUICK_MINUTES = 0.5
/** The load in pieces, so that no list of a whole run is held. */
const PIECE_S = 20
const WARM_UP = 5000
const QUICK_WARM_UP = 500
/** Sessions to the next hop lapse, caches are let go. */
const SETTLE_MS = 40_000
const QUICK_SETTLE_MS = 15_000
const FAULT_EVERY_MS = 700
const SINK_DOWN_MS = 300
const DRAIN_MS = 600_000
/** The longest that is waited, at the end, for what is let go late. */
const PATIENCE_MS = 180_000
/** What is held is looked at after so many pieces. */
const LOOK_EVERY = 3
const MIB = 2 ** 20

// A new TLS connection for each message: the load under which most is made and must be let go
const LOAD: Load = {
  ...{ name: 'soak', title: 'soak', sessions: 50, bytes: 10_240, keep: false, tls: true },
}

/** Half load with faults for a while: nothing is lost, and memory and handles end where they began. */
export async function bench(bench: Bench): Promise<Row[]> {
  await aloneHere(bench)
  const folder = temporaryFolder(bench, 'soak')
  const native = await compileNative(folder)
  const [port, sinkPort] = [await freePort(), await freePort()]
  const sink = new Sink(native.sink, sinkPort, join(folder, 'arrivals'))
  await sink.start()
  defer(bench, () => sink.stop())
  const certificate = makeCertificate(folder, 'soak', ['postern.test'])
  const more = { log: { level: 'error' }, limits: { connections: { total: 20_000 } } }
  const daemon = new Daemon(folder, relayConfig({ port, nextHop: sinkPort, certificate, more }))
  defer(bench, () => daemon.stop())
  await daemon.start(probeEnv(daemon))
  const account = new Account()
  const piece = async (count: number, rate: number) => {
    const log = join(folder, 'sent')
    const sending = await send(native.client, { port, first: account.next(count), count, load: LOAD, rate, log })
    account.add(sending)
    return sending
  }
  const settleMs = bench.quick ? QUICK_SETTLE_MS : SETTLE_MS
  const warmUp = bench.quick ? QUICK_WARM_UP : WARM_UP
  const { began, ended } = await piece(warmUp, 0)
  const rate = warmUp / (ended - began) / 2
  await account.arrived(sink)
  await sleep(settleMs)
  const before = await holdingsOf(daemon)
  const minutes = bench.options.minutes ?? (bench.quick ? QUICK_MINUTES : MINUTES)
  bench.say(`  ${minutes} minutes at ${rate.toFixed(0)} messages/s; before: ${holdingsText(before)}`)
  const faults = new Faults(sink, port)
  const running = faults.run()
  const course: Holdings[] = []
  const loads: number[] = []
  const end = performance.now() + minutes * 60_000
  for (let pieces = 1; performance.now() < end; pieces++) {
    await piece(Math.ceil(rate * Math.min(PIECE_S, (end - performance.now()) / 1000)), rate)
    bench.say(`  ${account.acknowledged.size} acknowledged, ${account.refused} not; ${faults.told()}`)
    loads.push(loadavg()[0] ?? 0)
    if (pieces % LOOK_EVERY !== 0) continue
    const now = await holdingsOf(daemon)
    course.push(now)
    bench.say(`  holds: ${holdingsText(now)}`)
  }
  faults.stop()
  await running
  await account.arrived(sink)
  await sleep(settleMs)
  const isLetGo = (held: Holdings) => holdingRows(before, held).every(reaches)
  const after = await eventually(() => holdingsOf(daemon), isLetGo, { patienceMs: bench.quick ? 0 : PATIENCE_MS })
  bench.say(`  after: ${holdingsText(after)}`)
  return [
    ...account.rows(sink),
    ...holdingRows(before, after),
    ...courseRows(before, course),
    { name: 'faults', value: faults.count, unit: '' },
    { name: 'load of the machine', value: loads.reduce((sum, one) => sum + one, 0) / loads.length, unit: '' },
  ]
}

/** Which messages were acknowledged. */
class Account {
  readonly acknowledged = new Set<number>()
  refused = 0
  #next = 0

  /** The first of so many new numbers. */
  next(count: number): number {
    const first = this.#next
    this.#next += count
    return first
  }

  add({ messages }: Sending): void {
    for (const { number, code } of messages) {
      if (code === 250) this.acknowledged.add(number)
      else this.refused++
    }
  }

  /** Waits until all that was acknowledged has arrived, or for long. */
  async arrived(sink: Sink): Promise<void> {
    await waitFor(() => this.#lost(sink) === 0, {
      ...{ what: 'all mail to arrive', timeoutMs: DRAIN_MS, everyMs: 2000 },
      detail: () => `lost: ${this.#lost(sink)}`,
    })
  }

  #lost(sink: Sink): number {
    const { at } = sink.arrivals()
    let lost = 0
    for (const number of this.acknowledged) if (!at.has(number)) lost++
    return lost
  }

  rows(sink: Sink): Row[] {
    return [
      { name: 'acknowledged', value: this.acknowledged.size, unit: 'messages' },
      { name: 'not acknowledged', value: this.refused, unit: 'messages' },
      { name: 'lost', value: this.#lost(sink), unit: 'messages', goal: { atMost: 0 } },
      { name: 'twice', value: sink.arrivals().again, unit: 'messages' },
    ]
  }
}

/** Kills the sink, and resets connections in the middle of a message, in turn. */
class Faults {
  readonly #sink: Sink
  readonly #port: number
  #stopped = false
  #kills = 0
  #resets = 0

  constructor(sink: Sink, port: number) {
    this.#sink = sink
    this.#port = port
  }

  get count(): number {
    return this.#kills + this.#resets
  }

  told(): string {
    return `the next hop killed ${this.#kills} times, ${this.#resets} clients reset`
  }

  stop(): void {
    this.#stopped = true
  }

  async run(): Promise<void> {
    for (let turn = 1; !this.#stopped; turn++) {
      await sleep(FAULT_EVERY_MS)
      if (turn % 10 === 0) await this.#killSink()
      else await this.#reset()
    }
  }

  async #killSink(): Promise<void> {
    this.#sink.kill()
    this.#kills++
    await sleep(SINK_DOWN_MS)
    await this.#sink.start()
  }

  async #reset(): Promise<void> {
    const socket = connect(this.#port, '127.0.0.1')
    socket.on('error', () => {})
    const commands = ['EHLO reset.test', 'MAIL FROM:<a@client.test>', 'RCPT TO:<b@next.test>', 'DATA', 'Subject: cut']
    for (const command of commands) {
      await Promise.race([once(socket, 'data').catch(() => null), sleep(2000)])
      socket.write(`${command}\r\n`)
    }
    socket.resetAndDestroy()
    this.#resets++
  }
}

const holdingsText = ({ rss, heap, descriptors, sockets, timers }: Holdings): string =>
  `${(rss / MIB).toFixed(0)} MiB resident, ${(heap / MIB).toFixed(1)} MiB heap, ${descriptors} descriptors (${sockets} sockets), ${timers} timers`

/** What is held after, and at most: what was held before, and a little that a longer life brings. */
function holdingRows(before: Holdings, after: Holdings): Row[] {
  const most = (value: number) => ({ atMost: Math.round(value) })
  return [
    { name: 'resident after', value: after.rss / MIB, unit: 'MiB', goal: most((before.rss / MIB) * 1.25 + 32) },
    { name: 'heap after', value: after.heap / MIB, unit: 'MiB', goal: most(before.heap / MIB + 8) },
    { name: 'buffers after', value: after.external / MIB, unit: 'MiB', goal: most(before.external / MIB + 8) },
    { name: 'sockets after', value: after.sockets, unit: '', goal: most(before.sockets + 2) },
    { name: 'descriptors after', value: after.descriptors, unit: '', goal: most(before.descriptors + 4) },
    { name: 'timers after', value: after.timers, unit: '', goal: most(before.timers + 10) },
  ]
}

/** Whether it still grew when the run had long warmed up: a leak that is slower than what a longer life may bring. */
function courseRows(before: Holdings, course: readonly Holdings[]): Row[] {
  const row = (name: string, of: (held: Holdings) => number, atMost: number): Row[] => {
    const growth = growthOf(course.map((held) => of(held) / MIB))
    return growth === null
      ? []
      : [{ name: `${name}, growth in the last half`, value: growth, unit: 'MiB', goal: { atMost } }]
  }
  return [
    ...row('resident', ({ rss }) => rss, Math.round((before.rss / MIB) * 0.06 + 8)),
    ...row('heap', ({ heap }) => heap, 2),
    ...row('buffers', ({ external }) => external, 4),
  ]
}
