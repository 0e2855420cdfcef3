import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { createSecureContext, type SecureContext, type SecureVersion } from 'node:tls'
import { type PeerCall, PeerConnection, type PeerMessage, type PeerPoint } from './peer-connection.ts'
import { defer, type Scope } from './scope.ts'

export type { PeerCall, PeerConnection, PeerMessage, PeerPoint }

/** Something that the peer does instead of saying a reply. */
export interface Deed {
  readonly name: string
  do(connection: PeerConnection): void
}

/** A reply (CRLF is added; lines are parted by `\r\n`), or a deed. A deed after which nothing is to be read calls `stall()`. */
export type Act = string | Deed

/** What to do at a point: always the same, one after the other (the last one stays), or as asked. Undefined is the default. */
export type Part = Act | readonly Act[] | ((call: PeerCall) => Act | undefined)

export interface PeerScript {
  /** EHLO keywords with their parameters. */
  readonly extensions?: readonly string[]
  /** Those after STARTTLS, where they differ. */
  readonly secureExtensions?: readonly string[]
  /** PEM. Needed for STARTTLS and implicit TLS. */
  readonly tls?: { readonly key: string; readonly cert: string; readonly maxVersion?: SecureVersion }
  readonly implicitTls?: boolean
  /** LHLO, and a reply per recipient after the dot: the part `end` is asked for each of them. */
  readonly lmtp?: boolean
  /** Path of a Unix socket instead of a port. */
  readonly path?: string
  readonly parts?: Readonly<Partial<Record<PeerPoint, Part>>>
}

/** The keywords that a modern server has. */
export const MODERN: readonly string[] = ['PIPELINING', '8BITMIME', 'SMTPUTF8', 'DSN', 'ENHANCEDSTATUSCODES', 'SIZE 0']

/**
 * A next hop on 127.0.0.1 that does as its script says: well or badly, at each point of RFC 5321's
 * dialogue. It keeps every command and every byte of content that it was sent. For tests of the
 * sending side; nothing in it is shared with what it tests.
 */
export class Peer {
  readonly script: PeerScript
  readonly connections: PeerConnection[] = []
  readonly context: SecureContext | null
  readonly #server: Server
  readonly #calls = new Map<PeerPoint, number>()

  constructor(script: PeerScript) {
    this.script = script
    const { key, cert, maxVersion } = script.tls ?? {}
    this.context = key && cert ? createSecureContext({ key, cert, ...(maxVersion && { maxVersion }) }) : null
    this.#server = createServer({ noDelay: true }, (socket) => this.#take(socket))
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** All whole messages, of all connections, in the order of their connections. */
  get messages(): PeerMessage[] {
    return this.connections.flatMap((connection) => connection.messages)
  }

  /** All commands, of all connections. */
  get commands(): string[] {
    return this.connections.flatMap((connection) => connection.commands)
  }

  async listen(): Promise<void> {
    const { path } = this.script
    this.#server.listen(path === undefined ? { host: '127.0.0.1', port: 0 } : { path })
    await once(this.#server, 'listening')
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    for (const connection of this.connections) connection.close()
    await closed
  }

  /** What the script has for a point now. */
  act(call: Omit<PeerCall, 'nth'>): Act | undefined {
    const nth = this.#calls.get(call.point) ?? 0
    this.#calls.set(call.point, nth + 1)
    const part = this.script.parts?.[call.point]
    if (typeof part === 'function') return part({ ...call, nth })
    return Array.isArray(part) ? part[Math.min(nth, part.length - 1)] : (part as Act | undefined)
  }

  #take(socket: Socket): void {
    const connection = new PeerConnection(this, socket)
    this.connections.push(connection)
    connection.start()
  }
}

/** Starts a peer that ends with the test. */
export async function startPeer(scope: Scope, script: PeerScript = {}): Promise<Peer> {
  const peer = new Peer({ extensions: MODERN, ...script })
  await peer.listen()
  defer(scope, () => peer.close())
  return peer
}

const deed = (name: string, act: (connection: PeerConnection) => void): Deed => ({ name, do: act })

/** Says nothing, and takes no further command. */
export const SILENCE: Deed = deed('silence', (connection) => connection.stall())

/** Breaks the connection with RST. */
export const RESET: Deed = deed('reset', (connection) => connection.reset())

/** Closes the connection in order, with nothing said. */
export const CLOSE: Deed = deed('close', (connection) => connection.close())

/** Says something, then closes. */
export const thenClose = (text: string): Deed =>
  deed(`${text}, close`, (connection) => {
    connection.stall()
    connection.socket.end(`${text}\r\n`)
  })

/** Sends exactly these bytes, in one write. */
export const raw = (bytes: string | Buffer): Deed => deed('raw bytes', (connection) => connection.write(bytes))

/** Sends a reply one byte at a time, each in a segment of its own. */
export const byteByByte = (text: string): Deed =>
  deed('byte by byte', (connection) => {
    const bytes = Buffer.from(`${text}\r\n`)
    let at = 0
    const next = () => {
      if (at < bytes.length && !connection.gone)
        connection.socket.write(bytes.subarray(at, ++at), () => setImmediate(next))
    }
    next()
  })

/** Sends the same piece again and again for as long as the other side listens. */
export const endless = (piece: string): Deed =>
  deed('endless', (connection) => {
    connection.stall()
    const block = piece.repeat(Math.ceil(65_536 / piece.length))
    const pour = () => {
      while (!connection.gone && connection.socket.write(block));
    }
    connection.socket.on('drain', pour)
    pour()
  })

/** Does some other deed, then says the reply. */
export const after = (first: Deed, text: string): Deed =>
  deed(`${first.name}, ${text}`, (connection) => {
    first.do(connection)
    connection.write(`${text}\r\n`)
  })
