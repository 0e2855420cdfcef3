import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { OpenSpool } from '../../../src/spool/open.ts'
import type { Row } from './part.ts'

const LOOKS = 20
const HOUR = 3_600_000
const DAY = 24 * HOUR

/** The watchdog's look at a long queue: how long it takes, and how long the main thread was late meanwhile. */
export async function looks(spool: OpenSpool): Promise<Row[]> {
  const late = monitorEventLoopDelay({ resolution: 1 })
  const times: number[] = []
  let onMain = 0
  late.enable()
  for (let i = 0; i < LOOKS; i++) {
    const now = Date.now()
    const began = performance.now()
    const looking = spool.look({
      ...{ now, before: now - HOUR, most: 1000 },
      ...{ expiredBefore: now - 5 * DAY, noticeBefore: now - HOUR / 2 },
    })
    onMain = Math.max(onMain, performance.now() - began)
    await looking
    times.push(performance.now() - began)
  }
  late.disable()
  return [
    { name: `look of the watchdog: longest of ${LOOKS}, in the threads`, value: Math.max(...times), unit: 'ms' },
    { name: 'the same: what the main thread spends on asking', value: onMain, unit: 'ms', goal: { atMost: 5 } },
    { name: 'the same: event-loop delay meanwhile, p99', value: late.percentile(99) / 1e6, unit: 'ms' },
  ]
}
