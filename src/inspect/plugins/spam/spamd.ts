import type { Socket } from 'node:net'
import type { Clock } from '../../../clock.ts'
import { formatPath } from '../../../mail/address.ts'
import { type Content, prefixedContent } from '../../../mail/content.ts'
import { messageDate } from '../../../mail/trace.ts'
import type { MessageView } from '../../plugin.ts'
import type { ScannerAddress } from '../../scanners/address.ts'
import { openSocket } from '../../scanners/connect.ts'
import { drained } from '../../scanners/drained.ts'
import { failureOf, ScannerFailure } from '../../scanners/failure.ts'
import type { Scanner } from '../../scanners/host.ts'
import type { Opinion } from './opinion.ts'
import { readPong, readSpamdAnswer } from './spamd-answer.ts'

export interface SpamdOptions {
  readonly connectTimeoutMs: number
}

const MAX_ANSWER = 256 * 1024

/** One spamd of SpamAssassin, spoken to in SPAMC/1.5: a connection for each message, as it wants it. */
export class Spamd implements Scanner<MessageView, Opinion> {
  readonly name: string
  readonly #address: ScannerAddress
  readonly #options: SpamdOptions
  readonly #clock: Clock

  constructor(address: ScannerAddress, options: SpamdOptions, clock: Clock) {
    this.name = address.name
    this.#address = address
    this.#options = options
    this.#clock = clock
  }

  async scan(message: MessageView, signal: AbortSignal): Promise<Opinion> {
    const head = Buffer.from(traceOf(message, this.#clock.now()))
    return readSpamdAnswer(await this.#ask('SYMBOLS', prefixedContent(head, message.content), signal))
  }

  async check(signal: AbortSignal): Promise<string> {
    return readPong(await this.#ask('PING', null, signal))
  }

  async #ask(command: string, content: Content | null, signal: AbortSignal): Promise<string> {
    const socket = await openSocket(this.#address, this.#options.connectTimeoutMs, this.#clock, signal)
    const stop = () => socket.destroy(failureOf(signal.reason, 'left'))
    if (signal.aborted) stop()
    signal.addEventListener('abort', stop, { once: true })
    try {
      const answer = read(socket)
      answer.catch(() => {})
      await send(socket, command, content)
      return await answer
    } catch (error) {
      throw failureOf(error, 'broken')
    } finally {
      signal.removeEventListener('abort', stop)
      socket.destroy()
    }
  }

  close(): void {
    // no connection is kept
  }
}

async function send(socket: Socket, command: string, content: Content | null): Promise<void> {
  const length = content === null ? '' : `Content-length: ${content.size}\r\n`
  socket.write(`${command} SPAMC/1.5\r\n${length}\r\n`)
  for await (const chunk of content?.stream() ?? []) {
    // what it has to say about that comes as its answer
    if (!socket.writable) return
    if (!socket.write(chunk)) await drained(socket)
  }
  socket.end()
}

async function read(socket: Socket): Promise<string> {
  let text = ''
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    text += chunk.toString('latin1')
    if (text.length > MAX_ANSWER) throw new ScannerFailure('nonsense', 'its answer has no end')
  }
  if (text === '') throw new ScannerFailure('broken', 'it closed the connection without an answer')
  return text
}

/**
 * SpamAssassin learns the envelope and the client from the header only: this is what our own trace
 * field will say, in the form of Postfix, which it reads best.
 */
export function traceOf({ session, mailFrom }: MessageView, nowMs: number): string {
  const { helo, remoteName, remoteAddress, user, id } = session
  const address = remoteAddress.includes(':') ? `IPv6:${remoteAddress}` : remoteAddress
  const by = user === null ? '' : `\r\n\t(Authenticated sender: ${word(user)})`
  return (
    `Return-Path: ${word(formatPath(mailFrom))}\r\n` +
    `Received: from ${word(helo ?? 'unknown')} (${word(remoteName ?? 'unknown')} [${address}])${by}\r\n` +
    `\tby localhost (Postfix) with ESMTP id ${word(id)};\r\n\t${messageDate(nowMs)}\r\n`
  )
}

/** Nothing that could begin a field, or a comment, of its own. */
const word = (text: string): string => text.replace(/[^\x21-\x7e]|[()[\]\\;]/g, '?').slice(0, 300)
