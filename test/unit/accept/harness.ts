import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { type Accept, createAccept } from '../../../src/accept/accept.ts'
import { type AcceptOptions, type ClientOptions, DEFAULTS } from '../../../src/accept/options.ts'
import type { AcceptPorts, Planner } from '../../../src/accept/ports.ts'
import { type Clock, systemClock } from '../../../src/clock.ts'
import { EMPTY_CHAIN } from '../../../src/inspect/chain.ts'
import type { Log } from '../../../src/log.ts'
import { readAll } from '../../../src/mail/content.ts'
import { parseQueueId } from '../../../src/mail/queue-id.ts'
import type { Metrics } from '../../../src/metrics.ts'
import { noMetrics } from '../../../src/metrics.ts'
import { type Network, parseNetwork } from '../../../src/net/network.ts'
import type { ServerTls } from '../../../src/smtp/server/contract.ts'
import { createSmtpServer } from '../../../src/smtp/server/server.ts'
import type { QueueEntry } from '../../../src/spool/contract.ts'
import { type OpenSpool, openSpool } from '../../../src/spool/open.ts'
import { temporaryFolder } from '../../support/folder.ts'
import { defer, type Scope } from '../../support/scope.ts'

export const LOOPBACK: Network = network('127.0.0.0/8')

export function network(text: string): Network {
  const found = parseNetwork(text)
  if (found === undefined) throw new Error(`${text} is no network`)
  return found
}

/** A registered client with defaults; known by 127.0.0.0/8 unless said otherwise, and without TLS. */
export const client = (options: Partial<ClientOptions> = {}): ClientOptions => ({
  ...DEFAULTS.client,
  name: 'ward',
  networks: [LOOPBACK],
  tls: 'optional',
  ...options,
})

/** Options of a relay that serves `ours.test`; its rates are off. */
export const options = (changes: Partial<AcceptOptions> = {}): AcceptOptions => ({
  hostname: 'relay.test',
  support: null,
  postmaster: null,
  clients: [],
  domains: new Map([['ours.test', { recipients: 'any' }]]),
  recipientCheck: DEFAULTS.recipientCheck,
  outside: { ...DEFAULTS.outside, reverseName: 'off', rates: { messages: null, recipients: null } },
  connections: DEFAULTS.connections,
  limits: DEFAULTS.limits,
  holds: DEFAULTS.holds,
  ...changes,
})

export interface LogLine {
  readonly level: keyof Log
  readonly message: string
  readonly [key: string]: unknown
}

/** A log that keeps its lines. */
export function keptLog(): Log & { readonly lines: LogLine[] } {
  const lines: LogLine[] = []
  const keep = (level: keyof Log) => (fields: object, message: string) => void lines.push({ ...fields, level, message })
  return { lines, debug: keep('debug'), info: keep('info'), warn: keep('warn'), error: keep('error') }
}

/** Counters, by name and labels. */
export function keptMetrics(): Metrics & { readonly counts: Map<string, number> } {
  const counts = new Map<string, number>()
  return {
    ...noMetrics,
    counts,
    count(name, labels = {}, by = 1) {
      const key = [name, ...Object.values(labels)].join(' ')
      counts.set(key, (counts.get(key) ?? 0) + by)
    },
  }
}

/** Sends everybody to the queue of their domain. */
const toDomain: Planner = {
  plan: ({ address }) => ({ do: 'deliver', destination: address.domain, dueAt: 0, leaseUntil: null }),
  take() {},
}

export interface RelayParts {
  readonly options?: Partial<AcceptOptions>
  readonly ports?: Partial<AcceptPorts>
  readonly clock?: Clock
  readonly tls?: ServerTls
  readonly spool?: Parameters<typeof openSpool>[0] extends infer O ? Partial<O> : never
}

export interface Relay {
  readonly accept: Accept
  readonly spool: OpenSpool
  readonly port: number
  /** The spool's. */
  readonly folder: string
  readonly log: ReturnType<typeof keptLog>
  readonly metrics: ReturnType<typeof keptMetrics>
  /** What is in the queue, oldest first. */
  queue(): Promise<readonly QueueEntry[]>
  /** The stored message, prefix and all. */
  stored(entry: QueueEntry): Promise<string>
  /** The only message in the queue. */
  only(): Promise<{ entry: QueueEntry; text: string }>
}

/** The real wire on a port of 127.0.0.1, accept behind it, and the real spool in a temporary folder. */
export async function startRelay(scope: Scope, parts: RelayParts = {}): Promise<Relay> {
  const log = keptLog()
  const metrics = keptMetrics()
  const clock = parts.clock ?? systemClock
  const path = temporaryFolder(scope)
  const spool = await openSpool({ path, reserveBytes: 0, ballastBytes: 0, ...parts.spool }, { log, metrics, clock })
  defer(scope, () => spool.close())
  const accept = createAccept(options(parts.options), {
    spool,
    planner: toDomain,
    chain: EMPTY_CHAIN,
    log,
    metrics,
    clock,
    recipientList: null,
    recipientLookup: null,
    names: null,
    ...parts.ports,
  })
  const tls = parts.tls ?? { mode: 'none' }
  const server = createSmtpServer({ hostname: 'relay.test', tls, handler: () => accept.handler(), log, clock })
  const { port } = await server.listen(0, '127.0.0.1')
  defer(scope, () => server.close({ graceMs: 0 }))
  const queue = async () => (await spool.list({}, { after: null, limit: 100 })).entries
  const stored = async ({ queueId }: QueueEntry) => {
    const content = await spool.content(queueId)
    if (content === null) throw new Error(`${queueId} has no content`)
    return (await readAll(content, 100_000_000)).toString()
  }
  const only = async () => {
    const entries = await queue()
    const [entry] = entries
    if (entry === undefined || entries.length > 1) throw new Error(`${entries.length} messages in the queue`)
    return { entry, text: await stored(entry) }
  }
  return { accept, spool, port, folder: path, log, metrics, queue, stored, only }
}

export interface ConnectOptions {
  /** An address of 127.0.0.0/8 to come from. */
  readonly from?: string
}

/** One SMTP session, command by command. */
export class Talk {
  #socket: Socket
  #text = ''
  #closed = false
  #wake: () => void = () => {}

  private constructor(socket: Socket) {
    this.#socket = socket
    this.#attach()
  }

  /** Connects and takes the greeting. */
  static async open(scope: Scope, port: number, { from = '127.0.0.1' }: ConnectOptions = {}): Promise<Talk> {
    const talk = new Talk(connect({ host: '127.0.0.1', port, localAddress: from, noDelay: true }))
    defer(scope, () => talk.close())
    return talk
  }

  /** Connects, takes the greeting and says EHLO. */
  static async ready(scope: Scope, port: number, options: ConnectOptions = {}): Promise<Talk> {
    const talk = await Talk.open(scope, port, options)
    await talk.expect(220)
    await talk.say('EHLO client.test', 250)
    return talk
  }

  /** STARTTLS, and EHLO again. */
  async secure(identity: { key?: string; cert?: string } = {}): Promise<void> {
    await this.say('STARTTLS', 220)
    this.#socket.removeAllListeners()
    const secure = connectTls({ socket: this.#socket, rejectUnauthorized: false, ...identity })
    this.#socket = secure
    this.#attach()
    await this.say('EHLO client.test', 250)
  }

  /** Sends a line, and gives the reply, all lines of it; its code must be this one. */
  async say(line: string, code: number): Promise<string> {
    this.#socket.write(`${line}\r\n`)
    return this.expect(code)
  }

  async expect(code: number): Promise<string> {
    const reply = await this.reply()
    if (!reply.startsWith(String(code))) throw new Error(`expected ${code}, got: ${reply}`)
    return reply
  }

  async reply(): Promise<string> {
    for (;;) {
      const [whole] = /^(?:\d{3}-.*\r\n)*\d{3} .*\r\n/.exec(this.#text) ?? []
      if (whole !== undefined) {
        this.#text = this.#text.slice(whole.length)
        return whole.trim()
      }
      if (this.#closed) throw new Error(`the connection is closed: ${this.#text}`)
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }

  /** A whole message, up to the reply after the dot. */
  async send(from: string, to: readonly string[], content: string, code = 250): Promise<string> {
    await this.say(`MAIL FROM:<${from}>`, 250)
    for (const each of to) await this.say(`RCPT TO:<${each}>`, 250)
    await this.say('DATA', 354)
    return this.say(`${content}.`, code)
  }

  write(text: string): void {
    this.#socket.write(text)
  }

  /** Resolves when the server has closed. */
  async ended(): Promise<void> {
    while (!this.#closed) await new Promise<void>((resolve) => (this.#wake = resolve))
  }

  close(): void {
    this.#socket.destroy()
  }

  #attach(): void {
    this.#socket.on('data', (chunk: Buffer) => {
      this.#text += chunk.toString()
      this.#wake()
    })
    const over = () => {
      this.#closed = true
      this.#wake()
    }
    this.#socket.on('error', over)
    this.#socket.on('close', over)
  }
}

/** A plain message with CRLF line ends; `fields` stand on top. */
export const message = (fields = '', body = 'The results are in.\r\n'): string =>
  `${fields}From: <a@client.test>\r\nTo: <b@ours.test>\r\nDate: Sun, 22 Nov 2026 12:00:00 +0000\r\n` +
  `Message-ID: <1@client.test>\r\nSubject: results\r\n\r\n${body}`

/** The queue id in the reply to a message. */
export function queueId(reply: string): string {
  const [, id = ''] = /queued as ([0-9A-Z]{11})$/.exec(reply) ?? []
  if (parseQueueId(id) === null) throw new Error(`no queue id in: ${reply}`)
  return id
}
