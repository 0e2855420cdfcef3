import { writeFileSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { isMainThread } from 'node:worker_threads'

/**
 * Loaded with `node --import` before a daemon: measures how late its main thread's timers are, and at its
 * end writes that, in ms, to the file that `POSTERN_BENCH_LOOP` names. The product itself knows no such thing.
 */

/** The start loads every module, which is not what is measured. */
const AFTER_MS = 3000
const RESOLUTION_MS = 1

const file = process.env.POSTERN_BENCH_LOOP
if (isMainThread && file !== undefined) watch(file)

function watch(place: string): void {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  setTimeout(() => histogram.enable(), AFTER_MS).unref()
  // The histogram holds the whole distance between two ticks, so the tick itself is taken off
  const late = (percentile: number) => Math.max(0, histogram.percentile(percentile) / 1e6 - RESOLUTION_MS)
  process.on('exit', () => {
    if (histogram.count === 0) return
    writeFileSync(place, JSON.stringify({ p50: late(50), p99: late(99), max: late(100) }))
  })
}
