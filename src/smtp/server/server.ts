import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import type { SecureContext } from 'node:tls'
import { SMTPServer, type SMTPServerOptions } from 'smtp-server'
import type { SMTPConnectionOptions } from 'smtp-server/lib/smtp-connection'
import { WireConnection } from './connection.ts'
import type {
  HandlerReply,
  SessionHandler,
  SmtpServer,
  SmtpServerChange,
  SmtpServerOptions,
  WireRemote,
} from './contract.ts'
import { mergeLimits } from './limits.ts'
import { type ProxiedFrom, readProxyHeader } from './proxy-header.ts'
import { FAILED, wireText } from './replies.ts'

// How often the clock is looked at, for all connections in turn: none has a timer of its own
const SWEEP_MS = 1000
// Node's own 511 is not enough: where the queue is full, the system may forget a client that already counts itself
// connected. It waits for our greeting, says nothing, and is therefore never noticed
const BACKLOG = 4096
// As much as libuv reads in one go for any stream
const READ_BYTES = 65_536

/** Makes a listener for SMTP. It does nothing until `listen`. */
export function createSmtpServer(options: SmtpServerOptions): SmtpServer {
  const server = new WireServer(options)
  return {
    listen: (port, address) => server.open(port, address),
    get connections() {
      return server.live.size
    },
    setOptions: (change) => server.change(change),
    close: ({ graceMs }) => server.shut(graceMs),
  }
}

/** The library keeps the listening socket, and what a handshake needs; the rest is replaced. */
export class WireServer extends SMTPServer {
  /** Shared with every connection, so that a change reaches all. */
  readonly settings: { options: SmtpServerOptions }
  readonly live = new Set<WireConnection>()
  /** What is read of any connection lies here until it was looked at. */
  readonly buffer = Buffer.allocUnsafeSlow(READ_BYTES)
  // Tells the sessions of this listener from those of others, and of other runs
  readonly #series = randomBytes(3).toString('hex')
  #sequence = 0
  #closing = false
  #emptied: (() => void) | null = null
  #stopSweep: () => void = () => {}

  constructor(options: SmtpServerOptions) {
    super(libraryOptions(options))
    this.settings = { options }
    this.secureContext = new CurrentContext(() => this.#context(null))
  }

  open(port: number, address: string): Promise<{ address: string; port: number }> {
    return new Promise((resolve, reject) => {
      this.server.once('error', reject)
      this.server.listen({ port, host: address, backlog: this.settings.options.backlog ?? BACKLOG }, () => {
        this.server.off('error', reject)
        this.#sweepLater()
        const bound = this.server.address()
        resolve(typeof bound === 'object' && bound !== null ? bound : { address, port })
      })
    })
  }

  change(change: SmtpServerChange): void {
    const options = { ...this.settings.options, ...change }
    if (options.tls.mode !== this.settings.options.tls.mode) throw new RangeError('the TLS mode cannot change')
    this.options.requestCert = wantsCertificate(options)
    this.options.socketTimeout = proxyHeaderMs(options)
    this.settings.options = options
  }

  async shut(graceMs: number): Promise<void> {
    if (this.#closing) return
    this.#closing = true
    const stopped = new Promise<void>((resolve) => this.server.close(() => resolve()))
    const emptied = new Promise<void>((resolve) => {
      this.#emptied = resolve
    })
    for (const socket of this._pendingSockets.values()) socket.destroy()
    for (const connection of this.live) connection.dialogue.leave()
    const cancel = this.settings.options.clock.after(graceMs, () => {
      for (const connection of this.live) connection.dialogue.expel()
    })
    this.#checkEmpty()
    await Promise.all([stopped, emptied])
    cancel()
    this.#stopSweep()
  }

  forget(connection: WireConnection): void {
    this.live.delete(connection)
    this.#checkEmpty()
  }

  // What the library calls

  /** The library would make its contexts here, with a key that everybody has. */
  override updateSecureContext(): void {}

  override _resolveSNI(servername: string, callback: (error: Error | null, context?: SecureContext) => void): void {
    callback(null, this.#context(servername))
  }

  override onSecure(_socket: unknown, _session: unknown, callback: () => void): void {
    callback()
  }

  override _onError(error: Error): void {
    this.settings.options.log.error({ err: error }, 'the listener failed')
  }

  override _handleProxy(socket: Socket, callback: (error: Error | null, given?: Given) => void): void {
    if (!this._expectsProxyHeader(socket)) callback(null)
    else readProxyHeader(socket, (error, from) => callback(error, from && behindProxy(from)))
  }

  override connect(socket: Socket, given?: SMTPConnectionOptions | null): void {
    const remote = whence(socket, given)
    // Gone already, or too late
    if (remote.remoteAddress === '' || this.#closing) {
      socket.destroy()
      return
    }
    const handler = this.#admit(remote)
    if ('code' in handler) this.#turnAway(socket, handler)
    else this.#take(socket, remote, handler)
  }

  // The rest

  #take(socket: Socket, remote: WireRemote, handler: SessionHandler): void {
    const id = `${this.#series}-${(++this.#sequence).toString(36)}`
    const connection = new WireConnection(this, socket, handler, { ...remote, id })
    this.live.add(connection)
    connection.init()
  }

  #admit(remote: WireRemote): SessionHandler | HandlerReply {
    try {
      return this.settings.options.handler(remote)
    } catch (error) {
      this.settings.options.log.error({ err: error, ...remote }, 'no handler for a connection')
      return { ...FAILED, code: 421 }
    }
  }

  #turnAway(socket: Socket, why: HandlerReply): void {
    socket.on('error', () => {})
    if (this.settings.options.tls.mode !== 'implicit') socket.write(wireText(why), 'latin1')
    socket.destroySoon()
  }

  /** Undefined, and so no handshake, if there is none. */
  #context(servername: string | null): SecureContext | undefined {
    const { tls, log } = this.settings.options
    if (tls.mode === 'none') return undefined
    try {
      return tls.secureContext(servername)
    } catch (error) {
      log.error({ err: error, servername }, 'no TLS context')
      return undefined
    }
  }

  #sweepLater(): void {
    const { clock } = this.settings.options
    this.#stopSweep = clock.after(SWEEP_MS, () => {
      this.#sweepLater()
      const now = clock.now()
      for (const connection of this.live) connection.dialogue.check(now)
    })
  }

  #checkEmpty(): void {
    if (this.live.size === 0) this.#emptied?.()
  }
}

type Given = SMTPConnectionOptions & { id: string }

/** Where the library looks for the context of each handshake: always the one that holds now. */
class CurrentContext extends Map<string, SecureContext> {
  readonly #current: () => SecureContext | undefined

  constructor(current: () => SecureContext | undefined) {
    super()
    this.#current = current
  }

  override get(): SecureContext | undefined {
    return this.#current()
  }
}

const wantsCertificate = ({ tls }: SmtpServerOptions): boolean => tls.mode !== 'none' && tls.requestCert === true

/** The library waits for a PROXY header by itself, as long as for any other line: before it there is no session. */
const proxyHeaderMs = ({ limits }: SmtpServerOptions): number => mergeLimits(limits).idleMs

function libraryOptions(options: SmtpServerOptions): SMTPServerOptions {
  const implicit = options.tls.mode === 'implicit'
  return {
    logger: false,
    name: options.hostname,
    // Implicit TLS as the library's connection does it, not its server: then the connection is
    // known, counted and timed from its first moment
    secure: implicit,
    needsUpgrade: implicit,
    requestCert: wantsCertificate(options),
    // Judged by fingerprint, not by issuer
    rejectUnauthorized: false,
    useProxy: [...(options.proxies ?? [])],
    socketTimeout: proxyHeaderMs(options),
  }
}

function whence(socket: Socket, given?: SMTPConnectionOptions | null): WireRemote {
  return {
    remoteAddress: plain(given?.remoteAddress ?? socket.remoteAddress),
    remotePort: given?.remotePort ?? socket.remotePort ?? 0,
    localAddress: plain(socket.localAddress),
    localPort: socket.localPort ?? 0,
  }
}

// Nobody's address: it is in no network that names a client
const UNSPECIFIED = '0.0.0.0'

/** `PROXY UNKNOWN` does not say who connects. The proxy's own address must not stand for them: it may be a client's. */
const behindProxy = ({ remoteAddress, remotePort }: ProxiedFrom): Given => ({
  id: '',
  remotePort,
  remoteAddress: remoteAddress === '' ? UNSPECIFIED : remoteAddress,
})

const MAPPED = '::ffff:'

/** An IPv4 address that arrived on an IPv6 socket, as IPv4. */
const plain = (address = ''): string => (address.startsWith(MAPPED) ? address.slice(MAPPED.length) : address)
