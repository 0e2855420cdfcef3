import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type NetConnectOpts, type Server, type Socket } from 'node:net'
import { type Direction, type Fault, type FaultKind, FaultyLink } from './faulty-link.ts'
import { defer, type Scope } from './scope.ts'

export type { Direction, Fault, FaultKind }

export interface FaultProxyOptions {
  /** Where connections go on to. */
  readonly to: NetConnectOpts
  /** Listen on this Unix socket, not on a port. */
  readonly path?: string
  /** Asked once for each connection; null lets it through. `nth` counts from 0. */
  readonly plan: (nth: number) => Fault | null
  /** Which side is under test: it connects (`near`), or is connected to (`far`). */
  readonly tested: 'near' | 'far'
  /** The side under test must have given up a dead connection by then. Milliseconds, default 30 s. */
  readonly holdMs?: number
  /** Random numbers from 0 to 1 for pieces and garbage. */
  readonly random?: () => number
  /** Sees what goes through, after its fault. `connection` counts from 0. */
  readonly tap?: (direction: Direction, bytes: Buffer, connection: number) => void
  /** Told of each fault as it happens. */
  readonly onFault?: (fault: Fault, connection: number) => void
  /** Told when both ends of a connection are gone: nothing of it is heard after that. */
  readonly onEnd?: (connection: number) => void
}

/** What a proxy has done. */
export interface FaultTally {
  connections: number
  /** Faults that really happened, by kind. */
  readonly faults: Map<FaultKind, number>
  /** Dead connections that the side under test still held after `holdMs`: what was done to them. */
  readonly overdue: string[]
  /** The longest that the side under test kept a connection that had gone silent. Milliseconds. */
  longestMs: number
}

const HOLD_MS = 30_000

/** Stands between two programs on loopback and does to each connection what its plan says. */
export class FaultProxy {
  readonly tally: FaultTally = { connections: 0, faults: new Map(), overdue: [], longestMs: 0 }
  readonly #options: FaultProxyOptions
  readonly #server: Server
  readonly #links = new Set<FaultyLink>()

  constructor(options: FaultProxyOptions) {
    this.#options = options
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#take(socket))
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Connections that stand now, those that are held dead among them. */
  get open(): number {
    return this.#links.size
  }

  async listen(): Promise<void> {
    const { path } = this.#options
    this.#server.listen(path === undefined ? { host: '127.0.0.1', port: 0 } : { path })
    await once(this.#server, 'listening')
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    for (const link of this.#links) link.destroy()
    await closed
  }

  #take(near: Socket): void {
    const { to, plan, tested, holdMs = HOLD_MS, random = Math.random, tap, onFault, onEnd } = this.#options
    const nth = this.tally.connections++
    const far = connect({ ...to, allowHalfOpen: true, noDelay: true } as NetConnectOpts)
    const link = new FaultyLink({
      near,
      far,
      fault: plan(nth),
      tested,
      holdMs,
      random,
      tally: this.tally,
      tap: (direction, bytes) => tap?.(direction, bytes, nth),
      onFault: (fault) => onFault?.(fault, nth),
    })
    this.#links.add(link)
    void link.closed.then(() => {
      this.#links.delete(link)
      onEnd?.(nth)
    })
    link.start()
  }
}

/** A proxy that listens, and is closed when the scope ends. */
export async function startFaultProxy(scope: Scope, options: FaultProxyOptions): Promise<FaultProxy> {
  const proxy = new FaultProxy(options)
  await proxy.listen()
  defer(scope, () => proxy.close())
  return proxy
}
