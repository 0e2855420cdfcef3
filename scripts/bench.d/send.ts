import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { isMainThread, parentPort, Worker } from 'node:worker_threads'
import { silentLog } from '../../src/log.ts'
import { type Content, memoryContent } from '../../src/mail/content.ts'
import { type ClientSession, type ClientTarget, openSession } from '../../src/smtp/client/index.ts'
import { program } from '../../test/support/components.ts'
import { temporaryFolder } from '../../test/support/folder.ts'
import { answers, freePort } from '../../test/support/ports.ts'
import { defer } from '../../test/support/scope.ts'
import { Sink } from '../../test/support/sink.ts'
import { waitFor } from '../../test/support/wait.ts'
import type { Bench, Row } from '../lib/bench/part.ts'

/** The sending side of the wire alone: no spool, no routes, one message in memory sent again and again. */
interface Load {
  readonly name: string
  readonly count: number
  readonly bytes: number
  readonly sessions: number
  /** One session for all, or one for each message. */
  readonly keep: boolean
  readonly atLeast?: number
}

const LOADS: readonly Load[] = [
  { name: '10 KiB, 20 sessions kept open', count: 100_000, bytes: 10_240, sessions: 20, keep: true, atLeast: 8000 },
  { name: '4 KiB, 100 sessions kept open', count: 100_000, bytes: 4096, sessions: 100, keep: true },
  { name: '10 KiB, a connection per message', count: 10_000, bytes: 10_240, sessions: 20, keep: false },
  { name: '1 MiB, 20 sessions kept open', count: 2000, bytes: 1_048_576, sessions: 20, keep: true },
]

export async function bench(bench: Bench): Promise<Row[]> {
  const port = await startSink(bench)
  const rows: Row[] = []
  // Once unmeasured, so that the code is compiled
  await run({ name: '', count: 5000, bytes: 10_240, sessions: 20, keep: true }, port)
  for (const load of LOADS)
    rows.push(...(await measure({ ...load, count: bench.quick ? load.count / 10 : load.count }, port)))
  return rows
}

async function measure(load: Load, port: number): Promise<Row[]> {
  const begun = performance.now()
  const before = process.cpuUsage()
  const relayed = await run(load, port)
  const seconds = (performance.now() - begun) / 1000
  const { user, system } = process.cpuUsage(before)
  if (relayed !== load.count) throw new Error(`${relayed} of ${load.count} messages relayed`)
  const goal = load.atLeast === undefined ? {} : { goal: { atLeast: load.atLeast } }
  return [
    { name: `${load.name}: relayed`, value: relayed / seconds, unit: 'messages/s', ...goal },
    { name: `${load.name}: CPU each`, value: (user + system) / 1000 / relayed, unit: 'ms' },
  ]
}

/** Gives how many were relayed. */
async function run(load: Load, port: number): Promise<number> {
  const content = memoryContent(
    Buffer.from(`Subject: load\r\n\r\n${`${'x'.repeat(76)}\r\n`.repeat(Math.round(load.bytes / 78))}`),
  )
  const progress = { left: load.count, relayed: 0 }
  await Promise.all(Array.from({ length: load.sessions }, () => worker(load.keep, content, port, progress)))
  return progress.relayed
}

async function worker(keep: boolean, content: Content, port: number, progress: { left: number; relayed: number }) {
  let session: ClientSession | null = null
  while (progress.left-- > 0) {
    session ??= await open(port)
    const { recipients } = await session.send(ENVELOPE, content)
    if (recipients[0]?.is === 'relayed') progress.relayed++
    if (keep) continue
    await session.quit()
    session = null
  }
  await session?.quit()
}

async function open(port: number): Promise<ClientSession> {
  const opened = await openSession({ ...TARGET, port }, { log: silentLog })
  if (!opened.ok) throw new Error(opened.failure.text)
  return opened.session
}

const MS = 30_000
const TARGET: Omit<ClientTarget, 'port'> = {
  host: 'sink.test',
  address: '127.0.0.1',
  protocol: 'smtp',
  tls: { mode: 'none' },
  login: null,
  helo: 'relay.test',
  timeouts: {
    connect: MS,
    greeting: MS,
    hello: MS,
    tls: MS,
    auth: MS,
    mail: MS,
    rcpt: MS,
    data: MS,
    block: MS,
    end: MS,
  },
  localAddress: null,
}

const ENVELOPE = {
  mailFrom: { local: 'load', domain: 'client.test' },
  rcptTo: [{ address: { local: 'sink', domain: 'sink.test' }, notify: null, orcpt: null }],
  envid: null,
  ret: null,
  smtputf8: false,
  body: '7bit',
  requireTls: false,
} as const

const SINK_SOURCE = resolve('../shared/bench/sink.c')

/** A fast sink: the compiled one where its source lies beside this checkout, otherwise our own in a thread. */
async function startSink(bench: Bench): Promise<number> {
  if (existsSync(SINK_SOURCE) && program('gcc') !== null) return startCompiled(bench)
  bench.say('no compiled sink here: measured against a sink in a thread, which is slower than the sender')
  const sink = new Worker(new URL(import.meta.url))
  defer(bench, () => sink.terminate())
  const [port] = (await once(sink, 'message')) as [number]
  return port
}

async function startCompiled(bench: Bench): Promise<number> {
  const binary = join(temporaryFolder(bench, 'sink'), 'sink')
  const [code] = await once(spawn('gcc', ['-O2', '-w', '-o', binary, SINK_SOURCE], { stdio: 'inherit' }), 'exit')
  if (code !== 0) throw new Error('the sink does not compile')
  const port = await freePort()
  const sink = spawn(binary, [String(port)], { stdio: 'ignore' })
  defer(bench, () => sink.kill())
  await waitFor(() => answers(port), { what: 'the sink' })
  return port
}

if (!isMainThread) {
  const sink = new Sink({ onMessage: () => {} })
  await sink.listen()
  parentPort?.postMessage(sink.port)
}
