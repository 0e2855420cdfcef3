import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Arrivals } from '../../../../test/support/account.ts'
import { relayConfig } from '../../../../test/support/config.ts'
import { Daemon } from '../../../../test/support/daemon.ts'
import { temporaryFolder } from '../../../../test/support/folder.ts'
import { startLoad } from '../../../../test/support/load.ts'
import { freePort } from '../../../../test/support/ports.ts'
import { defer, type Scope } from '../../../../test/support/scope.ts'
import { startSink } from '../../../../test/support/sink.ts'
import { waitFor } from '../../../../test/support/wait.ts'
import { toTheEnd } from '../scope.ts'

const GROUPS = '/sys/fs/cgroup/memory'

export interface MemoryResult {
  readonly limitMiB: number
  readonly connections: number
  /** Idle connections that were refused or closed with a temporary reply, or not taken at all. */
  readonly refused: number
  readonly acknowledged: number
  readonly lost: number
  readonly twice: number
  readonly peakMiB: number
  /** How often the kernel ended it. */
  readonly killed: number
}

/** Why memory cannot be limited here; null if it can. */
export function cannotLimit(): string | null {
  if (process.getuid?.() !== 0) return 'limiting memory needs root'
  return existsSync(join(GROUPS, 'memory.limit_in_bytes')) ? null : `limiting memory needs cgroup v1 at ${GROUPS}`
}

/** Floods a daemon that may have only so much memory with connections and large messages. */
export async function flood(
  scope: Scope,
  limitMiB: number,
  connections: number,
  seconds: number,
  isOver = toTheEnd,
): Promise<MemoryResult> {
  const arrivals = new Arrivals()
  const sink = await startSink(scope, { onMessage: arrivals.take })
  const port = await freePort()
  const daemon = new Daemon(temporaryFolder(scope, 'memory'), relayConfig({ port, nextHop: sink.port }))
  defer(scope, () => daemon.stop())
  const group = makeGroup(scope, limitMiB)
  let killed = 0
  const start = async () => {
    await daemon.start()
    writeFileSync(join(group, 'cgroup.procs'), String(daemon.pid))
  }
  await start()
  const crowd = new Crowd(port)
  defer(scope, () => crowd.close())
  const loads = [startLoad({ port, sessions: 40, bytes: 5_000_000 }), startLoad({ port, sessions: 10 })]
  for (const end = Date.now() + seconds * 1000; Date.now() < end && !isOver(); await sleep(100)) {
    crowd.grow(Math.ceil(connections / 20), connections)
    if (daemon.alive) continue
    killed++
    await daemon.stop()
    await start()
  }
  const { refused } = crowd
  crowd.close()
  await Promise.all(loads.map((load) => load.stop()))
  const peak = Number(readFileSync(join(group, 'memory.max_usage_in_bytes'), 'utf8')) / 2 ** 20
  // What is in the queue goes out with memory enough: it is lost only if it never does
  writeFileSync(join(group, 'memory.limit_in_bytes'), '-1')
  const revive = async () => {
    killed++
    await daemon.stop()
    await daemon.start()
  }
  const acknowledged = new Set(loads.flatMap((load) => [...load.acknowledged]))
  const all = async () => {
    // That it was ended is sometimes heard only now
    if (!daemon.alive) await revive()
    return arrivals.missing(acknowledged).length === 0
  }
  await waitFor(all, { what: 'every message', timeoutMs: 90_000, everyMs: 200 }).catch(() => {})
  await daemon.stop()
  const lost = arrivals.missing(acknowledged).length
  return {
    limitMiB,
    connections,
    refused,
    acknowledged: acknowledged.size,
    lost,
    twice: arrivals.duplicates,
    peakMiB: Math.round(peak),
    killed,
  }
}

/** For all memory that the daemon takes once it has started. */
function makeGroup(scope: Scope, limitMiB: number): string {
  const group = join(GROUPS, `postern-prove-${process.pid}-${limitMiB}`)
  mkdirSync(group)
  defer(scope, () => rmdirSync(group))
  writeFileSync(join(group, 'memory.limit_in_bytes'), String(limitMiB * 2 ** 20))
  return group
}

/** Connections that greet and then say nothing. */
class Crowd {
  readonly #port: number
  readonly #sockets = new Set<Socket>()
  refused = 0

  constructor(port: number) {
    this.#port = port
  }

  grow(by: number, most: number): void {
    for (let i = 0; i < by && this.#sockets.size < most; i++) this.#connect()
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy()
    this.#sockets.clear()
  }

  #connect(): void {
    const socket = connect({ host: '127.0.0.1', port: this.#port })
    this.#sockets.add(socket)
    socket.on('data', (bytes: Buffer) => {
      if (bytes.toString().startsWith('220')) socket.write('EHLO crowd.test\r\nMAIL FROM:<a@client.test>\r\n')
      else if (/^4\d\d/m.test(bytes.toString())) this.refused++
    })
    socket.on('error', () => {})
    socket.on('close', () => this.#sockets.delete(socket))
  }
}
