import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { isMainThread, parentPort, Worker } from 'node:worker_threads'
import { systemClock } from '../../src/clock.ts'
import { silentLog } from '../../src/log.ts'
import { reply } from '../../src/mail/reply.ts'
import type { SessionHandler } from '../../src/smtp/server/contract.ts'
import { createSmtpServer } from '../../src/smtp/server/server.ts'
import { defer } from '../../test/support/scope.ts'
import type { Bench, Row } from '../lib/bench/part.ts'

/** The receiving side of the wire alone: its handler says yes to everything and keeps nothing. It runs in a thread of its own. */
const SESSIONS = 20
const MESSAGES = 40_000
const CONTENT = Buffer.from(`Subject: load\r\n\r\n${`${'x'.repeat(76)}\r\n`.repeat(131)}.\r\n`)
const ENVELOPE = ['MAIL FROM:<load@client.test>\r\n', 'RCPT TO:<sink@relay.test>\r\n', 'DATA\r\n']
// At the least, RFC 5321's four turns: each must be answered before the next is sent
const GOAL = 5000

export async function bench(bench: Bench): Promise<Row[]> {
  const server = new Worker(new URL(import.meta.url))
  defer(bench, () => server.terminate())
  const [port] = (await once(server, 'message')) as [number]
  const count = bench.quick ? MESSAGES / 10 : MESSAGES
  // Once unmeasured, so that the code is compiled
  await run(port, count / 4, true)
  return [
    ...(await measure(server, port, { name: 'sessions kept open', count, keep: true })),
    ...(await measure(server, port, { name: 'a connection per message', count: count / 4, keep: false })),
  ]
}

interface Load {
  readonly name: string
  readonly count: number
  readonly keep: boolean
}

async function measure(server: Worker, port: number, { name, count, keep }: Load): Promise<Row[]> {
  const cpuBefore = await cpuOf(server)
  const begun = performance.now()
  await run(port, count, keep)
  const seconds = (performance.now() - begun) / 1000
  const cpuMs = ((await cpuOf(server)) - cpuBefore) / 1000
  const goal = keep ? { goal: { atLeast: GOAL } } : {}
  return [
    { name: `${name}: accepted`, value: count / seconds, unit: 'messages/s' },
    { name: `${name}: CPU each`, value: cpuMs / count, unit: 'ms' },
    { name: `${name}: one core would take`, value: (count * 1000) / cpuMs, unit: 'messages/s', ...goal },
  ]
}

async function run(port: number, count: number, keep: boolean): Promise<void> {
  await Promise.all(Array.from({ length: SESSIONS }, () => session(port, count / SESSIONS, keep)))
}

async function session(port: number, count: number, keep: boolean): Promise<void> {
  for (let sent = 0; sent < count; sent += keep ? count : 1) {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    await talk(socket, [
      'EHLO client.test\r\n',
      ...Array(keep ? count : 1)
        .fill(MESSAGE)
        .flat(),
      'QUIT\r\n',
    ])
  }
}

const MESSAGE: readonly (string | Buffer)[] = [...ENVELOPE, CONTENT]

/** Says one thing after each reply. */
function talk(socket: Socket, lines: readonly (string | Buffer)[]): Promise<void> {
  return new Promise((resolve, reject) => {
    let next = 0
    socket.on('data', (answer) => {
      if (answer[0] !== 50 && answer[0] !== 51) reject(new Error(`refused: ${answer}`))
      const line = lines[next++]
      if (line === undefined) socket.end()
      else socket.write(line)
    })
    socket.on('error', reject)
    socket.on('close', () => resolve())
  })
}

async function cpuOf(server: Worker): Promise<number> {
  server.postMessage('cpu')
  const [microseconds] = (await once(server, 'message')) as [number]
  return microseconds
}

const YES = reply(250, '2.0.0', 'Yes')
const HANDLER: SessionHandler = {
  connect: () => YES,
  hello: () => YES,
  mail: () => YES,
  rcpt: () => YES,
  data: () => ({ write: () => true, end: async () => YES, abort() {} }),
  reset() {},
  closed() {},
}

async function serve(): Promise<void> {
  const parts = { hostname: 'relay.test', tls: { mode: 'none' }, log: silentLog, clock: systemClock } as const
  const server = createSmtpServer({ ...parts, handler: () => HANDLER })
  const { port } = await server.listen(0, '127.0.0.1')
  parentPort?.on('message', () => {
    const { user, system } = process.threadCpuUsage()
    parentPort?.postMessage(user + system)
  })
  parentPort?.postMessage(port)
}

if (!isMainThread) await serve()
