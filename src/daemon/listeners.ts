import { networkInterfaces } from 'node:os'
import type { MemoryRoom } from '../accept/ports.ts'
import type { Clock } from '../clock.ts'
import type { Config, Listener } from '../config/index.ts'
import type { Log } from '../log.ts'
import type { OnFreed } from '../mail/content.ts'
import { reply } from '../mail/reply.ts'
import type { Metrics } from '../metrics.ts'
import { createTlsContexts, type TlsContexts } from '../net/tls.ts'
import type {
  HandlerReply,
  ServerTls,
  SessionHandler,
  SmtpServer,
  SmtpServerOptions,
  WireLimits,
} from '../smtp/server/contract.ts'
import { createSmtpServer } from '../smtp/server/server.ts'
import { ownAddresses } from './own-addresses.ts'

interface Seams {
  readonly log: Log
  readonly metrics: Metrics
  readonly clock: Clock
  readonly freed?: OnFreed
  readonly memory: Pick<MemoryRoom, 'admits'>
}

interface Open {
  listener: Listener
  readonly server: SmtpServer
  readonly bound: { readonly address: string; readonly port: number }
}

/** A port that the configuration asks for and the system does not give. */
export class ListenFailed extends Error {
  override readonly name = 'ListenFailed'
}

/** The listeners that the configuration asks for, opened, changed and closed as it changes. */
export class Listeners {
  readonly #handler: () => SessionHandler
  readonly #seams: Seams
  readonly #open = new Map<string, Open>()
  readonly #closing = new Set<Promise<void>>()
  #tls: TlsContexts | null = null

  constructor(handler: () => SessionHandler, seams: Seams) {
    this.#handler = handler
    this.#seams = seams
  }

  /** Opens what is new, changes what stays, and lets the sessions of what is gone end. Rejects with nothing closed or changed. */
  async apply(config: Config): Promise<void> {
    const tls = await this.#loadTls(config)
    const wanted = new Map(config.listeners.map((listener) => [keyOf(listener), listener]))
    const opened = await this.#openNew(wanted, config, tls)
    this.#exchangeTls(tls)
    for (const [key, open] of this.#open) {
      const listener = wanted.get(key)
      if (listener === undefined) this.#retire(key, open, config)
      else this.#change(open, listener, config)
    }
    for (const open of opened) this.#open.set(keyOf(open.listener), open)
  }

  async #loadTls({ tls }: Config): Promise<TlsContexts | null> {
    const { certificate, key } = tls
    return certificate === null || key === null ? null : createTlsContexts({ ...tls, certificate, key }, this.#seams)
  }

  #exchangeTls(next: TlsContexts | null): void {
    this.#tls?.close()
    this.#tls = next
  }

  async #openNew(wanted: Map<string, Listener>, config: Config, tls: TlsContexts | null): Promise<Open[]> {
    const opened: Open[] = []
    try {
      for (const [key, listener] of wanted) {
        if (!this.#open.has(key)) opened.push(await this.#listen(listener, config, tls))
      }
      return opened
    } catch (error) {
      for (const { server } of opened) await server.close({ graceMs: 0 })
      tls?.close()
      throw error
    }
  }

  async #listen(listener: Listener, config: Config, tls: TlsContexts | null): Promise<Open> {
    const { log, clock, freed } = this.#seams
    const server = createSmtpServer({
      ...this.#options(listener, config, tls),
      proxies: listener.proxies,
      backlog: config.limits.connections.waiting,
      handler: () => this.#handle(listener),
      log,
      clock,
      ...(freed && { freed }),
    })
    const bound = await bind(server, listener)
    log.info({ ...bound, tls: listener.tls }, 'listening')
    return { listener, server, bound }
  }

  #options({ tls: mode, earlyTalk }: Listener, config: Config, contexts: TlsContexts | null) {
    return {
      hostname: config.hostname,
      tls: serverTls(mode, config, () => this.#tls ?? contexts),
      limits: wireLimits(config),
      earlyTalk,
    } satisfies Partial<SmtpServerOptions>
  }

  #change(open: Open, listener: Listener, config: Config): void {
    open.listener = listener
    open.server.setOptions({ ...this.#options(listener, config, null), handler: () => this.#handle(listener) })
  }

  #handle(listener: Listener): SessionHandler | HandlerReply {
    const connections = this.#open.get(keyOf(listener))?.server.connections ?? 0
    const isFull = listener.maxConnections !== null && connections > listener.maxConnections
    if (isFull) return this.#turnAway('listener-connections', TOO_MANY)
    if (!this.#seams.memory.admits(CONNECTION_BYTES)) return this.#turnAway('memory-short', MEMORY_SHORT)
    return this.#handler()
  }

  #turnAway(reason: string, why: HandlerReply): HandlerReply {
    this.#seams.metrics.count('postern_refused_total', { reason })
    return why
  }

  #retire(key: string, { server, bound }: Open, config: Config): void {
    this.#open.delete(key)
    this.#seams.log.info(bound, 'no longer listening')
    const closing = server.close({ graceMs: config.shutdown.grace }).finally(() => this.#closing.delete(closing))
    this.#closing.add(closing)
  }

  /** Where we can be reached, for the detection of loops. */
  addresses(): { readonly address: string; readonly port: number }[] {
    return ownAddresses(
      [...this.#open.values()].map(({ bound }) => bound),
      networkInterfaces(),
    )
  }

  status() {
    return [...this.#open.values()].map(({ bound, listener, server }) => {
      return { ...bound, tls: listener.tls, connections: server.connections }
    })
  }

  /** Lets sessions end within the time, then ends them. */
  async close(graceMs: number): Promise<void> {
    await Promise.all([...[...this.#open.values()].map(({ server }) => server.close({ graceMs })), ...this.#closing])
    this.#open.clear()
    this.#tls?.close()
  }
}

/** Every address: IPv6 with IPv4 in it, or IPv4 alone where the machine has no IPv6. */
async function bind(server: SmtpServer, { address, port }: Listener): Promise<Open['bound']> {
  try {
    if (address !== null) return await server.listen(port, address)
    return await server.listen(port, '::').catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EAFNOSUPPORT' && error.code !== 'EADDRNOTAVAIL') throw error
      return server.listen(port, '0.0.0.0')
    })
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new ListenFailed(`cannot listen on ${address ?? '*'} port ${port}: ${why}`, { cause: error })
  }
}

/** With TLS, and what the system keeps of it. */
const CONNECTION_BYTES = 131_072
const TOO_MANY: HandlerReply = { ...reply(421, '4.3.2', 'Too many connections here; try again later'), close: true }
const MEMORY_SHORT: HandlerReply = { ...reply(421, '4.3.2', 'Memory is short here; try again later'), close: true }

/** A listener with another mode of TLS, or other proxies, is another listener: a server cannot change these. */
const keyOf = ({ address, port, tls, proxies }: Listener): string => [address ?? '*', port, tls, ...proxies].join(' ')

function serverTls(mode: Listener['tls'], { tls }: Config, contexts: () => TlsContexts | null): ServerTls {
  if (mode === 'none') return { mode }
  return {
    mode,
    secureContext: () => {
      const found = contexts()
      if (found === null) throw new Error('there is no certificate')
      return found.current()
    },
    requestCert: tls.requestClientCertificate,
  }
}

const wireLimits = ({ limits }: Config): Partial<WireLimits> => ({
  size: limits.size,
  recipients: limits.recipients,
  uselessCommands: limits.commandsWithoutTransaction,
  errors: limits.errors,
  idleMs: limits.idle,
  tlsMs: limits.tlsTime,
  sessionMs: limits.sessionTime,
  dataMs: limits.dataTime,
  wrongEndMs: limits.wrongEnd,
  commandLine: limits.commandLine,
})
