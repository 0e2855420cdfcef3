import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Arrivals } from '../../../../test/support/account.ts'
import { relayConfig } from '../../../../test/support/config.ts'
import { Daemon } from '../../../../test/support/daemon.ts'
import { temporaryFolder } from '../../../../test/support/folder.ts'
import { type Load, startLoad } from '../../../../test/support/load.ts'
import { freePort } from '../../../../test/support/ports.ts'
import { defer, type Scope } from '../../../../test/support/scope.ts'
import { startSink } from '../../../../test/support/sink.ts'
import { waitFor } from '../../../../test/support/wait.ts'
import { toTheEnd } from '../scope.ts'
import { FaultyDisk, type Mode } from './shim.ts'

export interface FaultResult {
  readonly mode: string
  readonly spells: number
  /** Calls that the shim made to fail; of a real disk: replies for now that it led to. */
  readonly failed: number
  readonly acknowledged: number
  readonly lost: number
  readonly twice: number
  /** Temporary refusals and broken sessions while it failed. */
  readonly refused: number
  /** What a client was told that is neither 250 nor temporary. */
  readonly permanent: number
  /** How often the daemon ended, and was started again as its service manager would. */
  readonly restarts: number
  /** The last that it said before it ended. */
  readonly last: string
}

const SPELL_MS = 400
const BETWEEN_MS = 300
// Everything, a tenth, a hundredth of the calls
const CHANCES = [1000, 100, 10] as const

/** Runs a daemon under load whose disk fails in spells, and accounts for every message that was acknowledged. */
export async function failDisk(
  scope: Scope,
  shim: string,
  mode: Mode,
  spells: number,
  isOver = toTheEnd,
): Promise<FaultResult> {
  const arrivals = new Arrivals()
  const sink = await startSink(scope, { onMessage: arrivals.take })
  const port = await freePort()
  const daemon = new Daemon(temporaryFolder(scope, 'fault'), relayConfig({ port, nextHop: sink.port }))
  defer(scope, () => daemon.stop())
  const disk = new FaultyDisk(shim, join(daemon.folder, 'control'), `${daemon.stateDir}/`)
  await daemon.start(disk.env)
  const loads = [startLoad({ port, sessions: 4 }), startLoad({ port, sessions: 2, bytes: 150_000 })]
  let restarts = 0
  let last = ''
  const restart = async () => {
    restarts++
    last = daemon.log.slice(-2000)
    await daemon.stop()
    await daemon.start(disk.env)
  }
  let spell = 0
  for (; spell < spells && !isOver(); spell++) {
    disk.failByChance(mode, CHANCES[spell % CHANCES.length] ?? 1000)
    await sleep(SPELL_MS)
    disk.well()
    await sleep(BETWEEN_MS)
    if (!daemon.alive) await restart()
  }
  const acknowledged = new Set(loads.flatMap((load) => [...load.acknowledged]))
  await takesMailAgain(loads, acknowledged.size, daemon, restart)
  const account = await accountFor(daemon, loads, arrivals)
  return { mode, spells: spell, failed: disk.failed, restarts, last, ...account }
}

/** Ends the loads, waits for all that was acknowledged, and counts. */
export async function accountFor(
  daemon: Daemon,
  loads: readonly Load[],
  arrivals: Arrivals,
): Promise<Pick<FaultResult, 'acknowledged' | 'lost' | 'twice' | 'refused' | 'permanent'>> {
  for (const load of loads) await load.stop()
  const acknowledged = new Set(loads.flatMap((load) => [...load.acknowledged]))
  await drain(daemon, arrivals, acknowledged)
  const troubles = loads.flatMap((load) => [...load.troubles])
  const count = (of: (text: string) => boolean) => troubles.reduce((sum, [text, n]) => sum + (of(text) ? n : 0), 0)
  const isPermanent = (text: string) => /got 5\d\d/.test(text)
  return {
    acknowledged: acknowledged.size,
    lost: arrivals.missing(acknowledged).length,
    twice: arrivals.duplicates,
    refused: count((text) => !isPermanent(text)),
    permanent: count(isPermanent),
  }
}

/** A daemon that ends meanwhile is started again. */
export async function takesMailAgain(
  loads: readonly Load[],
  before: number,
  daemon: Daemon,
  restart: () => Promise<void>,
): Promise<void> {
  const isBack = async () => {
    if (!daemon.alive) await restart()
    return loads.reduce((sum, load) => sum + load.acknowledged.size, 0) > before + 20
  }
  await waitFor(isBack, { what: 'mail to be taken again', timeoutMs: 60_000, detail: () => daemon.log.slice(-3000) })
}

/** What is not there in time is lost: the caller counts it. */
async function drain(daemon: Daemon, arrivals: Arrivals, acknowledged: ReadonlySet<string>): Promise<void> {
  const all = async () => arrivals.missing(acknowledged).length === 0 && (await daemon.queue()).length === 0
  await waitFor(all, { what: 'every message', timeoutMs: 60_000, everyMs: 200 }).catch(() => {})
}
