import { mkdir, statfs } from 'node:fs/promises'
import { type Accept, createAccept } from '../accept/accept.ts'
import { dnsNames } from '../accept/dns-names.ts'
import type { ReloadResult } from '../admin/ports.ts'
import { type AdminServer, openAdmin } from '../admin/server.ts'
import type { Certificates } from '../certificates/contract.ts'
import { version } from '../cli/version.ts'
import type { Clock } from '../clock.ts'
import {
  type Config,
  formatHostPort,
  formatProblem,
  type LoadOptions,
  loadConfig,
  reserveBytes,
} from '../config/index.ts'
import { createDeliver, type Deliver } from '../deliver/deliver.ts'
import type { Chain } from '../inspect/chain.ts'
import { WorkerPool } from '../inspect/pool/pool.ts'
import type { Ledger } from '../ledger/contract.ts'
import { openLedger } from '../ledger/open.ts'
import type { Resolver } from '../net/dns.ts'
import { createResolver } from '../net/dns-resolver.ts'
import { type EventLoopWatch, watchEventLoop } from '../observe/event-loop.ts'
import { type ObserveHttp, openObserveHttp } from '../observe/http.ts'
import type { LogSink } from '../observe/log.ts'
import { watchLog } from '../observe/log-watch.ts'
import { watchQueue } from '../observe/queue-gauges.ts'
import { createMetrics, type MetricsRegistry } from '../observe/registry.ts'
import { type OpenSpool, openSpool } from '../spool/open.ts'
import type { Transport } from '../transport/open.ts'
import { acceptOptions } from './accept-options.ts'
import { certificateAlarms, certificateOptions, certificatesOf } from './certificates.ts'
import { chainOf } from './chain.ts'
import { custodyPorts } from './custody.ts'
import { deliverOptions } from './deliver-options.ts'
import { domainsOf } from './domains.ts'
import { HeldCheck } from './held-check.ts'
import { ledgerOptions } from './ledger-options.ts'
import { Listeners } from './listeners.ts'
import { canonicalDestination, operatorSpool } from './operator-spool.ts'
import { CurrentRecipients } from './recipients.ts'
import { registerAlarms, watchRegister } from './register-alarms.ts'
import { needRestart } from './reload.ts'
import { Reporting } from './reporting.ts'
import { transportOf, transportOptions } from './transport-options.ts'

interface Outside {
  readonly sink: LogSink
  readonly clock: Clock
}

/** The rooms of a running relay. */
interface Rooms {
  readonly metrics: MetricsRegistry
  readonly ledger: Ledger
  readonly spool: OpenSpool
  readonly deliver: Deliver
  readonly resolver: Resolver
  readonly transport: Transport
  readonly reporting: Reporting
  readonly pool: WorkerPool
  readonly certificates: Certificates
  readonly chain: Chain
  readonly heldCheck: HeldCheck
  readonly recipients: CurrentRecipients
  readonly accept: Accept
  readonly listeners: Listeners
}

type Source = LoadOptions & { readonly file: string }

/** A whole relay: starts its rooms in order, exchanges their configuration, and stops them in the opposite order. */
export class Relay {
  readonly broken: Promise<Error>
  readonly #source: Source
  readonly #outside: Outside
  readonly #rooms: Rooms
  readonly #startedAt: number
  readonly #eventLoop: EventLoopWatch
  #config: Config
  #chain: Chain
  #phase: 'starting' | 'running' | 'stopping' = 'starting'
  #admin: AdminServer | null = null
  #http: ObserveHttp | null = null
  #lastReload: (ReloadResult & { readonly at: number }) | null = null
  #reloading: Promise<unknown> = Promise.resolve()

  private constructor(config: Config, source: Source, outside: Outside, rooms: Rooms) {
    this.#config = config
    this.#source = source
    this.#outside = outside
    this.#rooms = rooms
    this.#chain = rooms.chain
    this.#startedAt = outside.clock.now()
    this.#eventLoop = watchEventLoop(rooms.metrics)
    this.broken = rooms.spool.broken
  }

  /** Rejects with Error, in words for the operator, if anything that the configuration asks for cannot be had. */
  static async start(config: Config, source: Source, outside: Outside): Promise<Relay> {
    const relay = new Relay(config, source, outside, await openRooms(config, outside))
    try {
      await relay.#open()
    } catch (error) {
      await relay.stop()
      throw error
    }
    return relay
  }

  /** Operators first, so that they can see what happens; the outside world last, when all is ready for its mail. */
  async #open(): Promise<void> {
    const { metrics, spool, listeners, deliver } = this.#rooms
    const { log } = this.#outside.sink
    this.#admin = await openAdmin({
      socketPath: this.#config.admin.socket,
      socketMode: this.#config.admin.access,
      ports: this.#adminPorts(),
      log,
      clock: this.#outside.clock,
    })
    watchQueue(metrics, () => spool.summary(), this.#outside.clock)
    watchLog(metrics, this.#outside.sink)
    watchRegister(metrics, () => this.#config, this.#outside.clock)
    metrics.beforeReading(() => this.#countConnections())
    await this.#openHttp()
    await listeners.apply(this.#config)
    deliver.update(deliverOptions(this.#config, listeners.addresses()))
    deliver.poke()
    this.#phase = 'running'
    log.info({ version: version(), hostname: this.#config.hostname, pid: process.pid }, 'ready')
  }

  async #openHttp(): Promise<void> {
    const { listen } = this.#config.metrics
    if (listen === null) return
    this.#http = await openObserveHttp({
      address: listen.host,
      port: listen.port,
      metrics: this.#rooms.metrics,
      log: this.#outside.sink.log,
      unhealthy: () => this.#unhealthy(),
      unready: () => this.#unready(),
    })
  }

  #countConnections(): void {
    const counts = this.#rooms.listeners.status().map(({ address, port, connections }) => {
      return [{ listener: `${address} ${port}` }, connections] as const
    })
    this.#rooms.metrics.replace('postern_connections', counts)
  }

  #adminPorts() {
    const { spool, ledger, deliver } = this.#rooms
    return {
      spool: operatorSpool(spool, deliver, { chain: () => this.#chain, log: this.#outside.sink.log }),
      destination: canonicalDestination,
      trace: ledger,
      certificates: this.#rooms.certificates,
      domains: domainsOf(() => this.#config, this.#rooms, this.#outside),
      ...custodyPorts(() => this.#config),
      reports: this.#rooms.reporting.reports.operator,
      status: () => this.#status(),
      reload: (by: string) => this.reload(by),
    }
  }

  #status() {
    return {
      version: version(),
      hostname: this.#config.hostname,
      pid: process.pid,
      startedAt: this.#startedAt,
      configFile: this.#config.file,
      stateDir: this.#config.state.dir,
      phase: this.#phase,
      listeners: this.#rooms.listeners.status(),
      delivery: this.#rooms.deliver.status(),
      unhealthy: this.#unhealthy(),
      unready: this.#unready(),
      alarms: this.#alarms(),
      lastReload: this.#lastReload,
    }
  }

  #alarms(): string[] {
    const unwell = this.#chain.health().filter(({ ok }) => !ok)
    const plugins = unwell.map(({ plugin, text }) => `${plugin}: ${text}`)
    const register = registerAlarms(this.#config, this.#outside.clock.now())
    return [...plugins, ...certificateAlarms(this.#rooms.certificates), ...register, ...this.#rooms.transport.alarms()]
  }

  #unhealthy(): string[] {
    return this.#rooms.spool.room() === 'broken' ? ['the spool does not answer'] : []
  }

  #unready(): string[] {
    const room = this.#rooms.spool.room()
    return [
      ...(this.#phase === 'running' ? [] : [`the relay is ${this.#phase}`]),
      ...(room === 'open' ? [] : [`the spool is ${room}`]),
    ]
  }

  /** Reads the configuration again. What is wrong changes nothing; one reload waits for the other. */
  reload(by: string): Promise<ReloadResult> {
    const result = this.#reloading.then(() => this.#reload(by))
    this.#reloading = result
    return result
  }

  async #reload(by: string): Promise<ReloadResult> {
    const { log } = this.#outside.sink
    const problems = await this.#exchange().catch((error: Error) => [error.message])
    const result = { ok: problems.length === 0, problems }
    this.#lastReload = { ...result, at: this.#outside.clock.now() }
    if (result.ok) log.info({ by }, 'configuration reloaded')
    else log.error({ by, problems }, 'configuration not reloaded: the old one stays in force')
    return result
  }

  /** Everything that can fail comes before everything that cannot, so that a reload is whole or has not happened. */
  async #exchange(): Promise<readonly string[]> {
    const loaded = loadConfig(this.#source.file, this.#source)
    if (!loaded.ok) return loaded.problems.map(formatProblem)
    const { config } = loaded
    const { sink, clock } = this.#outside
    const { accept, recipients, deliver, listeners, metrics, reporting } = this.#rooms
    const nextAccept = acceptOptions(config)
    const useCertificates = await this.#rooms.certificates.prepare(certificateOptions(config))
    const nextChain = await chainOf(config, { log: sink.log, clock, metrics }, this.#rooms)
    await this.#apply(config, listeners).catch(async (error) => {
      await nextChain.close()
      throw error
    })
    accept.update(nextAccept, nextChain)
    this.#exchangeChain(nextChain, config)
    recipients.exchange(config)
    useCertificates()
    this.#rooms.transport.update(transportOptions(config))
    deliver.update(deliverOptions(config, listeners.addresses()))
    reporting.update(config)
    sink.setLevel(config.log.level)
    const fixed = needRestart(this.#config, config)
    if (fixed.length > 0) sink.log.warn({ keys: fixed }, 'these keys have changed and count from the next start')
    this.#config = config
    return []
  }

  async #apply(config: Config, listeners: Listeners): Promise<void> {
    deliverOptions(config, listeners.addresses())
    await listeners.apply(config)
  }

  /** Open transactions end under the chain that they began with, so it is closed when the last of them must have ended. */
  #exchangeChain(next: Chain, { limits }: Config): void {
    const before = this.#chain
    this.#chain = next
    this.#rooms.heldCheck.use(next)
    this.#outside.clock.after(limits.sessionTime + limits.dataTime, () => void before.close())
  }

  /** Stops taking mail, lets what is under way end within the configured time, then closes everything. */
  async stop(): Promise<void> {
    this.#phase = 'stopping'
    const { listeners, deliver, spool, ledger, pool, reporting } = this.#rooms
    const { grace } = this.#config.shutdown
    await listeners.close(grace)
    await deliver.close(grace)
    await reporting.close()
    await this.#chain.close()
    await pool.close()
    await this.#http?.close()
    await this.#admin?.close()
    this.#eventLoop.stop()
    await this.#rooms.transport.close()
    await spool.close()
    await ledger.close()
    await this.#rooms.certificates.close()
  }
}

async function openRooms(config: Config, { sink, clock }: Outside): Promise<Rooms> {
  const metrics = createMetrics({ process: true })
  const seams = { log: sink.log, metrics, clock }
  await mkdir(config.state.dir, { recursive: true, mode: 0o750 })
  // First the spool: on a full disk it can make room for the others
  const spool = await openSpool(await spoolOptions(config), seams)
  const ledger = await openLedger(ledgerOptions(config, seams.log), seams)
  spool.connectJournal(ledger.connect())
  const resolver = createResolver(dnsOptions(config), clock)
  const reporting = await Reporting.open(config, { ...seams, resolver })
  const { reports } = reporting
  const transport = await transportOf(config, { ...seams, resolver })
  const heldCheck = new HeldCheck(seams)
  const { holdAgain } = heldCheck
  const deliver = createDeliver(deliverOptions(config, []), {
    ...seams,
    spool,
    resolver,
    security: transport,
    store: reports.store,
    tlsResults: reports.tlsResults,
    holdAgain,
  })
  const pool = new WorkerPool({}, seams)
  const { planner } = reporting.start(config, { spool, deliver, pool })
  const certificates = await certificatesOf(config, seams)
  const chain = await chainOf(config, seams, { resolver, pool, reporting, certificates })
  heldCheck.use(chain)
  const recipients = new CurrentRecipients(config)
  const accept = createAccept(acceptOptions(config), {
    ...seams,
    spool,
    planner,
    chain,
    recipientList: recipients,
    recipientLookup: deliver,
    names: dnsNames(resolver),
  })
  const listeners = new Listeners(() => accept.handler(), seams)
  const beside = { metrics, ledger, spool, certificates, resolver, transport, pool }
  return { ...beside, deliver, reporting, chain, heldCheck, recipients, accept, listeners }
}

async function spoolOptions({ state, spool }: Config) {
  await mkdir(state.spool, { recursive: true, mode: 0o700 })
  const { bsize, blocks } = await statfs(state.spool)
  return {
    path: state.spool,
    contentInRowBytes: spool.contentInRow,
    reserveBytes: reserveBytes(spool.reserve, bsize * blocks),
  }
}

const dnsOptions = ({ dns }: Config) => ({
  servers: dns.servers.map(formatHostPort),
  validating: dns.validating,
  timeoutMs: dns.timeout,
  tries: dns.attempts,
  deadlineMs: dns.deadline,
  cache: { entries: dns.cache, maxTtl: dns.maxTtl / 1000, maxNegativeTtl: dns.negativeTtl / 1000 },
})
