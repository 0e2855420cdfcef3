import { once } from 'node:events'
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { defer, type Scope } from './scope.ts'

export interface Asked {
  readonly headers: IncomingHttpHeaders
  /** Every header as it came, names and values in turn. */
  readonly raw: readonly string[]
  readonly body: Buffer
}

export type RspamdScript = (asked: Asked, response: ServerResponse, socket: Socket) => void

export interface RspamdStub {
  readonly url: string
  readonly asked: Asked[]
  readonly connections: number
  script: RspamdScript
}

/** An answer as Rspamd gives it. */
export const rspamdAnswer = (score: number, action = 'no action', symbols: Readonly<Record<string, number>> = {}) =>
  JSON.stringify({
    is_skipped: false,
    score,
    required_score: 15,
    action,
    symbols: Object.fromEntries(Object.entries(symbols).map(([name, score]) => [name, { name, score }])),
  })

/** Something that speaks Rspamd's protocol on 127.0.0.1 as its script says, and keeps what it was asked. `/ping` it always answers. */
export async function startRspamdStub(scope: Scope, script: RspamdScript): Promise<RspamdStub> {
  const asked: Asked[] = []
  let connections = 0
  const server = createServer((request, response) => void serve(request, response))
  const stub = {
    asked,
    script,
    get connections() {
      return connections
    },
    get url() {
      return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    },
  }
  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.url === '/ping') return void response.end('pong\r\n')
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const one = { headers: request.headers, raw: request.rawHeaders, body: Buffer.concat(chunks) }
    asked.push(one)
    stub.script(one, response, request.socket)
  }
  server.on('connection', () => connections++)
  server.on('clientError', (_, socket) => socket.destroy())
  await listen(server)
  defer(scope, () => {
    server.closeAllConnections()
    server.close()
  })
  return stub
}

async function listen(server: Server): Promise<void> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
}
