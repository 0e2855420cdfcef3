import { noAlarms } from '../alarms.ts'
import type { Address } from '../mail/address.ts'
import type { Envelope, Recipient, ReversePath } from '../mail/envelope.ts'
import type { BlockReason, DeliveryPlan, Lease, Outcome } from '../spool/contract.ts'
import { noTlsResults } from '../transport/contract.ts'
import { askNextHop, type RecipientAnswer } from './ask.ts'
import { Concluder } from './conclude.ts'
import { type ConnectContext, connectTo } from './connect.ts'
import { Dispatcher } from './dispatcher.ts'
import { Feeder } from './feeder.ts'
import type { Hop } from './hop.ts'
import { Keeper } from './keeper.ts'
import type { Job } from './lane.ts'
import { needOf } from './need.ts'
import { Notices } from './notices.ts'
import type { DeliverDeps, DeliverOptions } from './options.ts'
import { PathAlarms } from './path-alarms.ts'
import { PathDecisions } from './path-security.ts'
import { Pool } from './pool.ts'
import { ownReply } from './replies.ts'
import { Router } from './router.ts'
import { Runner } from './runner.ts'
import { Settler } from './settler.ts'
import { type DeliverStatus, statusOfDelivery } from './status.ts'
import { Sweeper } from './sweeper.ts'
import { TlsKeys } from './tls-keys.ts'

/** Carries what the spool holds to where it goes. */
export interface Deliver {
  /**
   * What is to become of a recipient whose message is about to be committed: sent from memory at once
   * (`leaseUntil` is set, and `take` follows the commit), or left in the spool. Never waits.
   */
  plan(recipient: Recipient, envelope: Envelope): DeliveryPlan
  /** Messages that were just committed, with the leases that their plans asked for. */
  take(leases: readonly Lease[]): void
  /** Something in the spool is due: after a release, a retry, at the start. Nothing is sent before the first call. */
  poke(): void
  /** An operator wants everything tried now: back-off in memory is forgotten. Pokes. */
  retryNow(): void
  /** `retryNow`, and leases end as much earlier as the spool's do, which has been told before. */
  clockWentBack(byMs: number): void
  /** Whether a recipient exists, as its next hop says. Never rejects; bounded by `askTimeoutMs`. */
  ask(to: Address, from: ReversePath): Promise<RecipientAnswer>
  /** `ask` without the reply. */
  lookup(to: Address, from: ReversePath): Promise<RecipientAnswer['known']>
  /** Other options hold from now on. What is being sent is finished under the old ones. */
  update(options: DeliverOptions): void
  status(): DeliverStatus
  /** Looks for what is too old now rather than at its time. */
  sweep(): Promise<void>
  /** Leases nothing more, gives back what has not begun, finishes what has within `graceMs`, writes every outcome. */
  close(graceMs: number): Promise<void>
}

export function createDeliver(options: DeliverOptions, deps: DeliverDeps): Deliver {
  return new Delivery(options, deps)
}

class Delivery implements Deliver {
  #options: DeliverOptions
  readonly #deps: DeliverDeps
  readonly #random: () => number
  readonly #tlsKeys = new TlsKeys()
  readonly #pool: Pool
  readonly #dispatcher: Dispatcher
  readonly #concluder: Concluder
  readonly #settler: Settler
  readonly #runner: Runner
  readonly #feeder: Feeder
  readonly #sweeper: Sweeper
  readonly #keeper: Keeper
  #started = false
  #closing = false
  #emptied: (() => void)[] = []

  constructor(options: DeliverOptions, deps: DeliverDeps) {
    this.#options = options
    this.#deps = deps
    this.#random = deps.random ?? Math.random
    this.#pool = new Pool(options.concurrency.total, (hop) => this.#runner.pump(hop))
    this.#settler = new Settler(deps, {
      settled: (outcomes) => this.#settled(outcomes),
      untold: (outcome) => this.#concluder.untold(outcome),
      recovered: () => this.#pumpAll(),
    })
    this.#concluder = this.#makeConcluder()
    this.#dispatcher = this.#makeDispatcher()
    this.#runner = this.#makeRunner()
    this.#feeder = new Feeder({ ...deps, dispatcher: this.#dispatcher, mayBegin: () => this.#mayBegin })
    this.#sweeper = new Sweeper(options, {
      ...deps,
      concluder: this.#concluder,
      troubleOf: (lease) => this.#dispatcher.troubleOf(lease),
      swept: () => this.poke(),
    })
    this.#keeper = new Keeper({ ...deps, dispatcher: this.#dispatcher, pool: this.#pool })
  }

  plan({ address }: Recipient, envelope: Envelope): DeliveryPlan {
    const now = this.#deps.clock.now()
    const destination = address.domain
    const fresh = this.#mayBegin && this.#dispatcher.hasRoomFor(destination, needOf(envelope))
    if (!fresh) this.#feeder.expect()
    return { do: 'deliver', destination, dueAt: now, leaseUntil: fresh ? now + this.#options.leaseMs : null }
  }

  take(leases: readonly Lease[]): void {
    for (const lease of leases) this.#dispatcher.add(lease)
    if (this.#closing) this.#dispatcher.giveBackAll()
  }

  poke(): void {
    if (this.#closing) return
    if (!this.#started) this.#sweeper.start()
    this.#started = true
    this.#keeper.wake()
    this.#feeder.poke()
  }

  clockWentBack(byMs: number): void {
    this.#keeper.clockWentBack(byMs)
    this.retryNow()
  }

  retryNow(): void {
    this.#dispatcher.forgive()
    this.poke()
  }

  async ask(to: Address, from: ReversePath): Promise<RecipientAnswer> {
    const found = await this.#dispatcher.router.find({ destination: to.domain, domain: to.domain, need: 'none' })
    if (found.is !== 'hop') return { known: 'temporary', reply: found.reply }
    if (found.next.route.via === 'store') return { known: 'temporary', reply: NOBODY_TO_ASK }
    const { askTimeoutMs } = this.#options
    const connect = (to: Hop, isLate: () => boolean) =>
      this.#connect(to, openedWithin(this.#options, askTimeoutMs), isLate)
    this.#keeper.wake()
    const hop = this.#dispatcher.hopFor(found.next)
    const answer = await askNextHop(hop, { to, from }, askTimeoutMs, {
      pool: this.#pool,
      connect,
      clock: this.#deps.clock,
    })
    // The connection may be of use to what waits
    this.#runner.pump(hop)
    return answer
  }

  async lookup(to: Address, from: ReversePath): Promise<RecipientAnswer['known']> {
    return (await this.ask(to, from)).known
  }

  update(options: DeliverOptions): void {
    this.#options = options
    this.#pool.max = options.concurrency.total
    this.#runner.options = options
    this.#sweeper.options = options
    this.#concluder.options = options
    this.#concluder.notices = new Notices(options.notifications, options.hostname)
    this.#dispatcher.reroute(options, this.#makeRouter())
  }

  status(): DeliverStatus {
    return statusOfDelivery(this.#dispatcher, this.#pool, this.#deps.clock.now())
  }

  sweep(): Promise<void> {
    return this.#sweeper.sweep()
  }

  async close(graceMs: number): Promise<void> {
    this.#closing = true
    this.#pool.isClosing = true
    await Promise.all([this.#feeder.stop(), this.#sweeper.stop()])
    this.#keeper.closeIdle(0)
    const over = Promise.withResolvers<void>()
    const { clock } = this.#deps
    const cancels = [
      clock.after(graceMs, () => this.#runner.abandon()),
      clock.after(graceMs + LAST_WORDS_MS, () => over.resolve()),
    ]
    this.#dispatcher.giveBackAll()
    // A disk that does not answer would hold us up for ever
    await Promise.race([this.#empty(), over.promise])
    // A spool that cannot be written would hold us up for ever: the leases lapse
    await Promise.race([this.#settler.drained(), over.promise])
    for (const cancel of cancels) cancel()
    this.#keeper.stop()
  }

  get #mayBegin(): boolean {
    return this.#started && !this.#closing && !this.#settler.isBroken
  }

  #connect(hop: Hop, options = this.#options, isLate = () => false) {
    const { resolver, clock, log, store, tlsResults = noTlsResults } = this.#deps
    const context: ConnectContext = {
      options,
      resolver,
      clock,
      log,
      store,
      tlsResults,
      random: this.#random,
      isClosing: () => this.#closing || isLate(),
    }
    return connectTo(hop, context)
  }

  #forget(job: Job): void {
    this.#dispatcher.forget(job)
    this.#feeder.roomFreed()
    if (this.#dispatcher.jobs.size === 0) for (const resolve of this.#emptied.splice(0)) resolve()
  }

  #settled(outcomes: readonly Outcome[]): void {
    if (outcomes.some(({ notifications }) => notifications.length > 0)) this.#feeder.poke()
  }

  #pumpAll(): void {
    for (const hop of this.#dispatcher.hops.values()) this.#runner.pump(hop)
    this.#feeder.poke()
  }

  #empty(): Promise<void> {
    return this.#dispatcher.jobs.size === 0 ? Promise.resolve() : new Promise((resolve) => this.#emptied.push(resolve))
  }

  #block(destination: string, until: number, reason: BlockReason): void {
    this.#deps.spool.block(destination, until, reason).catch((error) => {
      this.#deps.log.error({ destination, error }, 'a destination could not be blocked')
    })
    this.#feeder.wakeAt(until)
  }

  #unblock(destination: string): void {
    this.#deps.spool.unblock(destination).catch((error) => {
      this.#deps.log.error({ destination, error }, 'a destination could not be unblocked')
    })
    this.#feeder.poke()
  }

  #makeConcluder(): Concluder {
    const { hostname, notifications } = this.#options
    return new Concluder(this.#options, new Notices(notifications, hostname), {
      ...this.#deps,
      random: this.#random,
      settle: (outcome) => this.#settler.add(outcome),
      forget: (job) => this.#forget(job),
      due: (time) => this.#feeder.wakeAt(time),
    })
  }

  /** A new one knows nothing: all decisions are made anew. */
  #makeRouter(): Router {
    const { security, clock, tlsResults = noTlsResults } = this.#deps
    const { routes, register, memory } = this.#options
    const decisions = new PathDecisions(security, tlsResults, clock, memory.destinations)
    return new Router(routes, register, { ...this.#deps, tlsKeys: this.#tlsKeys, decisions })
  }

  #makeDispatcher(): Dispatcher {
    return new Dispatcher(this.#options, this.#makeRouter(), {
      ...this.#deps,
      random: this.#random,
      alarms: new PathAlarms(this.#deps.alarms ?? noAlarms),
      added: () => this.#keeper.wake(),
      pump: (hop) => this.#runner.pump(hop),
      giveBack: (job, dueAt, reply) => this.#concluder.giveBack(job, dueAt, reply),
      triedInVain: (job, why, dueAt) => this.#concluder.triedInVain(job, why, dueAt),
      block: (destination, until, reason) => this.#block(destination, until, reason),
      unblock: (destination) => this.#unblock(destination),
    })
  }

  #makeRunner(): Runner {
    return new Runner(this.#options, this.#pool, {
      ...this.#deps,
      connect: (hop) => this.#connect(hop),
      attempted: (...about) => this.#concluder.attempted(...about),
      unreachable: (hop, why) => this.#dispatcher.unreachable(hop, why),
      reached: (hop, lane) => this.#dispatcher.reached(hop, lane),
      giveBack: (job, dueAt) => this.#concluder.giveBack(job, dueAt),
      again: (job, hop) => this.#dispatcher.again(job, hop),
      lapsed: (job) => this.#forget(job),
      drained: (_, job) => this.#feeder.drained(job),
      mayBegin: () => this.#mayBegin,
    })
  }
}

/** The phases up to the first command take no longer than `ms` each; those of a message that may follow stay as they are. */
function openedWithin(options: DeliverOptions, ms: number): DeliverOptions {
  const { connect, greeting, hello, tls, auth, ...later } = options.timeouts
  const opening = Object.entries({ connect, greeting, hello, tls, auth }).map(([phase, time]) => [
    phase,
    Math.min(time, ms),
  ])
  return { ...options, timeouts: { ...options.timeouts, ...Object.fromEntries(opening), ...later } }
}

// After what was under way has been broken off: time to write down how it ended
const LAST_WORDS_MS = 5_000
const NOBODY_TO_ASK = ownReply(451, '4.3.5', 'the mailboxes of this relay are not asked this way')
