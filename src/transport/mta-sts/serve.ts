import { constants } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server, type ServerOptions } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { SecureVersion, TLSSocket } from 'node:tls'
import { boundAnswers } from '../../http-answers.ts'
import type { Log } from '../../log.ts'
import type { Metrics } from '../../metrics.ts'
import { networkKey } from '../../net/network.ts'
import { serverContextOptions, type TlsContexts } from '../../net/tls.ts'

/** What one client, and all of them, may take. Times in milliseconds. */
export interface PolicyServerLimits {
  readonly connections: number
  /** From one IPv4 address, or one /64 of IPv6. */
  readonly connectionsPerClient: number
  readonly handshakeMs: number
  /** From the end of the handshake until the request is there. */
  readonly requestMs: number
  /** How long a client may take nothing of the answer. */
  readonly idleMs: number
  readonly headerBytes: number
}

/** Senders ask about once a week, and get a few hundred bytes. */
export const POLICY_SERVER_LIMITS: PolicyServerLimits = {
  connections: 256,
  connectionsPerClient: 16,
  handshakeMs: 10_000,
  requestMs: 10_000,
  idleMs: 10_000,
  headerBytes: 8192,
}

/** What may change while it serves. */
export interface PolicyServerOptions {
  /** The texts of policies by domain, lower-case A-labels. */
  readonly policies: ReadonlyMap<string, string>
  readonly tls: Pick<TlsContexts, 'current'>
  readonly minVersion: SecureVersion
  readonly ciphers: string | null
}

export interface PolicyServer {
  readonly address: string
  readonly port: number
  /** Counts from the next handshake and request. */
  update(options: PolicyServerOptions): void
  close(): Promise<void>
}

interface Seams {
  readonly log: Log
  readonly metrics: Metrics
}

interface Place {
  readonly host: string
  readonly port: number
}

const WELL_KNOWN = '/.well-known/mta-sts.txt'

/** Serves policies over HTTPS (RFC 8461 section 3.3), and nothing else. Rejects if the address cannot be had. */
export async function servePolicies(
  place: Place,
  options: PolicyServerOptions,
  { log, metrics }: Seams,
  limits: PolicyServerLimits = POLICY_SERVER_LIMITS,
): Promise<PolicyServer> {
  let current = options
  const server = createServer(
    serverOptions(() => current, limits),
    (request, response) => {
      const status = answer(request, response, current.policies)
      metrics.count('postern_mta_sts_requests_total', { status: String(status) })
    },
  )
  server.maxConnections = limits.connections
  boundAnswers(server, () => limits.idleMs)
  const sockets = boundClients(server, limits.connectionsPerClient)
  await listen(server, place)
  server.on('error', (err) => log.warn({ err }, 'listener for MTA-STS policies failed'))
  const { address, port } = server.address() as AddressInfo
  return {
    address,
    port,
    update(next) {
      current = next
      server.setSecureContext(protocol(next))
    },
    close: () => close(server, sockets),
  }
}

function serverOptions(current: () => PolicyServerOptions, limits: PolicyServerLimits): ServerOptions {
  return {
    ...protocol(current()),
    // RFC 8461 section 3.3: clients name the host; without a name there is no certificate to choose
    SNICallback: (_, done) => done(null, current().tls.current()),
    ALPNProtocols: ['http/1.1'],
    handshakeTimeout: limits.handshakeMs,
    maxHeaderSize: limits.headerBytes,
    headersTimeout: limits.requestMs,
    requestTimeout: limits.requestMs,
    connectionsCheckingInterval: Math.min(500, limits.requestMs),
  }
}

/**
 * What of TLS belongs to the server and not to its certificate. Without tickets: nobody comes back within a week, and
 * their key would be as old as the listener.
 */
function protocol({ minVersion, ciphers }: PolicyServerOptions) {
  const { cert, key, ...rest } = serverContextOptions({ minVersion, ciphers }, { cert: '', key: '', ca: null })
  return { ...rest, secureOptions: (rest.secureOptions ?? 0) | constants.SSL_OP_NO_TICKET }
}

/** Counts clients, and knows the connections whose handshake has not ended, which the HTTP server does not. */
function boundClients(server: Server, most: number): ReadonlySet<Socket> {
  const sockets = new Set<Socket>()
  const open = new Map<string, number>()
  server.on('connection', (socket: Socket) => {
    const client = networkKey(socket.remoteAddress ?? '', { v4: 32, v6: 64 })
    const count = (open.get(client) ?? 0) + 1
    open.set(client, count)
    sockets.add(socket)
    socket.once('close', () => {
      sockets.delete(socket)
      const left = (open.get(client) ?? 1) - 1
      if (left > 0) open.set(client, left)
      else open.delete(client)
    })
    if (count > most) socket.destroy()
  })
  return sockets
}

/** Gives the status. One request a connection: nobody has a reason for a second one. */
function answer(request: IncomingMessage, response: ServerResponse, policies: ReadonlyMap<string, string>): number {
  response.shouldKeepAlive = false
  const policy = request.url === WELL_KNOWN ? policies.get(domainOf(request) ?? '') : undefined
  if (policy === undefined) return say(response, 404, 'not found\n')
  if (request.method === 'GET' || request.method === 'HEAD') return say(response, 200, policy)
  response.setHeader('allow', 'GET, HEAD')
  return say(response, 405, 'only GET and HEAD\n')
}

/** The domain whose policy host was asked: the name must be that of the handshake as well. */
function domainOf({ headers, socket }: IncomingMessage): string | null {
  const host = (headers.host ?? '').toLowerCase().replace(/\.?(?::\d{1,5})?$/, '')
  const { servername } = socket as TLSSocket
  const named = typeof servername === 'string' ? servername.toLowerCase() : null
  return named === host && host.startsWith('mta-sts.') ? host.slice('mta-sts.'.length) : null
}

function say(response: ServerResponse, status: number, body: string): number {
  response.writeHead(status, {
    'content-type': 'text/plain; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  })
  response.end(body)
  return status
}

function listen(server: Server, { host, port }: Place): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port }, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

function close(server: Server, sockets: ReadonlySet<Socket>): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    for (const socket of sockets) socket.destroy()
  })
}
