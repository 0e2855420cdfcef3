import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { boundAnswers } from '../http-answers.ts'
import type { Log } from '../log.ts'
import type { MetricsRegistry } from './registry.ts'

/** What is wrong, in words, one entry each; empty when all is well. */
export type Findings = readonly string[]

export interface ObserveHttpOptions {
  /** IP address; loopback unless the operator wrote otherwise, since whoever reaches it may read. */
  readonly address: string
  readonly port: number
  /** How long peers are waited for, milliseconds. By default `OBSERVE_TIMEOUTS`. */
  readonly timeouts?: ObserveTimeouts
  readonly metrics: MetricsRegistry
  readonly log: Log
  /** Why this process should be started anew (the spool is broken). */
  readonly unhealthy: () => Findings
  /** Why no mail should be sent here now (listeners not yet bound, stopping, spool full). */
  readonly unready: () => Findings
}

export interface ObserveTimeouts {
  /** Until all of a request is there. */
  readonly request: number
  /** How long a peer may take nothing of an answer. */
  readonly answer: number
  /** How long a connection is kept for another request. */
  readonly idle: number
}

export const OBSERVE_TIMEOUTS: ObserveTimeouts = { request: 10_000, answer: 10_000, idle: 30_000 }

export interface ObserveHttp {
  readonly address: string
  readonly port: number
  close(): Promise<void>
}

// A monitoring system asks now and then from one or two places; anything else is a mistake
const MAX_CONNECTIONS = 64
const MAX_HEADER_BYTES = 8_192
const LOOK_MS = 500

/** Opens the listener for `/metrics`, `/healthz` and `/readyz`. Rejects if the address cannot be bound. */
export async function openObserveHttp(options: ObserveHttpOptions): Promise<ObserveHttp> {
  const { timeouts = OBSERVE_TIMEOUTS } = options
  const server = createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: timeouts.request,
      requestTimeout: timeouts.request,
      connectionsCheckingInterval: LOOK_MS,
      keepAliveTimeout: timeouts.idle,
    },
    (request, response) => void answer(options, request, response),
  )
  server.maxConnections = MAX_CONNECTIONS
  boundAnswers(server, () => timeouts.answer)
  await listen(server, options.address, options.port)
  server.on('error', (err) => options.log.warn({ err }, 'metrics listener failed'))
  const bound = server.address() as AddressInfo
  return { address: bound.address, port: bound.port, close: () => close(server) }
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port }, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}

async function answer(options: ObserveHttpOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    if (request.method !== 'GET' && request.method !== 'HEAD') return say(response, 405, 'only GET and HEAD\n')
    await answerGet(options, path(request), response)
  } catch (err) {
    options.log.error({ err }, 'metrics could not be told')
    if (response.headersSent) response.destroy()
    else say(response, 500, 'failed\n')
  }
}

async function answerGet(options: ObserveHttpOptions, path: string, response: ServerResponse): Promise<void> {
  if (path === '/metrics') return say(response, 200, await options.metrics.text(), options.metrics.contentType)
  if (path === '/healthz') return sayFindings(response, options.unhealthy())
  if (path === '/readyz') return sayFindings(response, options.unready())
  say(response, 404, 'try /metrics, /healthz or /readyz\n')
}

const path = (request: IncomingMessage): string => (request.url ?? '/').split('?', 1)[0] ?? '/'

function sayFindings(response: ServerResponse, findings: Findings): void {
  if (findings.length === 0) say(response, 200, 'ok\n')
  else say(response, 503, findings.map((finding) => `${finding}\n`).join(''))
}

function say(response: ServerResponse, status: number, body: string, type = 'text/plain; charset=utf-8'): void {
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  })
  response.end(body)
}
