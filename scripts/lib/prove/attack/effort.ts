/**
 * Milliseconds of processor time that `work` takes in this thread: what other processes do meanwhile does not count, so
 * that a busy machine makes nothing look slow.
 */
export function effortOf(work: () => unknown): number {
  const before = process.threadCpuUsage()
  work()
  const { user, system } = process.threadCpuUsage(before)
  return (user + system) / 1000
}
