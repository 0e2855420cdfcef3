import { createHook } from 'node:async_hooks'
import { renameSync, writeFileSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { isMainThread } from 'node:worker_threads'

/**
 * Loaded with `node --import` before a daemon: at SIGUSR2 its main thread collects garbage and writes
 * what it holds to the file that `POSTERN_PROOF_PROBE` names. The product itself knows no such thing.
 */

const file = process.env.POSTERN_PROOF_PROBE
if (isMainThread && file !== undefined) watch(file)

function watch(place: string): void {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const timers = new Set<number>()
  createHook({
    init: (id, type) => void (type === 'Timeout' && timers.add(id)),
    destroy: (id) => void timers.delete(id),
  }).enable()
  process.on('SIGUSR2', () => {
    collect()
    // What a collection lets go of may hold more
    setTimeout(() => {
      collect()
      const { rss, heapUsed, external } = process.memoryUsage()
      writeFileSync(`${place}.new`, JSON.stringify({ rss, heap: heapUsed, external, timers: timers.size }))
      renameSync(`${place}.new`, place)
    }, 200)
  })
}
