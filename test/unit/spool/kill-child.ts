// A process to be killed: puts and settles without end, and writes to standard output what it was
// told is safe. usage: kill-child.ts FOLDER [POINT NTH]
import { writeSync } from 'node:fs'
import { systemClock } from '../../../src/clock.ts'
import { silentLog } from '../../../src/log.ts'
import { noMetrics } from '../../../src/metrics.ts'
import { openSpool } from '../../../src/spool/open.ts'
import { deliver, FAILED, hold, later, message, outcome, RELAYED } from './support.ts'

const [path = '', name, nth] = process.argv.slice(2)
const crash = name === undefined ? {} : { crash: { name, nth: Number(nth), how: 'kill' as const } }
const options = { path, reserveBytes: 0, ballastBytes: 0, contentInRowBytes: 4096, ...crash }
const spool = await openSpool(options, { log: silentLog, metrics: noMetrics, clock: systemClock })

// Written to the pipe before going on: what is in there was acknowledged, whatever happens next
const say = (...words: unknown[]) => void writeSync(1, `${words.join(' ')}\n`)

const bounce = (id: string) => ({
  message: { ...message(['ward@royal.example.test'], 50), messageId: `<bounce.${id}>`, client: 'postern' },
  plans: [deliver('royal.example.test')],
})

async function life(size: number): Promise<void> {
  const now = Date.now()
  const { queueId } = await spool.put(message(['a@one.test', 'b@two.test', 'c@three.test'], size), [
    deliver('one.test', now, now + 60_000),
    deliver('two.test', now),
    { do: 'hold', destination: 'three.test', hold: hold(now + 3_600_000) },
  ])
  say('put', queueId)
  const [lease] = await spool.lease({ limit: 1, perDestination: 1, leasedUntil: now + 60_000, except: new Set() })
  if (lease !== undefined) await spool.settle([outcome(lease.queueId, { [lease.indexes[0] ?? 0]: later(now) })])
  await spool.settle([outcome(queueId, { 0: RELAYED })])
  say('relayed', queueId)
  await spool.settle([outcome(queueId, { 1: FAILED }, [bounce(queueId)])])
  say('bounced', queueId)
  await spool.settle([outcome(queueId, { 2: RELAYED })])
  say('done', queueId)
}

async function lives(sizes: readonly number[]): Promise<void> {
  for (let i = 0; ; i++) await life(sizes[i % sizes.length] ?? 0)
}

say('ready')
await Promise.all([lives([100]), lives([3000, 20_000]), lives([300_000, 10])])
