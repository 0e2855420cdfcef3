import type { DaemonStatus, ReloadResult } from '../admin/ports.ts'
import { type AdminServer, openAdmin } from '../admin/server.ts'
import { version } from '../cli/version.ts'
import { type Config, formatProblem, type LoadOptions, loadConfig } from '../config/index.ts'
import type { Chain } from '../inspect/chain.ts'
import { type EventLoopWatch, watchEventLoop } from '../observe/event-loop.ts'
import { type ObserveHttp, openObserveHttp } from '../observe/http.ts'
import { watchLog } from '../observe/log-watch.ts'
import { watchQueue } from '../observe/queue-gauges.ts'
import { acceptOptions } from './accept-options.ts'
import { certificateOptions } from './certificates.ts'
import { chainOf } from './chain.ts'
import { WatchedClock } from './clock-watch.ts'
import { custodyPorts } from './custody.ts'
import { chanceOf, deliverOptions } from './deliver-options.ts'
import { domainsOf } from './domains.ts'
import type { Listeners } from './listeners.ts'
import { memoryOptions } from './memory-watch.ts'
import { canonicalDestination, operatorSpool } from './operator-spool.ts'
import { watchRegister } from './register-alarms.ts'
import { lostDomains, tellOfWeaker } from './register-changes.ts'
import { keepRegister, refuseCutRegister } from './register-kept.ts'
import { needRestart } from './reload.ts'
import { type Outside, openRooms, type Rooms } from './rooms.ts'
import { type Standing, statusOf, unhealthy, unready } from './status.ts'
import { transportOptions } from './transport-options.ts'
import { lettersBy, watchdogPorts, watchOptions } from './watch.ts'

type Source = LoadOptions & { readonly file: string }
type Watched = Outside & { readonly clock: WatchedClock }

/** A whole relay: starts its rooms in order, exchanges their configuration, and stops them in the opposite order. */
export class Relay {
  readonly broken: Promise<Error>
  readonly #source: Source
  readonly #outside: Watched
  readonly #rooms: Rooms
  readonly #startedAt: number
  readonly #eventLoop: EventLoopWatch
  #config: Config
  #chain: Chain
  #phase: DaemonStatus['phase'] = 'starting'
  #admin: AdminServer | null = null
  #http: ObserveHttp | null = null
  #lastReload: DaemonStatus['lastReload'] = null
  #stopClockWatch: () => void = () => {}
  #reloading: Promise<unknown> = Promise.resolve()

  private constructor(config: Config, source: Source, outside: Watched, rooms: Rooms) {
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
    refuseCutRegister(config, outside)
    const watched = { ...outside, clock: new WatchedClock(outside.clock) }
    const relay = new Relay(config, source, watched, await openRooms(config, watched))
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
      timeouts: this.#config.admin.timeouts,
      ports: this.#adminPorts(),
      log,
      clock: this.#outside.clock,
    })
    watchQueue(metrics, () => spool.summary(), this.#outside.clock)
    watchLog(metrics, this.#outside.sink)
    watchRegister(metrics, () => this.#config, this.#outside.clock)
    metrics.beforeReading(() => this.#countConnections())
    await this.#openHttp()
    await this.#apply(this.#config, listeners)
    deliver.update(deliverOptions(this.#config, listeners.addresses()))
    keepRegister(this.#config, this.#outside)
    deliver.poke()
    this.#startWatch()
    this.#stopClockWatch = this.#outside.clock.watch(log, (byMs) => this.#clockWentBack(byMs))
    this.#phase = 'running'
    log.info({ version: version(), hostname: this.#config.hostname, pid: process.pid }, 'ready')
  }

  async #clockWentBack(byMs: number): Promise<void> {
    await this.#rooms.spool.clockWentBack(byMs)
    this.#rooms.deliver.clockWentBack(byMs)
  }

  #startWatch(): void {
    const { watch, spool, ownMail } = this.#rooms
    const now = () => ({ config: this.#config, asked: this.#standing() })
    const letters = lettersBy(ownMail, () => watchOptions(this.#config), this.#outside.clock)
    watch.start(watchdogPorts(spool, now), letters)
  }

  async #openHttp(): Promise<void> {
    const { listen, timeouts } = this.#config.metrics
    if (listen === null) return
    this.#http = await openObserveHttp({
      address: listen.host,
      port: listen.port,
      timeouts,
      metrics: this.#rooms.metrics,
      log: this.#outside.sink.log,
      unhealthy: () => unhealthy(this.#standing()),
      unready: () => unready(this.#standing()),
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
      spool: operatorSpool(spool, deliver, {
        chain: () => this.#chain,
        chance: () => chanceOf(this.#config),
        log: this.#outside.sink.log,
      }),
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

  #status(): DaemonStatus {
    return statusOf(this.#standing(), this.#startedAt)
  }

  #standing(): Standing {
    return {
      config: this.#config,
      rooms: this.#rooms,
      chain: this.#chain,
      phase: this.#phase,
      now: this.#outside.clock.now(),
      lastReload: this.#lastReload,
    }
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
    const lost = lostDomains(this.#config, config, clock.now())
    if (lost.length > 0) return lost
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
    this.#rooms.watch.update(watchOptions(config))
    this.#rooms.memory.update(memoryOptions(config))
    sink.setLevel(config.log.level)
    tellOfWeaker(this.#config, config, clock.now(), sink.log)
    const fixed = needRestart(this.#config, config)
    if (fixed.length > 0) sink.log.warn({ keys: fixed }, 'these keys have changed and count from the next start')
    this.#config = config
    keepRegister(config, this.#outside)
    return []
  }

  async #apply(config: Config, listeners: Listeners): Promise<void> {
    deliverOptions(config, listeners.addresses())
    const published = await this.#rooms.publisher.prepare(config)
    await listeners.apply(config).catch(async (error) => {
      await published.drop()
      throw error
    })
    published.use()
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
    await this.#rooms.publisher.close()
    await this.#rooms.watch.close()
    await deliver.close(grace)
    await reporting.close()
    await this.#chain.close()
    await pool.close()
    await this.#http?.close()
    await this.#admin?.close()
    this.#eventLoop.stop()
    this.#stopClockWatch()
    this.#rooms.memory.stop()
    await this.#rooms.transport.close()
    await spool.close()
    await ledger.close()
    await this.#rooms.certificates.close()
  }
}
