import { once } from 'node:events'
import http, { type IncomingMessage, type OutgoingHttpHeaders } from 'node:http'
import https from 'node:https'
import { formatAddress, formatPath } from '../../../mail/address.ts'
import type { Content } from '../../../mail/content.ts'
import type { MessageView } from '../../plugin.ts'
import { drained } from '../../scanners/drained.ts'
import { failureOf, ScannerFailure, shown } from '../../scanners/failure.ts'
import type { Scanner } from '../../scanners/host.ts'
import type { Opinion } from './opinion.ts'
import { readRspamdAnswer } from './rspamd-answer.ts'

export interface RspamdOptions {
  readonly password: string | null
  readonly connectTimeoutMs: number
  /** Connections are kept this long without use. */
  readonly idleMs: number
}

const MAX_ANSWER = 2 * 1024 * 1024
/** Rspamd's own `max_recipients` is 1024. */
const MAX_RCPT = 1000

/** One Rspamd: its normal worker, over HTTP with connections that are kept. */
export class Rspamd implements Scanner<MessageView, Opinion> {
  readonly name: string
  readonly #url: URL
  readonly #options: RspamdOptions
  readonly #agent: http.Agent

  /** `address` is an http or https URL without a path. */
  constructor(address: string, options: RspamdOptions) {
    this.name = address
    this.#url = new URL(address)
    this.#options = options
    const agent = { keepAlive: true, timeout: options.idleMs }
    this.#agent = this.#secure ? new https.Agent(agent) : new http.Agent(agent)
  }

  get #secure(): boolean {
    return this.#url.protocol === 'https:'
  }

  async scan(message: MessageView, signal: AbortSignal): Promise<Opinion> {
    const headers = { ...this.#password, ...envelopeHeaders(message), 'Content-Length': message.content.size }
    const { text } = await this.#ask('POST', '/checkv2', headers, message.content, signal)
    return readRspamdAnswer(text)
  }

  async check(signal: AbortSignal): Promise<string> {
    const { text, server } = await this.#ask('GET', '/ping', {}, null, signal)
    if (text.trim() !== 'pong') throw new ScannerFailure('nonsense', `it answered a ping with ${shown(text)}`)
    return server
  }

  get #password(): OutgoingHttpHeaders {
    return this.#options.password === null ? {} : { Password: this.#options.password }
  }

  async #ask(
    method: string,
    path: string,
    headers: OutgoingHttpHeaders,
    content: Content | null,
    signal: AbortSignal,
  ): Promise<{ text: string; server: string }> {
    const asking = this.#request(method, path, headers)
    try {
      return await exchange(asking, content, signal)
    } catch (error) {
      // Rspamd may have closed a kept connection just then: the message deserves a new one
      const stale = asking.request.reusedSocket && !asking.answered
      if (!stale || signal.aborted || failureOf(error, 'broken').kind !== 'broken') throw error
    }
    return exchange(this.#request(method, path, headers), content, signal)
  }

  #request(method: string, path: string, headers: OutgoingHttpHeaders): Asking {
    const open = this.#secure ? https.request : http.request
    const request = open(new URL(path, this.#url), { method, headers, agent: this.#agent })
    const asking: Asking = { request, answered: false }
    request.on('error', () => {})
    request.once('response', () => {
      asking.answered = true
    })
    request.setNoDelay(true)
    connectWithin(request, this.#options.connectTimeoutMs)
    return asking
  }

  close(): void {
    this.#agent.destroy()
  }
}

interface Asking {
  readonly request: http.ClientRequest
  /** An answer has begun. */
  answered: boolean
}

/** A socket's own time-out, which no clock reaches; it ends with the connection. */
function connectWithin(request: http.ClientRequest, timeoutMs: number): void {
  request.on('socket', (socket) => {
    if (!socket.connecting) return
    const late = () => request.destroy(new ScannerFailure('unreachable', `no connection in ${timeoutMs} ms`))
    socket.setTimeout(timeoutMs, late)
    socket.once('connect', () => {
      socket.off('timeout', late)
      socket.setTimeout(0)
    })
  })
}

async function exchange(
  asking: Asking,
  content: Content | null,
  signal: AbortSignal,
): Promise<{ text: string; server: string }> {
  const { request } = asking
  const stop = () => request.destroy(failureOf(signal.reason, 'left'))
  if (signal.aborted) stop()
  signal.addEventListener('abort', stop, { once: true })
  try {
    const answered = once(request, 'response') as Promise<[IncomingMessage]>
    answered.catch(() => {})
    await send(asking, content)
    const [response] = await answered
    return await read(response)
  } catch (error) {
    request.destroy()
    throw asFailure(error)
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

const NOT_THERE: readonly string[] = ['ECONNREFUSED', 'ENOENT', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH']

function asFailure(error: unknown): unknown {
  const { code } = error as { code?: string }
  return failureOf(error, code !== undefined && NOT_THERE.includes(code) ? 'unreachable' : 'broken')
}

/** Writes the content as fast as it is taken. An answer that comes before its end ends the writing. */
async function send(asking: Asking, content: Content | null): Promise<void> {
  const { request } = asking
  if (content === null || content.bytes !== null) {
    request.end(content?.bytes ?? undefined)
    return
  }
  let sent = 0
  for await (const chunk of content.stream()) {
    sent += chunk.length
    if (request.destroyed || asking.answered) return
    if (!request.write(chunk)) await drained(request)
  }
  if (sent !== content.size)
    throw new ScannerFailure('left', `the message was ${content.size} bytes, but ${sent} could be read`)
  request.end()
}

async function read(response: IncomingMessage): Promise<{ text: string; server: string }> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > MAX_ANSWER) throw new ScannerFailure('nonsense', 'its answer has no end')
    chunks.push(chunk)
  }
  const text = Buffer.concat(chunks).toString()
  const { statusCode = 0, headers } = response
  if (statusCode === 200) return { text, server: shown(String(headers.server ?? 'it does not say what it is')) }
  throw new ScannerFailure(statusCode === 413 ? 'limit' : 'refused', `it answered ${statusCode} ${shown(text)}`)
}

/** The envelope and the client, as Rspamd's protocol has them. */
export function envelopeHeaders({ session, mailFrom, rcptTo }: MessageView): OutgoingHttpHeaders {
  const { id, remoteAddress, remoteName, helo, user, tls } = session
  return {
    From: value(formatPath(mailFrom)),
    Rcpt: rcptTo.slice(0, MAX_RCPT).map(({ address }) => value(`<${formatAddress(address)}>`)),
    IP: remoteAddress,
    Hostname: value(remoteName ?? 'unknown'),
    'Queue-Id': value(id),
    'MTA-Name': 'postern',
    ...(helo === null ? {} : { Helo: value(helo) }),
    ...(user === null ? {} : { User: value(user) }),
    ...(tls === null ? {} : { 'TLS-Version': value(tls.protocol), 'TLS-Cipher': value(tls.cipher) }),
  }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is removed
const CONTROL = /[\u0000-\u001f\u007f]/g

/** UTF-8, which node takes as one character for each byte; no control characters, at most 1000 of them. */
const value = (text: string): string => Buffer.from(text.replace(CONTROL, '?')).toString('latin1').slice(0, 1000)
