import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { connect as connectPlain, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import { fileURLToPath } from 'node:url'
import { stringify } from 'yaml'
import { makeCertificate } from '../support/certs.ts'
import { startClamdStub } from '../support/clamd-stub.ts'
import { relayConfig } from '../support/config.ts'
import { temporaryFolder } from '../support/folder.ts'
import { Dialogue } from '../support/load.ts'
import { answers, freePort } from '../support/ports.ts'
import { end, start } from '../support/process.ts'
import { defer, type Scope } from '../support/scope.ts'
import { type Received, startSink } from '../support/sink.ts'
import { waitFor } from '../support/wait.ts'

// By hand: POSTERN_POISON_MESSAGES=20000
const MESSAGES = Number(process.env.POSTERN_POISON_MESSAGES ?? 240)
const SESSIONS = 24
const DAEMON = fileURLToPath(new URL('../support/poisoned-daemon.ts', import.meta.url))
const KIB = 1024
// Where content changes its place: chunks, what fits in the row, buffers of files and their pieces
const EDGES = [0, 1, 4 * KIB, 16 * KIB, 32 * KIB, 64 * KIB, 128 * KIB, 256 * KIB]
const DOMAINS = ['plain.test', 'tagged.test', 'unsteady.test']
const TAGLINE = 'Sent through a relay that mixes nothing.'
const ID = /^X-Id: (\S+)\r\nX-Sum: (\S+)\r\nX-Size: (\d+)\r\n/m

type Mode = 'clear' | 'starttls' | 'implicit'
const MODES: readonly Mode[] = ['clear', 'clear', 'starttls', 'implicit']

const below = (limit: number): number => Math.floor(Math.random() * limit)
const pick = <T>(from: readonly [T, ...T[]] | readonly T[]): T => from[below(from.length)] as T

function sizeOf(): number {
  const roll = below(100)
  if (roll < 2) return 1_048_576 + below(4 * 1_048_576)
  if (roll < 40) return below(12 * KIB)
  return Math.max(0, pick(EDGES) + below(13) - 6 - below(2) * 300)
}

/** Lines that say in each place whose they are; some begin with a dot. */
function bodyOf(id: string, size: number): Buffer {
  const stamp = randomBytes(9).toString('hex')
  const body = Buffer.alloc(size)
  for (let at = 0, n = 0; at < size; n++) {
    const line = `${n % 7 === 3 ? '.' : ''}${id} ${stamp} ${n} ${'patient'.repeat(n % 8)}\r\n`
    at += body.write(line, at, 'latin1')
  }
  if (size >= 2) body.write('\r\n', size - 2, 'latin1')
  else body.fill('x')
  // What was cut in the middle of a line end must not leave half of it
  if (size >= 3 && body[size - 3] === 13) body[size - 3] = 120
  return body
}

interface Mail {
  readonly id: string
  readonly to: readonly string[]
  readonly content: Buffer
}

function mailOf(id: string): Mail {
  const body = bodyOf(id, sizeOf())
  const sum = createHash('sha256').update(body).digest('hex')
  const to = DOMAINS.filter(() => below(2) === 0).map((domain) => `${id}@${domain}`)
  const head = [`X-Id: ${id}`, `X-Sum: ${sum}`, `X-Size: ${body.length}`, `From: a@client.test`, `Subject: ${id}`]
  const fill = below(4) === 0 ? [`X-Fill: ${'f'.repeat(below(900))}`] : []
  const content = Buffer.concat([Buffer.from(`${[...head, ...fill].join('\r\n')}\r\n\r\n`), body])
  return { id, to: to.length === 0 ? [`${id}@plain.test`] : to, content }
}

/** Dots doubled, and the end mark. */
function onWire({ content }: Mail): Buffer {
  const text = content.toString('latin1').replace(/\r\n\./g, '\r\n..')
  return Buffer.from(`${text}${text.endsWith('\r\n') ? '' : '\r\n'}.\r\n`, 'latin1')
}

/** What the sinks saw, and whether each message is whole and in its own place. */
class Checks {
  readonly arrived = new Set<string>()
  readonly wrong: string[] = []
  copies = 0

  readonly take = ({ content, rcptTo }: Received): void => {
    this.copies++
    const end = content.indexOf('\r\n\r\n')
    const [, id = '', sum, size] = ID.exec(content.subarray(0, end + 2).toString('latin1')) ?? []
    const body = content.subarray(end + 4)
    const own = body.subarray(0, Number(size))
    const rest = body.subarray(own.length).toString('latin1')
    const same = createHash('sha256').update(own).digest('hex') === sum
    if (!same || content.includes(POISON))
      this.wrong.push(`${id}: ${same} ${content.indexOf(POISON)} of ${content.length}`)
    if (rest !== '' && rest !== '\r\n' && !rest.includes(TAGLINE)) this.wrong.push(`${id}: something behind it`)
    for (const { address } of rcptTo) {
      if (!address.startsWith(`${id}@`)) this.wrong.push(`${id}: went to ${address}`)
      this.arrived.add(address)
    }
  }
}

const POISON = Buffer.alloc(8, 0xa5)

/** A next hop's line that stops reading now and then, and is cut in the middle of content. */
async function unsteady(scope: Scope, to: number): Promise<number> {
  const sockets = new Set<Socket>()
  const server = createServer((near) => {
    const far = connectPlain(to, '127.0.0.1')
    let left = below(3) === 0 ? below(2_000_000) : Number.POSITIVE_INFINITY
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        near.destroy()
        far.destroy()
        sockets.delete(socket)
      })
    }
    far.pipe(near)
    near.on('data', (chunk) => {
      left -= chunk.length
      if (left < 0) near.resetAndDestroy()
      else if (!far.write(chunk) || below(10) === 0) {
        near.pause()
        setTimeout(() => near.resume(), below(20))
      }
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  defer(scope, () => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const bound = server.address()
  return typeof bound === 'object' && bound !== null ? bound.port : 0
}

interface Line {
  readonly line: Dialogue
  readonly socket: Socket
  /** What TLS, if any, lies on. */
  readonly raw: Socket
}

class Senders {
  readonly acknowledged = new Set<string>()
  readonly troubles = new Map<string, number>()
  readonly #ports: Readonly<Record<Mode, number>>
  #next = 0

  constructor(ports: Readonly<Record<Mode, number>>) {
    this.#ports = ports
  }

  async run(): Promise<void> {
    while (this.#next < MESSAGES) {
      await this.#session().catch((error: Error) => {
        this.troubles.set(error.message, (this.troubles.get(error.message) ?? 0) + 1)
      })
    }
  }

  async #session(): Promise<void> {
    const { line, socket, raw } = await this.#open(pick(MODES))
    try {
      for (let i = below(8); i >= 0 && this.#next < MESSAGES; i--) {
        const mail = mailOf(`m${++this.#next}`)
        const going = await this.#send({ line, socket, raw }, mail)
        if (!going) return
      }
    } finally {
      line.close()
      socket.destroy()
    }
  }

  async #open(mode: Mode): Promise<Line> {
    const port = this.#ports[mode]
    const plain = connectPlain({ host: '127.0.0.1', port, noDelay: true })
    plain.on('error', () => {})
    const secure = () => connectTls({ socket: plain, rejectUnauthorized: false })
    let socket: Socket = plain
    if (mode === 'implicit') socket = secure()
    let line = new Dialogue(socket)
    await line.expect('220')
    await line.say('EHLO client.test\r\n', '250')
    if (mode === 'starttls') {
      await line.say('STARTTLS\r\n', '220')
      plain.removeAllListeners('data')
      socket = secure()
      await once(socket, 'secureConnect')
      line = new Dialogue(socket)
      await line.say('EHLO client.test\r\n', '250')
    }
    socket.on('error', () => {})
    return { line, socket, raw: plain }
  }

  /** False: the connection was broken off. */
  async #send({ line, socket, raw }: Line, mail: Mail): Promise<boolean> {
    const rcpts = mail.to.map((to) => `RCPT TO:<${to}>\r\n`)
    await line.say(`MAIL FROM:<${mail.id}@client.test>\r\n`, '250')
    for (const rcpt of rcpts) await line.say(rcpt, '250')
    await line.say('DATA\r\n', '354')
    const bytes = onWire(mail)
    if (below(12) === 0) {
      socket.write(bytes.subarray(0, below(bytes.length - 4)))
      if (below(2) === 0) await sleep(below(10))
      if (below(2) === 0) socket.destroy()
      else raw.resetAndDestroy()
      return false
    }
    // Commands behind the end mark come in the same chunk
    const behind = below(3) === 0 ? 'NOOP\r\n' : ''
    await inPieces(socket, Buffer.concat([bytes, Buffer.from(behind)]))
    await line.expect('250')
    for (const to of mail.to) this.acknowledged.add(to)
    if (behind !== '') await line.expect('250')
    return true
  }
}

async function inPieces(socket: Socket, bytes: Buffer): Promise<void> {
  if (below(2) === 0) {
    socket.write(bytes)
    return
  }
  for (let at = 0; at < bytes.length && !socket.destroyed; ) {
    const next = at + 1 + below(below(3) === 0 ? 100_000 : 3000 + bytes.length / 8)
    socket.write(bytes.subarray(at, next))
    at = next
    if (below(4) === 0) await sleep(0)
  }
}

async function startPoisoned(t: TestContext, config: object) {
  const folder = temporaryFolder(t)
  const file = join(folder, 'postern.yaml')
  writeFileSync(file, stringify(config))
  // One thread for files: what waits for the disk waits for long
  const env = { ...process.env, UV_THREADPOOL_SIZE: '1' }
  const running = await start(process.execPath, [DAEMON, file, join(folder, 'state')], { env })
  defer(t, () => end(running))
  return running
}

test('No message holds a byte of another, though memory is overwritten as soon as its loan ends and connections break everywhere.', async (t) => {
  const certificate = makeCertificate(temporaryFolder(t), 'relay', ['postern.test'])
  const checks = new Checks()
  const steady = await startSink(t, { onMessage: checks.take, tls: certificate })
  const fault = () => (below(15) === 0 ? (below(2) === 0 ? ('reset' as const) : { reply: '451 4.3.0 later' }) : null)
  const faulty = await startSink(t, {
    onMessage: checks.take,
    fault: ({ phase }) => (phase === 'end' || phase === 'data' ? fault() : null),
  })
  const clamd = await startClamdStub(t, {
    scanned: (message, connection) => void setTimeout(() => connection.reply(`${message.id}: stream: OK`), below(8)),
  })
  const ports = { clear: await freePort(), starttls: await freePort(), implicit: await freePort() }
  const listen = { address: '127.0.0.1' }
  const text = join(temporaryFolder(t), 'tagline.txt')
  writeFileSync(text, TAGLINE)
  const route = (port: number) => ({ hosts: [`127.0.0.1:${port}`] })
  const running = await startPoisoned(t, {
    ...relayConfig({ port: ports.clear, nextHop: steady.port, certificate }),
    listeners: [
      { ...listen, port: ports.clear, tls: 'none' },
      { ...listen, port: ports.starttls, tls: 'starttls' },
      { ...listen, port: ports.implicit, tls: 'implicit' },
    ],
    routes: { default: route(steady.port), domains: { 'unsteady.test': route(await unsteady(t, faulty.port)) } },
    inspect: [{ virus: { clamd: clamd.address } }, { tagline: { text, when: { recipients: ['tagged.test'] } } }],
    log: { level: 'warn' },
  })
  const listening = async () => (await Promise.all(Object.values(ports).map(answers))).every(Boolean)
  await waitFor(async () => !running.alive || (await listening()), { what: 'the relay', detail: running.output })

  const senders = new Senders(ports)
  await Promise.all(Array.from({ length: SESSIONS }, () => senders.run()))
  const missing = () => [...senders.acknowledged].filter((address) => !checks.arrived.has(address))
  const detail = () => `${missing().length} missing, ${checks.wrong}\n${running.output().slice(-3000)}`
  await waitFor(() => missing().length === 0 || !running.alive, { what: 'all to arrive', timeoutMs: 120_000, detail })
  t.diagnostic(`${checks.copies} copies; troubles ${JSON.stringify([...senders.troubles])}`)
  assert.ok(running.alive, running.output())
  assert.deepEqual(checks.wrong, [])
  // What was mixed up and found out by a checksum in time was refused
  assert.deepEqual([...senders.troubles], [])
  assert.ok(senders.acknowledged.size > MESSAGES / 2)
  await end(running)
  const times = Number(/overwritten (\d+) times/.exec(running.output())?.[1])
  t.diagnostic(`memory was overwritten ${times} times`)
  assert.ok(times > MESSAGES)
})
