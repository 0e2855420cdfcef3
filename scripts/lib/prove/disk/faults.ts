import { execFileSync } from 'node:child_process'
import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Arrivals } from '../../../../test/support/account.ts'
import { relayConfig } from '../../../../test/support/config.ts'
import { Daemon } from '../../../../test/support/daemon.ts'
import { temporaryFolder } from '../../../../test/support/folder.ts'
import { type Load, startLoad } from '../../../../test/support/load.ts'
import { freePort } from '../../../../test/support/ports.ts'
import { defer, type Scope } from '../../../../test/support/scope.ts'
import { startSink } from '../../../../test/support/sink.ts'
import { waitFor } from '../../../../test/support/wait.ts'

/** As in faulty.c. */
const MODES = { none: 0, full: 1, write: 2, sync: 3, read: 4, readonly: 5 } as const
export type Mode = Exclude<keyof typeof MODES, 'none'>

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

/** Compiles the shim. Throws where there is no compiler. */
export function buildShim(folder: string): string {
  const shim = join(folder, 'faulty.so')
  const source = fileURLToPath(new URL('faulty.c', import.meta.url))
  execFileSync('gcc', ['-shared', '-fPIC', '-O1', '-o', shim, source, '-ldl'])
  return shim
}

/** Runs a daemon under load whose disk fails in spells, and accounts for every message that was acknowledged. */
export async function failDisk(scope: Scope, shim: string, mode: Mode, spells: number): Promise<FaultResult> {
  const arrivals = new Arrivals()
  const sink = await startSink(scope, { onMessage: arrivals.take })
  const port = await freePort()
  const daemon = new Daemon(temporaryFolder(scope, 'fault'), relayConfig({ port, nextHop: sink.port }))
  defer(scope, () => daemon.stop())
  const control = join(daemon.folder, 'control')
  writeFileSync(control, Buffer.alloc(4096))
  const env = { LD_PRELOAD: shim, POSTERN_FAULT_FILE: control, POSTERN_FAULT_PATH: `${daemon.stateDir}/` }
  await daemon.start(env)
  const loads = [startLoad({ port, sessions: 4 }), startLoad({ port, sessions: 2, bytes: 150_000 })]
  let restarts = 0
  let last = ''
  const restart = async () => {
    restarts++
    last = daemon.log.slice(-2000)
    await daemon.stop()
    await daemon.start(env)
  }
  for (let spell = 0; spell < spells; spell++) {
    set(control, mode, CHANCES[spell % CHANCES.length] ?? 1000)
    await sleep(SPELL_MS)
    set(control, 'none', 0)
    await sleep(BETWEEN_MS)
    if (!daemon.alive) await restart()
  }
  const acknowledged = new Set(loads.flatMap((load) => [...load.acknowledged]))
  await takesMailAgain(loads, acknowledged.size, daemon, restart)
  const account = await accountFor(daemon, loads, arrivals)
  return { mode, spells, failed: readFileSync(control).readUInt32LE(8), restarts, last, ...account }
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

function set(control: string, mode: keyof typeof MODES, chance: number): void {
  const file = openSync(control, 'r+')
  writeSync(file, Buffer.from([MODES[mode], chance & 255, chance >> 8]), 0, 3, 0)
  closeSync(file)
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
