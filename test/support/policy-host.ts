import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer as createHttpsServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Issued } from './authority.ts'
import { defer, type Scope } from './scope.ts'

export interface PolicyHost {
  readonly port: number
  /** `host path` of each request. */
  readonly asked: string[]
  /** What it answers from now on: a policy, or whatever a handler does. */
  answer: string | ((request: IncomingMessage, response: ServerResponse) => void)
}

/** A web server on 127.0.0.1 that serves MTA-STS policies, or fails to, as the test says. Ends with the scope. */
export async function startPolicyHost(
  scope: Scope,
  { key, cert }: Issued,
  answer: PolicyHost['answer'],
): Promise<PolicyHost> {
  const asked: string[] = []
  const server: Server = createHttpsServer({ key, cert }, (request, response) => {
    asked.push(`${request.headers.host} ${request.url}`)
    response.on('error', () => {})
    if (typeof host.answer === 'function') return host.answer(request, response)
    response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' }).end(host.answer)
  })
  server.on('tlsClientError', () => {})
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const host: PolicyHost = { port: (server.address() as AddressInfo).port, asked, answer }
  defer(scope, () => {
    server.closeAllConnections()
    server.close()
  })
  return host
}

/** The text of a policy. */
export const policyText = (mode: string, mx: readonly string[], maxAge = 86_400): string =>
  ['version: STSv1', `mode: ${mode}`, ...mx.map((pattern) => `mx: ${pattern}`), `max_age: ${maxAge}`, ''].join('\r\n')
