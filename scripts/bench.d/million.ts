import { setTimeout as sleep } from 'node:timers/promises'
import { relayConfig } from '../../test/support/config.ts'
import { Daemon } from '../../test/support/daemon.ts'
import { temporaryFolder } from '../../test/support/folder.ts'
import { freePort } from '../../test/support/ports.ts'
import { defer } from '../../test/support/scope.ts'
import { startSink } from '../../test/support/sink.ts'
import { waitFor } from '../../test/support/wait.ts'
import { fill } from '../lib/bench/fill.ts'
import { memoryOf } from '../lib/bench/memory.ts'
import type { Bench, Row } from '../lib/bench/part.ts'

const WAITING = 1_000_000
const DESTINATIONS = 1000
/** How long memory is watched after the start. */
const WATCHED_MS = 30_000

/** A start with a million messages waiting, all due, for a thousand destinations. */
export async function bench(bench: Bench): Promise<Row[]> {
  const waiting = bench.quick ? WAITING / 10 : WAITING
  const port = await freePort()
  let arrived = 0
  const sink = await startSink(bench, { onMessage: () => void arrived++ })
  const daemon = new Daemon(temporaryFolder(bench), relayConfig({ port, nextHop: sink.port }))
  defer(bench, () => daemon.stop())
  bench.say(`filling a queue with ${waiting} messages …`)
  await fill({ folder: daemon.stateDir, messages: waiting, destinations: DESTINATIONS })

  const began = performance.now()
  const seconds = () => (performance.now() - began) / 1000
  const starting = daemon.start()
  await waitFor(() => arrived > 0, {
    what: 'the first delivery',
    timeoutMs: 120_000,
    everyMs: 5,
    detail: () => daemon.log,
  })
  const first = seconds()
  await starting
  const pages = [await page(daemon), await page(daemon), await page(daemon)]
  await sleep(WATCHED_MS)
  const { peakMiB } = memoryOf(daemon.pid)
  const name = `with ${waiting} waiting`
  return [
    { name: `start to first delivery, ${name}`, value: first, unit: 's', goal: { atMost: 10 } },
    { name: `most memory, ${name}`, value: peakMiB, unit: 'MiB', goal: { atMost: 400 } },
    { name: `queue list, first page, ${name}`, value: Math.max(...pages), unit: 's', goal: { atMost: 1 } },
    { name: 'delivered meanwhile', value: arrived / seconds(), unit: 'messages/s' },
  ]
}

/** Seconds that an operator waits for the first page, the start of the command included. */
async function page(daemon: Daemon): Promise<number> {
  const began = performance.now()
  const { code, stderr } = await daemon.cli('queue', 'list')
  if (code !== 0) throw new Error(`queue list failed: ${stderr}`)
  return (performance.now() - began) / 1000
}
