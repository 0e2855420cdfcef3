import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { defer, type Scope } from './scope.ts'

/** One message as it came over the wire: the bytes of all chunks, and how long each was. */
export interface Streamed {
  readonly id: number
  readonly bytes: Buffer
  readonly chunks: readonly number[]
}

export interface ClamdScript {
  /** After the whole message. By default it is clean. */
  readonly scanned?: (message: Streamed, connection: StubConnection) => void
  /** As soon as INSTREAM is asked for. */
  readonly begun?: (id: number, connection: StubConnection) => void
  readonly version?: (id: number, connection: StubConnection) => void
  /** Read nothing: the other side must wait. */
  readonly deaf?: boolean
}

/** Something that speaks clamd's protocol on 127.0.0.1, as well or as badly as its script says. For what no real clamd can be made to do. */
export class ClamdStub {
  script: ClamdScript
  readonly connections: StubConnection[] = []
  readonly messages: Streamed[] = []
  readonly #server: Server

  constructor(script: ClamdScript) {
    this.script = script
    this.#server = createServer((socket) => this.connections.push(new StubConnection(this, socket)))
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** Connections that scanned something, or began to. */
  get scanning(): readonly StubConnection[] {
    return this.connections.filter(({ scans }) => scans > 0)
  }

  async listen(): Promise<void> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
  }

  async close(): Promise<void> {
    for (const connection of this.connections) connection.socket.destroy()
    this.#server.close()
    await once(this.#server, 'close')
  }
}

export class StubConnection {
  readonly socket: Socket
  readonly #stub: ClamdStub
  #buffer = Buffer.alloc(0)
  #commands = 0
  #streaming: { id: number; chunks: Buffer[] } | null = null
  scans = 0
  /** Bytes that came so far. */
  received = 0

  constructor(stub: ClamdStub, socket: Socket) {
    this.#stub = stub
    this.socket = socket
    socket.on('error', () => {})
    if (stub.script.deaf) return
    socket.on('data', (chunk: Buffer) => {
      this.received += chunk.length
      this.#buffer = Buffer.concat([this.#buffer, chunk])
      while (this.#step()) {
        // as long as there is a whole command or chunk
      }
    })
  }

  reply(text: string): void {
    this.socket.write(`${text}\0`)
  }

  #step(): boolean {
    return this.#streaming === null ? this.#command() : this.#chunk(this.#streaming)
  }

  #command(): boolean {
    const end = this.#buffer.indexOf(0)
    if (end < 0) return false
    const name = this.#buffer.subarray(0, end).toString()
    this.#buffer = this.#buffer.subarray(end + 1)
    if (name === 'zIDSESSION') return true
    const id = ++this.#commands
    const { version, begun } = this.#stub.script
    if (name === 'zINSTREAM') {
      this.scans++
      this.#streaming = { id, chunks: [] }
      begun?.(id, this)
    } else if (version !== undefined) version(id, this)
    else this.reply(`${id}: ClamAV 1.0.0`)
    return true
  }

  #chunk(streaming: { id: number; chunks: Buffer[] }): boolean {
    if (this.#buffer.length < 4) return false
    const length = this.#buffer.readUInt32BE(0)
    if (this.#buffer.length < 4 + length) return false
    const chunk = this.#buffer.subarray(4, 4 + length)
    this.#buffer = this.#buffer.subarray(4 + length)
    if (length > 0) streaming.chunks.push(chunk)
    else this.#end(streaming)
    return true
  }

  #end({ id, chunks }: { id: number; chunks: Buffer[] }): void {
    this.#streaming = null
    const message = { id, bytes: Buffer.concat(chunks), chunks: chunks.map(({ length }) => length) }
    this.#stub.messages.push(message)
    const { scanned } = this.#stub.script
    if (scanned === undefined) this.reply(`${id}: stream: OK`)
    else scanned(message, this)
  }
}

/** A stub that listens, until the scope ends. */
export async function startClamdStub(scope: Scope, script: ClamdScript = {}): Promise<ClamdStub> {
  const stub = new ClamdStub(script)
  await stub.listen()
  defer(scope, () => stub.close())
  return stub
}
