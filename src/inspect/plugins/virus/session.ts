import type { Socket } from 'node:net'
import type { Content } from '../../../mail/content.ts'
import { failureOf, ScannerFailure } from '../../scanners/failure.ts'
import { readError } from './reply.ts'
import type { Sample } from './sample.ts'

const MAX_REPLY = 4096
/** Of content in memory, which would otherwise be one write of any size. */
const MAX_CHUNK = 1024 * 1024
const END = Buffer.alloc(4)

/**
 * clamd goes by the first bytes of what it is given: below a header field such as `MZ:` or `GIF89a:`
 * it would not find a message, and look into none of its attachments.
 */
const IS_MAIL = Buffer.from('Return-Path: <>\r\n')

/**
 * A connection to clamd that takes one command after the other (`IDSESSION` in clamd(8)). clamd numbers
 * its replies, and each must bear the number of the command under way, so that no message can be
 * taken for clean by the reply to another. After anything but a good reply the session is over.
 */
export class ClamdSession {
  readonly #socket: Socket
  #commands = 0
  #received = ''
  /** All of the command under way has been written. */
  #sent = false
  #reply: string | null = null
  #failure: ScannerFailure | null = null
  /** Called at each change that somebody may wait for. */
  #wake: () => void = () => {}

  constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (chunk: Buffer) => this.#take(chunk))
    socket.on('drain', () => this.#wake())
    socket.on('close', () => this.#fail(new ScannerFailure('broken', 'it closed the connection without a reply')))
    socket.write('zIDSESSION\0')
  }

  get open(): boolean {
    return this.#failure === null
  }

  /** True once a byte of the reply to the command under way has come. */
  get answering(): boolean {
    return this.#reply !== null || this.#received !== ''
  }

  /** Sends a command without arguments, such as `VERSION`, and gives the reply. */
  command(name: string, signal: AbortSignal): Promise<string> {
    return this.#exchange(signal, async () => void this.#socket.write(`z${name}\0`))
  }

  /** Sends the bytes as they are read, as fast as clamd takes them, and gives the reply. */
  scan({ content, isMail }: Sample, signal: AbortSignal): Promise<string> {
    return this.#exchange(signal, () => this.#stream(content, isMail))
  }

  async #exchange(signal: AbortSignal, send: () => Promise<void>): Promise<string> {
    const stop = () => this.#fail(failureOf(signal.reason, 'left'))
    signal.addEventListener('abort', stop, { once: true })
    try {
      if (signal.aborted) stop()
      this.#begin()
      await send()
      this.#sent = true
      return await this.#answer()
    } catch (error) {
      this.#fail(failureOf(error, 'broken'))
      throw this.#failure ?? error
    } finally {
      signal.removeEventListener('abort', stop)
    }
  }

  #begin(): void {
    if (this.#received !== '') this.#fail(new ScannerFailure('nonsense', 'it spoke without being asked'))
    if (this.#failure !== null) throw this.#failure
    this.#commands++
    this.#sent = false
    this.#reply = null
  }

  /** Chunks with their length in front, and one of no length at the end (clamd(8), INSTREAM). */
  async #stream(content: Content, isMail: boolean): Promise<void> {
    this.#socket.cork()
    this.#socket.write('zINSTREAM\0')
    if (isMail) this.#writeChunk(IS_MAIL)
    let sent = 0
    for await (const piece of pieces(content)) {
      this.#writeChunk(piece)
      sent += piece.length
      if (this.#socket.writableNeedDrain) await this.#drained()
      if (this.#reply !== null || this.#failure !== null) return
    }
    // what is only a part of the message must not be called clean
    if (sent !== content.size || sent === 0)
      throw new ScannerFailure('left', `the message was ${content.size} bytes, but ${sent} could be read`)
    this.#sent = true
    this.#socket.write(END)
    this.#uncork()
  }

  #writeChunk(piece: Buffer): void {
    const length = Buffer.alloc(4)
    length.writeUInt32BE(piece.length)
    if (this.#socket.writableCorked === 0) this.#socket.cork()
    this.#socket.write(length)
    this.#socket.write(piece)
  }

  async #drained(): Promise<void> {
    this.#uncork()
    while (this.#socket.writableNeedDrain && this.#reply === null && this.#failure === null) await this.#change()
  }

  #uncork(): void {
    if (this.#socket.writableCorked > 0) this.#socket.uncork()
  }

  async #answer(): Promise<string> {
    this.#uncork()
    while (this.#reply === null && this.#failure === null) await this.#change()
    if (this.#reply !== null) return this.#reply
    throw this.#failure
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }

  #take(chunk: Buffer): void {
    this.#received += chunk.toString('latin1')
    const end = this.#received.indexOf('\0')
    if (end >= 0) this.#replied(this.#received.slice(0, end), this.#received.length - end - 1)
    else if (this.#received.length > MAX_REPLY) this.#fail(new ScannerFailure('nonsense', 'its reply has no end'))
  }

  #replied(line: string, more: number): void {
    const [, id, text = ''] = /^(\d{1,15}): ([\s\S]*)$/.exec(line) ?? []
    const failure = id === undefined ? readError(line) : this.#judge(Number(id), text, more)
    if (failure !== null) this.#fail(failure)
    else {
      this.#received = ''
      this.#reply = text
      this.#wake()
    }
  }

  /** Why a reply does not count, or null. */
  #judge(id: number, text: string, more: number): ScannerFailure | null {
    if (id !== this.#commands || this.#reply !== null)
      return new ScannerFailure('nonsense', `it answered command ${id} in place of ${this.#commands}`)
    if (more > 0) return new ScannerFailure('nonsense', 'it answered more than it was asked')
    if (this.#sent) return null
    // nobody can know what is in a message before its end; that it is too large, though
    return /ERROR$/.test(text) ? readError(text) : EARLY
  }

  #fail(failure: ScannerFailure): void {
    this.#failure ??= failure
    this.#socket.destroy()
    this.#wake()
  }

  close(): void {
    this.#failure ??= new ScannerFailure('left', 'the connection was let go')
    this.#socket.destroy()
    this.#wake()
  }
}

const EARLY = new ScannerFailure('nonsense', 'it answered before it had the whole message')

/** The content in pieces that are worth a chunk: never empty, for that would be the end. */
async function* pieces(content: Content): AsyncIterable<Buffer> {
  for await (const chunk of content.bytes === null ? content.stream() : [content.bytes]) {
    for (let at = 0; at < chunk.length; at += MAX_CHUNK) yield chunk.subarray(at, at + MAX_CHUNK)
  }
}
