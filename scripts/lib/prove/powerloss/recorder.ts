import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { relayConfig } from '../../../../test/support/config.ts'
import { Daemon, type DaemonConfig } from '../../../../test/support/daemon.ts'
import { temporaryFolder } from '../../../../test/support/folder.ts'
import { freePort } from '../../../../test/support/ports.ts'
import { run } from '../../../../test/support/process.ts'
import { defer, type Scope } from '../../../../test/support/scope.ts'
import { waitFor } from '../../../../test/support/wait.ts'
import { Account } from '../crash/account.ts'
import { type Kind, usualKind } from '../crash/mail.ts'
import { Senders } from '../crash/senders.ts'
import { Missing } from '../part.ts'
import { Disk } from './disk.ts'
import { createTrace, memoryFolder, readTrace, type Traced } from './trace.ts'

const SOURCE = fileURLToPath(new URL('record.c', import.meta.url))
const CAPACITY_BYTES = 3 * 2 ** 30
const QUIET_MS = 700

/** Syncs that lie: a harness that finds no loss then is blind. */
export type Lie = 'files' | 'folders' | 'all'

export interface Recording {
  readonly events: readonly Traced[]
  /** Message by queue id, as clients were told. */
  readonly acknowledged: ReadonlyMap<string, string>
  /** Of the daemon that made it; each judgement has a next hop of its own. */
  readonly config: (port: number, nextHop: number) => DaemonConfig
}

/** Compiles the recorder, and gives its path. Rejects with Missing where there is no compiler. */
export async function compileRecorder(scope: Scope): Promise<string> {
  const library = join(temporaryFolder(scope), 'record.so')
  const args = ['-std=gnu11', '-O2', '-Wall', '-Wextra', '-Werror', '-shared', '-fPIC', '-o', library, SOURCE, '-ldl']
  const done = await run('gcc', args).catch(() => null)
  if (done === null) throw new Missing('gcc is not installed')
  if (done.code !== 0) throw new Missing(`gcc cannot compile the recorder: ${done.stderr.slice(0, 500)}`)
  return library
}

/** A folder that need not survive anything, removed when the scope ends. */
export function scratchFolder(scope: Scope): string {
  const folder = mkdtempSync(join(memoryFolder(), 'postern-'))
  defer(scope, () => rmSync(folder, { recursive: true, force: true }))
  return folder
}

const config: Recording['config'] = (port, nextHop) => relayConfig({ port, nextHop })

/**
 * Records a daemon from its first start in an empty folder: load, a kill, a second start that
 * recovers, load again, an orderly stop.
 */
export async function record(scope: Scope, library: string, messages: number, lie?: Lie): Promise<Recording> {
  const trace = join(scratchFolder(scope), 'trace')
  createTrace(trace, CAPACITY_BYTES)
  const account = new Account()
  await account.listen(scope)
  const port = await freePort()
  const daemon = new Daemon(temporaryFolder(scope), config(port, account.port))
  defer(scope, () => daemon.stop())
  const env = { LD_PRELOAD: library, RECORD_TRACE: trace, RECORD_ROOT: daemon.folder, ...(lie && { RECORD_LIE: lie }) }
  const acknowledged = new Map<string, string>()
  const load = async (run: string, kind: (n: number) => Kind) => {
    const senders = new Senders({ port, run, sessions: 8, kind })
    const enough = () => senders.acknowledged.size >= messages / 2 || !daemon.alive
    await waitFor(enough, { what: 'the load', timeoutMs: 120_000, detail: () => daemon.log.slice(-2000) })
    await senders.stop()
    for (const [queueId, id] of senders.acknowledged) acknowledged.set(queueId, id)
  }
  await daemon.start(env)
  // Some stay in the queue, so that the second start has something to recover
  await load('a', (n) => (n % 10 === 7 ? 'stuck' : usualKind(n)))
  // In a quiet moment: a change that a killed process made but did not write down would spoil the trace
  await sleep(QUIET_MS)
  await daemon.kill9()
  await daemon.start(env)
  account.isFull = false
  await load('b', usualKind)
  await daemon.stop()
  const events = readTrace(trace)
  checkNothingEscaped(events, daemon.folder)
  return { events, acknowledged, config }
}

/** The trace must make exactly the files that are there. Throws if something was done that it does not tell. */
export function checkNothingEscaped(events: readonly Traced[], folder: string): void {
  const disk = new Disk()
  for (const event of events) disk.apply(event)
  for (const { path, bytes } of disk.files()) {
    const real = join(folder, path)
    // Of the configuration the trace knows the name alone: it was there before
    if (real.endsWith('.yaml')) continue
    if (!existsSync(real)) throw new Error(`the trace has ${path}, which is not there`)
    if (!readFileSync(real).equals(bytes)) throw new Error(`the trace tells of ${path} otherwise than the disk`)
  }
}
