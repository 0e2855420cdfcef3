import { request as askPlain, type ClientRequest, type RequestOptions } from 'node:http'
import { request as askSecure, createServer } from 'node:https'
import { connect, type NetConnectOpts } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { systemClock } from '../../../../src/clock.ts'
import { postReport } from '../../../../src/reports/outgoing/post.ts'
import { fetchPolicy } from '../../../../src/transport/mta-sts/fetch.ts'
import { STS_DEFAULTS } from '../../../../src/transport/mta-sts/policies.ts'
import { type Authority, makeAuthority } from '../../../../test/support/authority.ts'
import { policyText } from '../../../../test/support/policy-host.ts'
import { defer, type Scope } from '../../../../test/support/scope.ts'
import { zoneResolver } from '../../../../test/support/zone.ts'
import { timeOut } from './config.ts'

/** Somebody who asks something over HTTP again and again; resolves with whether the answer was right. */
export type Ask = () => Promise<boolean>

const PATIENCE_MS = 4_000
const PAUSE_MS = 40
const DOMAIN = 'far.test'
const HOST = `mta-sts.${DOMAIN}`

/** Asks until told to stop; how it went does not matter here. */
export async function keepAsking(ask: Ask, stopped: () => boolean): Promise<void> {
  while (!stopped()) {
    await ask()
    await sleep(PAUSE_MS)
  }
}

/** One request on a connection of its own. */
export const httpAsk = (options: RequestOptions & { readonly tls?: boolean; readonly servername?: string }): Ask => {
  const open = options.tls === true ? askSecure : askPlain
  return () => answered(open({ agent: false, rejectUnauthorized: false, timeout: PATIENCE_MS, ...options } as object))
}

function answered(sent: ClientRequest): Promise<boolean> {
  return new Promise((resolve) => {
    sent.on('error', () => resolve(false))
    sent.on('timeout', () => sent.destroy(new Error('no more patience')))
    sent.on('close', () => resolve(false))
    sent.on('response', (response) => {
      response.on('error', () => resolve(false))
      response.on('end', () => resolve(response.statusCode === 200))
      response.resume()
    })
    sent.end()
  })
}

/** Asks thousands of things at once on one connection and reads nothing; gives how long that was kept, milliseconds. */
export async function keptDeaf(where: NetConnectOpts, path: string): Promise<number> {
  const socket = connect(where)
  const gone = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  socket.on('error', () => {})
  const since = performance.now()
  socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`.repeat(5_000))
  // Its end is seen only by who writes
  const beat = setInterval(() => socket.write('x'), 100)
  await Promise.race([gone, sleep(PATIENCE_MS * 4, null, { ref: false })])
  clearInterval(beat)
  socket.destroy()
  return performance.now() - since
}

/** A host on 127.0.0.1 that serves a policy and takes reports. Gives its port and who vouches for it. */
export async function startFarHost(scope: Scope): Promise<{ readonly port: number; readonly authority: Authority }> {
  const authority = makeAuthority('far')
  const { key, cert } = authority.issue([HOST])
  const server = createServer({ key, cert }, (question, response) => {
    question.resume()
    response.writeHead(200, { 'content-type': 'text/plain' }).end(policyText('enforce', ['mx.far.test']))
  })
  server.on('tlsClientError', () => {})
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  defer(scope, () => {
    server.closeAllConnections()
    server.close()
  })
  return { port: (server.address() as { port: number }).port, authority }
}

const resolver = zoneResolver({ [HOST]: { a: ['127.0.0.1'] } })

/** Fetches its policy as the daemon does, which itself refuses hosts on this machine. */
export const policyAsk = (port: number, { alone }: Authority): Ask => {
  const timeoutMs = timeOut('delivery.mtaStsTimeout')
  const options = { ...STS_DEFAULTS, port, authorities: [alone], allowLoopback: true, timeoutMs }
  return async () => (await fetchPolicy(DOMAIN, options, { resolver, clock: systemClock })).ok
}

const REPORT_BYTES = 20_000

/** Posts a report to it, likewise. */
export const reportAsk = (port: number, { alone }: Authority): Ask => {
  const options = { resolver, timeoutMs: timeOut('reports.tls.postTimeout'), privateAddresses: true, ca: alone }
  const post = () => postReport(new URL(`https://${HOST}:${port}/reports`), Buffer.alloc(REPORT_BYTES), options)
  return () =>
    post().then(
      () => true,
      () => false,
    )
}
