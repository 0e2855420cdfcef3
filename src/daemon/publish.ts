import type { Clock } from '../clock.ts'
import type { Config } from '../config/index.ts'
import { formatHostPort, type HostPort } from '../config/index.ts'
import type { Log } from '../log.ts'
import type { Metrics } from '../metrics.ts'
import { createTlsContexts, type TlsContexts } from '../net/tls.ts'
import { type OwnPolicy, ownPolicy } from '../transport/mta-sts/own.ts'
import {
  POLICY_SERVER_LIMITS,
  type PolicyServer,
  type PolicyServerLimits,
  type PolicyServerOptions,
  servePolicies,
} from '../transport/mta-sts/serve.ts'
import { ListenFailed } from './listeners.ts'

interface Seams {
  readonly log: Log
  readonly metrics: Metrics
  readonly clock: Clock
}

/** What is ready to be published, and is not yet. One of the two is called, once. */
export interface PreparedPublication {
  use(): void
  /** Gives up what was opened. */
  drop(): Promise<void>
}

/** The hosts that take mail for our domains. */
export const ownExchangers = ({ publish, hostname }: Config): readonly string[] =>
  publish.mx.length > 0 ? publish.mx : [hostname]

/** Our MTA-STS policies by domain; none where the configuration has none. */
export function ownPolicies(config: Config): ReadonlyMap<string, OwnPolicy> {
  const { mtaSts } = config.publish
  if (mtaSts === null) return new Map()
  const mx = mtaSts.mx.length > 0 ? mtaSts.mx : ownExchangers(config)
  const policy = ownPolicy({ mode: mtaSts.mode, mx, maxAge: Math.floor(mtaSts.maxAge / 1000) })
  const domains = mtaSts.domains.length > 0 ? mtaSts.domains : [...config.domains.keys()]
  return new Map(domains.map((domain) => [domain, policy]))
}

/** Serves our MTA-STS policies as the configuration asks for it, and as it changes. */
export class Publisher {
  readonly #seams: Seams
  readonly #servers = new Map<string, PolicyServer>()
  readonly #closing = new Set<Promise<void>>()
  #tls: TlsContexts | null = null

  constructor(seams: Seams) {
    this.#seams = seams
  }

  /** Opens what is new, and changes nothing yet. Rejects, in words for an operator, with nothing left open. */
  async prepare(config: Config): Promise<PreparedPublication> {
    const wanted = config.publish.mtaSts?.listen ?? []
    if (wanted.length === 0) return { use: () => this.#use(new Map(), [], null, null), drop: async () => {} }
    const tls = await createTlsContexts(tlsFiles(config), this.#seams)
    const options = serverOptions(config, tls)
    const opened = new Map<string, PolicyServer>()
    const drop = async () => {
      tls.close()
      await Promise.all([...opened.values()].map((server) => server.close()))
    }
    try {
      for (const place of wanted) {
        const key = formatHostPort(place)
        if (!this.#servers.has(key) && !opened.has(key))
          opened.set(key, await this.#listen(place, options, limitsOf(config)))
      }
    } catch (error) {
      await drop()
      throw error
    }
    return { use: () => this.#use(opened, wanted.map(formatHostPort), options, tls), drop }
  }

  async #listen(place: HostPort, options: PolicyServerOptions, limits: PolicyServerLimits): Promise<PolicyServer> {
    try {
      const server = await servePolicies(place, options, this.#seams, limits).catch((error: NodeJS.ErrnoException) => {
        // a machine without IPv6
        if (place.host !== '::' || (error.code !== 'EAFNOSUPPORT' && error.code !== 'EADDRNOTAVAIL')) throw error
        return servePolicies({ ...place, host: '0.0.0.0' }, options, this.#seams, limits)
      })
      this.#seams.log.info({ address: server.address, port: server.port }, 'serving MTA-STS policies')
      return server
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      throw new ListenFailed(`cannot listen on ${formatHostPort(place)}: ${why}`, { cause: error })
    }
  }

  #use(
    opened: ReadonlyMap<string, PolicyServer>,
    wanted: readonly string[],
    options: PolicyServerOptions | null,
    tls: TlsContexts | null,
  ): void {
    for (const [key, server] of this.#servers) {
      if (options !== null && wanted.includes(key)) server.update(options)
      else this.#retire(key, server)
    }
    for (const [key, server] of opened) this.#servers.set(key, server)
    this.#tls?.close()
    this.#tls = tls
  }

  #retire(key: string, server: PolicyServer): void {
    this.#servers.delete(key)
    this.#seams.log.info({ address: server.address, port: server.port }, 'no longer serving MTA-STS policies')
    const closing = server.close().finally(() => this.#closing.delete(closing))
    this.#closing.add(closing)
  }

  async close(): Promise<void> {
    await Promise.all([...[...this.#servers.values()].map((server) => server.close()), ...this.#closing])
    this.#servers.clear()
    this.#tls?.close()
    this.#tls = null
  }
}

function limitsOf({ publish }: Config): PolicyServerLimits {
  const { timeouts } = publish.mtaSts ?? {}
  if (timeouts === undefined) return POLICY_SERVER_LIMITS
  const { handshake: handshakeMs, request: requestMs, answer: idleMs } = timeouts
  return { ...POLICY_SERVER_LIMITS, handshakeMs, requestMs, idleMs }
}

/** The certificate for policies: its own, or that of the service. The schema's checks see to it that there is one. */
function tlsFiles({ tls, publish }: Config) {
  const certificate = publish.mtaSts?.certificate ?? tls.certificate
  const key = publish.mtaSts?.key ?? tls.key
  if (certificate === null || key === null) throw new Error('publish.mtaSts: there is no certificate')
  return { certificate, key, clientCa: null, minVersion: tls.minVersion, ciphers: tls.ciphers }
}

const serverOptions = (config: Config, tls: TlsContexts): PolicyServerOptions => ({
  policies: new Map([...ownPolicies(config)].map(([domain, { text }]) => [domain, text])),
  tls,
  minVersion: config.tls.minVersion,
  ciphers: config.tls.ciphers,
})
