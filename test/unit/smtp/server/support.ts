import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { type ConnectionOptions, connect as connectTls, createSecureContext, type TLSSocket } from 'node:tls'
import { formatAddress, formatPath } from '../../../../src/mail/address.ts'
import { type Reply, reply } from '../../../../src/mail/reply.ts'
import type {
  DataInfo,
  DataSink,
  HandlerReply,
  MailCommand,
  SessionHandler,
  SmtpServer,
  SmtpServerOptions,
  WireLimits,
  WireSession,
} from '../../../../src/smtp/server/contract.ts'
import { createSmtpServer } from '../../../../src/smtp/server/server.ts'
import { type Certificate, makeCertificate } from '../../../support/certs.ts'
import { type ManualClock, manualClock } from '../../../support/clock.ts'
import { temporaryFolder } from '../../../support/folder.ts'
import { defer, type Scope } from '../../../support/scope.ts'
import { waitFor } from '../../../support/wait.ts'

export const YES = reply(250, '2.0.0', 'Yes')

/** A message that the server under test took. */
export interface Taken {
  readonly content: string
  readonly info: DataInfo
  readonly mail: MailCommand
  readonly rcptTo: readonly string[]
}

/** A listener with a handler that says yes, and what the handler saw. */
export interface Wire {
  readonly server: SmtpServer
  readonly port: number
  readonly clock: ManualClock
  /** What was called, in order: `mail <a@b>`, `rcpt c@d`, `reset`, `abort`, `closed quit` and so on. */
  readonly calls: string[]
  readonly messages: Taken[]
  readonly refusals: Reply[]
  readonly errors: unknown[]
  readonly sessions: WireSession[]
}

export type WireOptions = Partial<Omit<SmtpServerOptions, 'handler'>> & {
  readonly handler?: Partial<SessionHandler>
  readonly admit?: SmtpServerOptions['handler']
  /** What the sink does differently. */
  readonly sink?: Partial<DataSink>
}

/** Boots a listener on port 0 of 127.0.0.1; it ends with the scope. */
export async function startWire(scope: Scope, options: WireOptions = {}): Promise<Wire> {
  const { handler, admit, sink, ...rest } = options
  const clock = manualClock()
  const seen = { clock, calls: [], messages: [], refusals: [], errors: [], sessions: [] } as Omit<
    Wire,
    'server' | 'port'
  >
  const log = { debug() {}, info() {}, warn() {}, error: (fields: object) => void seen.errors.push(fields) }
  const server = createSmtpServer({
    hostname: 'relay.test',
    tls: { mode: 'none' },
    log,
    clock,
    // Who looks at memory after its loan sees this
    freed: (memory) => memory.fill(0xa5),
    handler: admit ?? (() => ({ ...recorder(seen, sink ?? {}), ...handler })),
    ...rest,
  })
  const { port } = await server.listen(0, '127.0.0.1')
  defer(scope, async () => {
    const closed = server.close({ graceMs: 0 })
    clock.advance(0)
    await closed
  })
  return { server, port, ...seen }
}

function recorder(seen: Omit<Wire, 'server' | 'port'>, sink: Partial<DataSink>): SessionHandler {
  const yes = (call: string): HandlerReply => {
    seen.calls.push(call)
    return YES
  }
  return {
    connect: (session) => {
      seen.sessions.push(session)
      return yes('connect')
    },
    hello: (_, name) => yes(`hello ${name}`),
    mail: (_, { from }) => yes(`mail ${formatPath(from)}`),
    rcpt: (_, __, to) => yes(`rcpt ${formatAddress(to.address)}`),
    data: (_, { mail, rcptTo }) => ({
      ...memorySink(
        seen,
        mail,
        rcptTo.map(({ address }) => formatAddress(address)),
      ),
      ...sink,
    }),
    refused: (_, why) => void seen.refusals.push(why),
    reset: () => void seen.calls.push('reset'),
    closed: (_, why) => void seen.calls.push(`closed ${why}`),
  }
}

function memorySink(seen: Omit<Wire, 'server' | 'port'>, mail: MailCommand, rcptTo: readonly string[]): DataSink {
  const chunks: Buffer[] = []
  return {
    write: (chunk) => chunks.push(Buffer.from(chunk)) > 0,
    end: async (info) => {
      const content = Buffer.concat(chunks).toString('latin1')
      seen.calls.push('end')
      seen.messages.push({ content, info, mail, rcptTo })
      return reply(250, '2.0.0', `Taken ${seen.messages.length}`)
    },
    abort: () => void seen.calls.push('abort'),
  } as DataSink
}

/** A client that is told word for word what to send. */
export class Client {
  socket: Socket
  #text = ''
  #ended = false

  constructor(socket: Socket) {
    this.socket = socket
    this.#listen()
  }

  #listen(): void {
    this.socket.on('data', (chunk) => {
      this.#text += chunk.toString('latin1')
    })
    this.socket.on('error', () => {})
    this.socket.on('close', () => {
      this.#ended = true
    })
  }

  /** Sends bytes as they are. */
  send(bytes: string | Buffer): void {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
  }

  /** The next whole reply, its lines joined by `|`. */
  async reply(): Promise<string> {
    const whole = await waitFor(() => WHOLE_REPLY.exec(this.#text)?.[0] ?? (this.#ended && 'closed'), {
      what: `a reply; there is ${JSON.stringify(this.#text)}`,
      everyMs: 1,
      timeoutMs: 5000,
    })
    this.#text = whole === 'closed' ? '' : this.#text.slice(whole.length)
    return whole.trimEnd().replaceAll('\r\n', '|')
  }

  /** Sends a line, and gives the reply to it. */
  ask(line: string): Promise<string> {
    this.send(`${line}\r\n`)
    return this.reply()
  }

  /** Sends lines, one after the reply to the other; gives the last reply. */
  async say(...lines: string[]): Promise<string> {
    let last = ''
    for (const line of lines) last = await this.ask(line)
    return last
  }

  /** Waits for the server to close; gives what it said before and was not read. */
  async closed(): Promise<string> {
    await waitFor(() => this.#ended, { what: 'the connection to be closed', everyMs: 1, timeoutMs: 5000 })
    return this.#text
  }

  /** Goes on in TLS. */
  async secure(options: ConnectionOptions = {}): Promise<TLSSocket> {
    this.socket.removeAllListeners('data')
    this.#text = ''
    const secure = connectTls({ socket: this.socket, rejectUnauthorized: false, ...options })
    this.socket = secure
    this.#listen()
    await once(secure, 'secureConnect')
    return secure
  }
}

const WHOLE_REPLY = /^(?:\d{3}-[^\r\n]*\r\n)*\d{3} [^\r\n]*\r\n/

/** Connects without waiting for the greeting. */
export function dial(scope: Scope, port: number, options: { allowHalfOpen?: boolean } = {}): Client {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true, ...options })
  defer(scope, () => socket.destroy())
  return new Client(socket)
}

/** Connects, reads the greeting, and says what is given; each reply must be positive. */
export async function greeted(scope: Scope, port: number, ...lines: string[]): Promise<Client> {
  const client = dial(scope, port)
  for (const answer of [await client.reply(), ...(await answers(client, lines))]) {
    if (!/^[23]/.test(answer)) throw new Error(`refused: ${answer}`)
  }
  return client
}

async function answers(client: Client, lines: readonly string[]): Promise<string[]> {
  const given: string[] = []
  for (const line of lines) given.push(await client.ask(line))
  return given
}

export const ENVELOPE = ['EHLO client.test', 'MAIL FROM:<a@client.test>', 'RCPT TO:<b@relay.test>'] as const
export const TO_DATA = [...ENVELOPE, 'DATA'] as const

/** A certificate for relay.test, and a TLS part for options that serves it. */
export function relayTls(scope: Scope, mode: 'starttls' | 'implicit' = 'starttls') {
  const certificate: Certificate = makeCertificate(temporaryFolder(scope), 'relay', ['relay.test'])
  const context = createSecureContext({
    key: certificate.key,
    cert: certificate.cert,
    minVersion: 'TLSv1.2',
    sessionIdContext: 'relay.test',
  })
  return { certificate, context, tls: { mode, secureContext: () => context } }
}

export type { WireLimits }
