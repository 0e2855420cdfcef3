import { monitorEventLoopDelay } from 'node:perf_hooks'
import { systemClock } from '../../src/clock.ts'
import { WorkerPool } from '../../src/inspect/pool/pool.ts'
import type { EncryptArgs } from '../../src/inspect/smime/encrypt-job.ts'
import { silentLog } from '../../src/log.ts'
import { memoryContent } from '../../src/mail/content.ts'
import { noMetrics } from '../../src/metrics.ts'
import { program } from '../../test/support/components.ts'
import { temporaryFolder } from '../../test/support/folder.ts'
import { issue } from '../../test/support/openssl.ts'
import { defer } from '../../test/support/scope.ts'
import { type Bench, Missing, type Row } from '../lib/bench/part.ts'

/** S/MIME in the worker pool: how fast, and what the main thread, which talks to everybody, feels of it. */
const MEBIBYTE = 1024 * 1024
const SECONDS = 10
const AT_ONCE = 2
const RESOLUTION_MS = 5
const GOAL_MS = 20
const MESSAGE = memoryContent(
  Buffer.concat([
    Buffer.from('From: a@royal.example.test\r\nSubject: load\r\nContent-Type: text/plain\r\n\r\n'),
    Buffer.alloc(MEBIBYTE, `${'x'.repeat(76)}\r\n`),
  ]),
)

export async function bench(bench: Bench): Promise<Row[]> {
  if (program('openssl') === null) throw new Missing('openssl is not installed')
  const { key, pem } = issue(temporaryFolder(bench), 'alice', { emails: ['alice@practice.example'] })
  const pool = new WorkerPool({}, { clock: systemClock, log: silentLog, metrics: noMetrics })
  defer(bench, () => pool.close())
  const plain = { certificates: [pem], sign: null, outerSubject: '[secure]' }
  const signed = { ...plain, sign: { key, certificate: pem } }
  const seconds = bench.quick ? 1 : SECONDS
  const load = { pool, seconds }
  await encryptFor({ ...load, seconds: 1 }, signed)
  return [
    ...(await measure('nothing to do', seconds, () => idleFor(seconds))),
    ...(await measure('1 MiB encrypted', seconds, () => encryptFor(load, plain))),
    ...(await measure('1 MiB signed and encrypted', seconds, () => encryptFor(load, signed))),
  ]
}

async function idleFor(seconds: number): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000))
  return 0
}

/** Gives how many were encrypted. */
async function encryptFor(
  { pool, seconds }: { pool: WorkerPool; seconds: number },
  args: EncryptArgs,
): Promise<number> {
  const end = performance.now() + seconds * 1000
  let done = 0
  const line = async () => {
    while (performance.now() < end) {
      const { message } = await pool.run('encrypt', args, MESSAGE)
      if (message.length < MEBIBYTE) throw new Error('a message came back too small')
      done++
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, line))
  return done
}

async function measure(name: string, seconds: number, work: () => Promise<number>): Promise<Row[]> {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  histogram.enable()
  const before = process.threadCpuUsage()
  const done = await work()
  const { user, system } = process.threadCpuUsage(before)
  histogram.disable()
  // it holds the whole distance between two ticks, so the tick itself is taken off
  const delay = (percent: number) => Math.max(0, histogram.percentile(percent) / 1e6 - RESOLUTION_MS)
  const goal = done > 0 ? { goal: { atMost: GOAL_MS } } : {}
  return [
    ...(done > 0 ? [{ name, value: done / seconds, unit: 'messages/s' }] : []),
    // what is ours of the delay, however busy the machine is
    ...(done > 0
      ? [{ name: `${name}: CPU of the main thread each`, value: (user + system) / 1000 / done, unit: 'ms' }]
      : []),
    { name: `${name}: event-loop delay, p50`, value: delay(50), unit: 'ms' },
    { name: `${name}: event-loop delay, p99`, value: delay(99), unit: 'ms', ...goal },
  ]
}
