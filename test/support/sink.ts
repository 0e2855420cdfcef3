import { createServer, type Server, type Socket } from 'node:net'
import { createSecureContext } from 'node:tls'
import type { Certificate } from './certs.ts'
import { defer, type Scope } from './scope.ts'
import {
  type Received,
  type SinkCall,
  type SinkFault,
  type SinkHost,
  type SinkPhase,
  SinkSession,
} from './sink-session.ts'

export type { Received, SinkCall, SinkFault, SinkPhase }

export interface SinkOptions {
  readonly port?: number
  /** What goes wrong; null for nothing. Asked at each phase. */
  readonly fault?: (call: SinkCall) => SinkFault | null
  /** Milliseconds before each reply to the final dot. */
  readonly delayMs?: number
  /** Offer STARTTLS with this certificate. */
  readonly tls?: Certificate | null
  /** EHLO keywords; by default PIPELINING, 8BITMIME, SMTPUTF8, DSN, ENHANCEDSTATUSCODES, SIZE. */
  readonly extensions?: readonly string[]
  /** Told of each message right before its 250. Messages are then not kept in `messages`. */
  readonly onMessage?: (message: Received) => void
  /** The reply to the final dot of a message that is taken; by default `250 2.0.0 taken`. */
  readonly taken?: (message: Received) => string
}

/**
 * A receiving server on 127.0.0.1 that keeps what it receives, and fails as it is told to.
 * Its wire is written out here rather than taken from a library, so that the product is
 * measured against something that shares no code with it.
 */
export class Sink implements SinkHost {
  readonly messages: Received[] = []
  /** Connections taken so far. */
  connections = 0
  fault: (call: SinkCall) => SinkFault | null
  delayMs: number
  readonly options: SinkOptions
  readonly context: SinkHost['context']
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #calls = new Map<SinkPhase, number>()

  constructor(options: SinkOptions) {
    this.options = options
    this.fault = options.fault ?? (() => null)
    this.delayMs = options.delayMs ?? 0
    this.context = options.tls ? createSecureContext({ key: options.tls.key, cert: options.tls.cert }) : null
    this.#server = createServer({ noDelay: true }, (socket) => this.#take(socket))
  }

  get port(): number {
    const address = this.#server.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  }

  listen(port = this.options.port ?? 0): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(port, '127.0.0.1', () => {
        this.#server.off('error', reject)
        resolve()
      })
    })
  }

  /** Stops listening and resets every connection; `listen` may follow. */
  stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    for (const socket of this.#sockets) socket.resetAndDestroy()
    return closed
  }

  /** For the sessions: what is to go wrong at this moment. */
  ask(phase: SinkPhase, line: string): SinkFault | null {
    const before = this.#calls.get(phase) ?? 0
    this.#calls.set(phase, before + 1)
    return this.fault({ phase, line, before })
  }

  keep(message: Received): void {
    if (this.options.onMessage) this.options.onMessage(message)
    else this.messages.push(message)
  }

  #take(socket: Socket): void {
    this.connections++
    this.#sockets.add(socket)
    socket.on('close', () => this.#sockets.delete(socket))
    new SinkSession(this, socket).open()
  }
}

/** A sink that listens, and is stopped when the scope ends. */
export async function startSink(scope: Scope, options: SinkOptions = {}): Promise<Sink> {
  const sink = new Sink(options)
  await sink.listen()
  defer(scope, () => sink.stop())
  return sink
}
