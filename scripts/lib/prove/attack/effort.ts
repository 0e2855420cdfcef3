/** Processor time is counted in steps of up to so much. */
const COARSE_MS = 4

/**
 * Milliseconds that `work` takes in this thread. Beyond a few, processor time: what other processes do meanwhile does
 * not count, so that a busy machine makes nothing look slow.
 */
export function effortOf(work: () => unknown): number {
  const [started, before] = [performance.now(), process.threadCpuUsage()]
  work()
  const { user, system } = process.threadCpuUsage(before)
  const elapsed = performance.now() - started
  return elapsed < COARSE_MS ? elapsed : Math.min(elapsed, (user + system) / 1000)
}
