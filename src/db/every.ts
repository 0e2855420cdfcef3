import type { Clock } from '../clock.ts'

/** Does `work` every `ms`, each time only after the last has ended, until the returned function is called. A failure is passed over: the next time comes. */
export function every(clock: Clock, ms: number, work: () => Promise<unknown>): () => void {
  let stopped = false
  let cancel = () => {}
  const next = () => {
    if (!stopped) cancel = clock.after(ms, () => void work().then(next, next))
  }
  next()
  return () => {
    stopped = true
    cancel()
  }
}
