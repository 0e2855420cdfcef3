import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Arrivals } from '../../../../test/support/account.ts'
import { relayConfig } from '../../../../test/support/config.ts'
import { Daemon, POSTERN } from '../../../../test/support/daemon.ts'
import { temporaryFolder } from '../../../../test/support/folder.ts'
import { startLoad } from '../../../../test/support/load.ts'
import { freePort } from '../../../../test/support/ports.ts'
import { defer, type Scope } from '../../../../test/support/scope.ts'
import { startSink } from '../../../../test/support/sink.ts'
import { waitFor } from '../../../../test/support/wait.ts'
import { toTheEnd } from '../scope.ts'
import { MemoryGroup } from './memory-group.ts'

export interface MemoryResult {
  readonly limitMiB: number
  readonly connections: number
  /** Replies 4xx that idle connections heard, at their greeting or to MAIL. */
  readonly refused: number
  readonly acknowledged: number
  readonly lost: number
  readonly twice: number
  readonly peakMiB: number
  /** How often the kernel ended it. */
  readonly killed: number
  /** Whether it took mail again after the flood, within the same limit. */
  readonly resumed: boolean
}

export interface FloodOptions {
  /** Whether the daemon starts inside its limit. Otherwise it comes under it unawares: what it has does not count, and the kernel ends it. */
  readonly isInside: boolean
  readonly isOver?: () => boolean
}

/** A machine may be too busy to flood anything: so much longer it has for what is to be seen. */
const MORE_S = 60

/** Floods a daemon that may have only so much memory with connections and large messages. */
export async function flood(
  scope: Scope,
  limitMiB: number,
  connections: number,
  seconds: number,
  { isInside, isOver = toTheEnd }: FloodOptions,
): Promise<MemoryResult> {
  const arrivals = new Arrivals()
  const sink = await startSink(scope, { onMessage: arrivals.take })
  const port = await freePort()
  const group = new MemoryGroup(scope, limitMiB)
  const folder = temporaryFolder(scope, 'memory')
  const program = isInside ? group.wrap(join(folder, 'postern-in-group'), POSTERN) : POSTERN
  const daemon = new Daemon(folder, relayConfig({ port, nextHop: sink.port }), program)
  defer(scope, () => daemon.stop())
  let killed = 0
  const start = async () => {
    await daemon.start()
    if (!isInside) group.take(daemon.pid)
  }
  await start()
  const crowd = new Crowd(port)
  defer(scope, () => crowd.close())
  const loads = [startLoad({ port, sessions: 40, bytes: 5_000_000 }), startLoad({ port, sessions: 10 })]
  const started = Date.now()
  const lasts = () => {
    const seen = isInside ? crowd.refused : killed
    return Date.now() - started < (seen > 0 ? seconds : seconds + MORE_S) * 1000
  }
  for (; lasts() && !isOver(); await sleep(100)) {
    crowd.grow(Math.ceil(connections / 20), connections)
    if (daemon.alive) continue
    killed++
    await daemon.stop()
    await start()
  }
  const { refused } = crowd
  crowd.close()
  await Promise.all(loads.map((load) => load.stop()))
  const { peakMiB } = group
  const resumed = daemon.alive && (await takesMail(port))
  // What is in the queue goes out with memory enough: it is lost only if it never does
  group.limit(null)
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
    peakMiB,
    killed,
    resumed,
  }
}

/** Soon; what the flood held goes back to the system bit by bit. */
async function takesMail(port: number): Promise<boolean> {
  const after = startLoad({ port, sessions: 1, messages: 1 })
  const isTaken = () => after.acknowledged.size > 0
  const taken = await waitFor(isTaken, { what: 'mail to be taken', timeoutMs: 30_000 }).then(
    () => true,
    () => false,
  )
  await after.stop()
  return taken
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
