import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { SMTPConnection, type SMTPConnectionOptions } from 'smtp-server/lib/smtp-connection'
import { SMTPStream } from 'smtp-server/lib/smtp-stream'
import type { SessionHandler } from './contract.ts'
import { Dialogue, type Line } from './dialogue.ts'
import { readInto } from './lend.ts'
import type { WireServer } from './server.ts'
import { SessionState } from './session.ts'
import { tlsFacts } from './tls.ts'

/** Takes the place of the library's parser: gives each chunk to the dialogue as it is. */
class ChunkStream extends SMTPStream {
  readonly #connection: WireConnection

  constructor(connection: WireConnection) {
    super()
    this.#connection = connection
  }

  override _write(chunk: Buffer, _encoding: string, next: () => void): void {
    if (this.isClosed) next()
    else this.#connection.received(chunk, next)
  }
}

/**
 * One connection. The library keeps its socket: listeners, the upgrade to TLS (STARTTLS and
 * implicit), the half-closed end. All that is said on it is the dialogue's: none of the library's
 * commands, replies, limits or timers is reached.
 */
export class WireConnection extends SMTPConnection implements Line {
  readonly dialogue: Dialogue
  readonly #server: WireServer
  /** The socket is not read until the parser has no more. */
  #paused = false

  constructor(server: WireServer, socket: Socket, handler: SessionHandler, options: SMTPConnectionOptions) {
    super(server, socket, options)
    this.#server = server
    const session = new SessionState(this.id, this)
    this.dialogue = new Dialogue(this, { settings: server.settings, handler, session })
  }

  // What the library calls

  override init(): void {
    if (this.needsUpgrade) this.dialogue.securing()
    else this.#lend()
    this._setListeners(() => this.#begin())
  }

  override _createParser(): SMTPStream {
    return new ChunkStream(this)
  }

  /** Time is looked at by the server, for all connections in turn. */
  override _armTimeout(): void {}

  /** Its state of a session is not used. */
  override _resetSession(): void {}

  override _onError(error: Error & { code?: string }): void {
    const { log } = this.#server.settings.options
    const fields = { session: this.id, remote: this.remoteAddress, err: error }
    if (this._upgrading) log.info(fields, 'TLS handshake failed')
    else log.debug(fields, 'connection failed')
    this._socket.destroy()
  }

  override _onClose(): void {
    super._onClose()
    this.#server.forget(this)
    this.dialogue.gone()
  }

  /** The library has something to say only when its own parts fail: none of them speaks on this wire. */
  override send(): void {
    this.close()
  }

  // What the dialogue calls

  write(text: string): void {
    if (!this._socket.destroyed && this._socket.writable) this._socket.write(text, 'latin1')
  }

  whenWritable(next: () => void): void {
    this._whenWritable(next)
  }

  queued(): number {
    return (this._parser === false ? 0 : this._parser.writableLength) + this._socket.readableLength
  }

  startTls(done: () => void): void {
    this.upgrade(done, () => this.#secured())
  }

  /** Sends what the system takes at once, then closes. */
  destroy(): void {
    if (this._socket.writableLength > 0) this._socket.destroy()
    else this._socket.destroySoon()
  }

  // The rest

  received(chunk: Buffer, next: () => void): void {
    this.dialogue.receive(chunk, () => {
      next()
      if (this.#paused) this.#readOn()
    })
  }

  /** What comes in clear is read into a buffer that all connections share. */
  #lend(): void {
    const { buffer } = this.#server
    const parser = this._parser
    // Once the parser is another, TLS reads the socket. What would come in clear all the same is not part of that
    readInto(this._socket, buffer, (length) => this._parser !== parser || this.#take(buffer.subarray(0, length)))
  }

  /** Only what is read at once may lie in the shared buffer. */
  #take(chunk: Buffer): boolean {
    const parser = this._parser
    if (parser === false || parser.isClosed) return true
    parser.write(parser.writableLength > 0 ? Buffer.from(chunk) : chunk)
    this.#server.settings.options.freed?.(chunk)
    this.#paused = parser === this._parser && this.#isFull(parser)
    return !this.#paused
  }

  #readOn(): void {
    if (this._parser === false || this._parser.writableLength > 0) return
    this.#paused = false
    this._socket.resume()
  }

  /** While content waits for the disk, no more is read; while a command is carried out, what follows it is looked at. */
  #isFull({ writableLength, writableHighWaterMark }: SMTPStream): boolean {
    return writableLength > 0 && (this.dialogue.takesContent || writableLength >= writableHighWaterMark)
  }

  #secured(): void {
    const facts = this._socket instanceof TLSSocket ? tlsFacts(this._socket) : null
    if (facts === null) this.destroy()
    else this.dialogue.secured(facts)
  }

  // For implicit TLS the handshake is over here, for all others nothing has been said yet
  #begin(): void {
    if (this.needsUpgrade) this.#secured()
    if (this.#server.settings.options.earlyTalk === 'allow') this.dialogue.begin()
    else setImmediate(() => setImmediate(() => this.dialogue.begin()))
  }
}
