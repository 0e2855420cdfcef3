import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Arrivals } from '../../../../test/support/account.ts'
import { relayConfig } from '../../../../test/support/config.ts'
import { Daemon } from '../../../../test/support/daemon.ts'
import { type Load, startLoad } from '../../../../test/support/load.ts'
import { freePort } from '../../../../test/support/ports.ts'
import { defer, type Scope } from '../../../../test/support/scope.ts'
import { startSink } from '../../../../test/support/sink.ts'
import { waitFor } from '../../../../test/support/wait.ts'
import { toTheEnd } from '../scope.ts'
import { accountFor, type FaultResult, takesMailAgain } from './faults.ts'
import { Filler, failingDisk, smallDisk } from './mounts.ts'

const FULL_MS = 300
const WELL_MS = 300
const MIB = 2 ** 20
/** Of a spell, given back afterwards. */
const ROOM = 24 * MIB
/** The most that is left for the daemon in a spell. */
const MOST_LEFT = 6 * MIB
const PAGE = 4096

interface Stage {
  readonly daemon: Daemon
  readonly arrivals: Arrivals
  readonly port: number
}

/** The whole state on that disk; nothing of it is kept free, so that each write meets its end itself. */
async function stage(scope: Scope, disk: string): Promise<Stage> {
  const arrivals = new Arrivals()
  const sink = await startSink(scope, { onMessage: arrivals.take })
  const port = await freePort()
  const folder = join(disk, 'postern')
  mkdirSync(folder)
  const daemon = new Daemon(folder, relayConfig({ port, nextHop: sink.port, more: { spool: { reserve: '0B' } } }))
  defer(scope, () => daemon.stop())
  await daemon.start()
  // The configuration, which nobody else syncs
  execFileSync('sync', ['-f', folder])
  return { daemon, arrivals, port }
}

const startLoads = (port: number): Load[] => [
  startLoad({ port, sessions: 3 }),
  startLoad({ port, sessions: 2, bytes: 150_000 }),
]

/** Bytes left in each spell: from none to enough for a while, finer where less is left. */
const spaces = (spells: number): number[] =>
  Array.from({ length: spells }, (_, i) => Math.round(((i / spells) ** 2 * MOST_LEFT) / PAGE) * PAGE)

/** A real disk that is filled to the last pages again and again, so that it is full at one write after the other. */
export async function fillDisk(scope: Scope, spells: number, isOver = toTheEnd): Promise<FaultResult> {
  const disk = smallDisk(scope, 128 + spells)
  const { daemon, arrivals, port } = await stage(scope, disk)
  const filler = new Filler(disk)
  const loads = startLoads(port)
  let [restarts, last] = [0, '']
  const restart = async () => {
    restarts++
    last = daemon.log.slice(-2000)
    await daemon.stop()
    await daemon.start()
  }
  let done = 0
  for (const left of spaces(spells)) {
    if (isOver()) break
    done++
    filler.leave(left)
    await sleep(FULL_MS)
    filler.giveBack(ROOM)
    await sleep(WELL_MS)
    if (!daemon.alive) await restart()
  }
  const failed = temporaries(loads)
  await takesMailAgain(
    loads,
    loads.reduce((sum, { acknowledged }) => sum + acknowledged.size, 0),
    daemon,
    restart,
  )
  const account = await accountFor(daemon, loads, arrivals)
  return { mode: 'small disk', spells: done, failed, restarts, last, ...account }
}

/** A real disk that the kernel makes read-only under the running daemon, and that comes back only by being mounted anew. */
export async function breakDisk(scope: Scope, spells: number, isOver = toTheEnd): Promise<FaultResult> {
  const disk = failingDisk(scope, 128)
  const { daemon, arrivals, port } = await stage(scope, disk.folder)
  let [failed, restarts, last] = [0, 0, '']
  const loads = startLoads(port)
  let spell = 0
  for (; spell < spells && !isOver(); spell++) {
    const before = temporaries(loads)
    await sleep(WELL_MS)
    disk.fail()
    await waitFor(() => temporaries(loads) > before, {
      what: 'mail to be refused',
      timeoutMs: 30_000,
      detail: () => daemon.log.slice(-2000),
    })
    await sleep(FULL_MS)
    failed += temporaries(loads) - before
    if (!daemon.alive) {
      restarts++
      last = daemon.log.slice(-2000)
    }
    await daemon.kill9()
    disk.mend()
    await daemon.start()
  }
  const account = await accountFor(daemon, loads, arrivals)
  return { mode: 'disk gone read-only', spells: spell, failed, restarts, last, ...account }
}

/** Replies 4xx so far. */
const temporaries = (loads: readonly Load[]): number =>
  loads.flatMap(({ troubles }) => [...troubles]).reduce((sum, [text, n]) => sum + (/got 4\d\d/.test(text) ? n : 0), 0)
