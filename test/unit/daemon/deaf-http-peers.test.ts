import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Agent, createServer, type IncomingMessage, request, type Server } from 'node:http'
import { connect, type NetConnectOpts, type Socket } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { openAdmin } from '../../../src/admin/server.ts'
import { systemClock } from '../../../src/clock.ts'
import { boundAnswers } from '../../../src/http-answers.ts'
import { silentLog } from '../../../src/log.ts'
import { openObserveHttp } from '../../../src/observe/http.ts'
import { createMetrics } from '../../../src/observe/registry.ts'
import { temporaryFolder } from '../../support/folder.ts'
import { defer, type Scope } from '../../support/scope.ts'
import { STATUS } from '../admin/support.ts'

const SHORT_MS = 400
/** A busy machine, and the look every half a second. */
const SLACK_MS = 3_000
/** More than the buffers of two sockets take. */
const LONG = 'x'.repeat(20_000_000)
const WAITS = { header: SHORT_MS, request: SHORT_MS, answer: SHORT_MS, idle: SHORT_MS }

/** Connects, says that, reads nothing unless told to, and gives after how many milliseconds the other side had left. */
async function keptFor(scope: Scope, where: NetConnectOpts, bytes: string, reads = false): Promise<number> {
  const socket: Socket = connect(where)
  defer(scope, () => socket.destroy())
  await once(socket, 'connect')
  const since = performance.now()
  socket.on('error', () => {})
  if (reads) socket.resume()
  socket.write(bytes)
  // Nothing read means that no end is seen: a reset, or a pipe that takes no more, tells
  const beat = setInterval(() => socket.write('x'), 50)
  defer(scope, () => clearInterval(beat))
  const gone = new Promise<boolean>((resolve) => socket.once('close', () => resolve(true)))
  const inTime = await Promise.race([gone, sleep(SHORT_MS + SLACK_MS + 1_000, false, { ref: false })])
  clearInterval(beat)
  return inTime ? performance.now() - since : Number.POSITIVE_INFINITY
}

async function admin(t: TestContext): Promise<NetConnectOpts> {
  const path = join(temporaryFolder(t, 'deaf'), 'admin.sock')
  const none = new Proxy({}, { get: () => async () => null })
  const ports = { spool: none, trace: none, status: () => ({ ...STATUS, unready: [LONG] }) }
  const server = await openAdmin({
    ...{ socketPath: path, log: silentLog, clock: systemClock, timeouts: WAITS },
    ports: { ...ports, destination: () => null, reload: async () => ({ ok: true, problems: [] }) } as never,
  })
  defer(t, () => server.close())
  return { path }
}

async function metrics(t: TestContext): Promise<NetConnectOpts> {
  const server = await openObserveHttp({
    ...{ address: '127.0.0.1', port: 0, metrics: createMetrics(), log: silentLog, timeouts: WAITS },
    ...{ unhealthy: () => [], unready: () => [LONG] },
  })
  defer(t, () => server.close())
  return { host: server.address, port: server.port }
}

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`

for (const [name, open, path] of [
  ['the operators’ socket', admin, '/v1/status'],
  ['the listener for monitoring', metrics, '/readyz'],
] as const) {
  test(`${name} gives up who asks and reads nothing`, async (t) => {
    const ms = await keptFor(t, await open(t), get(path))
    assert.ok(ms < SHORT_MS + SLACK_MS, `${ms} ms`)
  })

  test(`${name} gives up who says half a request, and who says nothing more`, async (t) => {
    const where = await open(t)
    const halves = [get(path).slice(0, 12), `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n{`]
    const kept = await Promise.all(halves.map((half) => keptFor(t, where, half, true)))
    for (const ms of kept) assert.ok(ms < SHORT_MS + SLACK_MS, `${ms} ms`)
  })
}

async function thinking(t: TestContext, answer: (server: Server) => void): Promise<number> {
  const server = createServer((_, response) => void sleep(6 * SHORT_MS).then(() => response.end('at last')))
  answer(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  defer(t, () => {
    server.closeAllConnections()
    server.close()
  })
  return (server.address() as { port: number }).port
}

test('an answer that takes its time to be made is waited for', async (t) => {
  const port = await thinking(t, (server) => boundAnswers(server, () => SHORT_MS))
  assert.equal(await (await fetch(`http://127.0.0.1:${port}/`)).text(), 'at last')
})

test('of a thousand requests at once on one connection one is worked on, and the connection is given up', async (t) => {
  let worked = 0
  const server = createServer((_, response) => {
    worked++
    setImmediate(() => response.end('x'.repeat(100_000)))
  })
  boundAnswers(server, () => SHORT_MS)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  defer(t, () => server.close())
  const { port } = server.address() as { port: number }
  assert.ok((await keptFor(t, { host: '127.0.0.1', port }, get('/').repeat(1000), true)) < SLACK_MS)
  assert.equal(worked, 1)
})

test('one request after the other is answered on the same connection', async (t) => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  defer(t, () => agent.destroy())
  const server = createServer((_, response) => void response.end('x'.repeat(300_000)))
  boundAnswers(server, () => SHORT_MS)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  defer(t, () => server.close())
  const { port } = server.address() as { port: number }
  let reused = 0
  for (let n = 0; n < 50; n++) {
    const sent = request({ host: '127.0.0.1', port, agent })
    sent.end()
    const [response] = (await once(sent, 'response')) as [IncomingMessage]
    await response.toArray()
    if (sent.reusedSocket) reused++
  }
  assert.equal(reused, 49)
})
