import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import type { Metrics } from '../metrics.ts'
import type { ClientFailure, SendResult } from '../smtp/client/contract.ts'
import { type Connected, replyOf, type Unreachable } from './connect.ts'
import { type Connection, type Hop, targetName } from './hop.ts'
import type { Job, Lane } from './lane.ts'
import type { DeliverOptions } from './options.ts'
import type { Pool } from './pool.ts'
import { ownReply } from './replies.ts'

/** What the runner leaves to others. */
export interface RunnerPorts {
  readonly connect: (hop: Hop) => Promise<Connected>
  /** A message was attempted; what was said stands in `result`. */
  readonly attempted: (hop: Hop, connection: Connection, job: Job, result: SendResult, startedAt: number) => void
  /** Nothing of the next hop can be reached. */
  readonly unreachable: (hop: Hop, why: Unreachable) => void
  /** A message went through, or the next hop said something else about it: it is there. */
  readonly reached: (hop: Hop, lane: Lane) => void
  readonly giveBack: (job: Job, dueAt: number) => void
  /** A message begins anew. */
  readonly again: (job: Job, hop: Hop) => void
  /** A lease is no longer ours: the message is not to be sent. */
  readonly lapsed: (job: Job) => void
  /** A message was taken out of memory to be sent: there may be room for more. */
  readonly drained: (hop: Hop, job: Job) => void
  /** False while nothing may be begun. */
  readonly mayBegin: () => boolean
  readonly clock: Clock
  readonly log: Log
  readonly metrics: Metrics
}

// How often one attempt may begin anew, with another connection or host
const MAX_RESTARTS = 4
// A lease must have this much left when sending begins, milliseconds
const MIN_LEASE_MS = 5_000
// After a fault of the program, milliseconds
const UNEXPECTED_MS = 300_000

/** Sends what waits for next hops: opens connections, keeps them busy, lets them go. */
export class Runner {
  readonly #ports: RunnerPorts
  readonly #pool: Pool
  readonly #sending = new Set<Connection>()
  options: DeliverOptions

  constructor(options: DeliverOptions, pool: Pool, ports: RunnerPorts) {
    this.options = options
    this.#pool = pool
    this.#ports = ports
  }

  /** Puts waiting messages on idle connections, then opens more, as far as the limits go. */
  pump(hop: Hop): void {
    if (!this.#ports.mayBegin()) return
    while (hop.queued > 0 && hop.idle.length > 0) {
      const connection = hop.idle.pop()
      if (connection) void this.#run(hop, connection)
    }
    while (hop.queued > hop.opening && hop.busy < hop.limit && !hop.isResting(this.#ports.clock.now())) {
      if (!this.#pool.take(hop)) return
      void this.#open(hop)
    }
  }

  /** Breaks off whatever is being sent. */
  abandon(): void {
    for (const { carrier } of this.#sending) carrier.destroy()
  }

  async #open(hop: Hop): Promise<void> {
    hop.opening++
    const connected = await this.#ports.connect(hop).catch(unexpected)
    hop.opening--
    if (connected.ok) {
      this.#pool.watch(hop, connected.connection)
      await this.#run(hop, connected.connection)
      return
    }
    this.#pool.release(hop)
    this.#notOpened(hop, connected.why)
  }

  /** One connection more that fails, where others stand, only means that there are enough. */
  #notOpened(hop: Hop, why: Unreachable): void {
    if (hop.open > 0) {
      hop.capAtOpen(this.#ports.clock.now())
      // What stands may be idle: a question about a recipient left it there
      this.pump(hop)
    } else if (hop.opening === 0) this.#ports.unreachable(hop, why)
  }

  async #run(hop: Hop, connection: Connection): Promise<void> {
    hop.running++
    hop.usedAt = this.#ports.clock.now()
    while (this.#isGood(hop, connection)) {
      const job = this.#next(hop)
      if (job === null) break
      await this.#attempt(hop, connection, job).catch((error) => this.#failed(connection, job, error))
      // A success may have raised the limit
      if (hop.queued > 0) this.pump(hop)
    }
    hop.running--
    this.#letGo(hop, connection)
    this.pump(hop)
  }

  /** Something here is wrong, not with the message: it goes back, and waits a while. */
  #failed(connection: Connection, job: Job, error: unknown): void {
    this.#ports.log.error({ queueId: job.lease.queueId, error }, 'delivery failed unexpectedly')
    this.#sending.delete(connection)
    connection.carrier.destroy()
    this.#ports.giveBack(job, this.#ports.clock.now() + UNEXPECTED_MS)
  }

  #next(hop: Hop): Job | null {
    if (!this.#ports.mayBegin()) return null
    for (let job = hop.take(); job !== null; job = hop.take()) {
      this.#ports.drained(hop, job)
      if (job.leasedUntil - MIN_LEASE_MS > this.#ports.clock.now()) return job
      this.#ports.lapsed(job)
    }
    return null
  }

  /** Whether it may carry another message. */
  #isGood(hop: Hop, { carrier, sent, openedAt, target }: Connection): boolean {
    const { messages, ageMs } = this.options.connections
    if (!carrier.usable || sent >= messages || hop.running > hop.limit) return false
    if (target !== null && this.#pool.isUnfair(hop)) return false
    return this.#ports.clock.now() - openedAt < ageMs
  }

  #letGo(hop: Hop, connection: Connection): void {
    const isSpare = hop.open >= Math.max(1, hop.limit) || this.#pool.isWanted || this.#pool.isClosing
    if (this.#isGood(hop, connection) && !isSpare) {
      connection.idleSince = this.#ports.clock.now()
      hop.idle.push(connection)
      return
    }
    void connection.carrier.quit().catch(() => {})
    this.#pool.release(hop)
  }

  async #attempt(hop: Hop, connection: Connection, job: Job): Promise<void> {
    const startedAt = this.#ports.clock.now()
    const fresh = connection.sent === 0
    connection.sent++
    this.#sending.add(connection)
    const result = await connection.carrier.send(job.lease)
    this.#sending.delete(connection)
    const { failure } = result
    if (failure !== null && !connection.carrier.usable) {
      if (this.#brokeOff(hop, connection, job, result, failure, fresh)) return
    } else {
      if (this.#isRefusedHere(hop, connection, job, result)) return
      if (failure === null) this.#heard(hop, job, result)
    }
    this.#ports.attempted(hop, connection, job, result, startedAt)
  }

  /** The connection failed under way. True if the message begins anew at once. */
  #brokeOff(
    hop: Hop,
    { target }: Connection,
    job: Job,
    result: SendResult,
    failure: ClientFailure,
    fresh: boolean,
  ): boolean {
    const silent = result.recipients.every((said) => said.is === 'unknown')
    // Kept open for long, and gone when it was needed: nobody's fault
    if (!fresh && silent && failure.phase === 'mail' && failure.reply === null) return this.#again(hop, job)
    if (target === null || !this.#ports.mayBegin()) return false
    hop.shrink()
    hop.avoid(target, this.#ports.clock.now() + this.options.lookup.avoidMs)
    job.tried.push(`${targetName(target)}: ${failure.text}`)
    const early = failure.phase === 'mail' || failure.phase === 'rcpt' || failure.phase === 'data'
    const undecided = result.recipients.every((said) => said.is === 'unknown' || said.is === 'deferred')
    if (!early || !undecided) return false
    if (this.#hasAnother(hop)) return this.#again(hop, job)
    this.#rest(hop, failure, target)
    return false
  }

  /** RFC 8689 section 4.2.1: a host without REQUIRETLS is passed over while there is another. */
  #isRefusedHere(hop: Hop, connection: Connection, job: Job, result: SendResult): boolean {
    const { target } = connection
    const lacking = result.recipients.every(
      (said) => said.is === 'failed' && said.ours === true && isTlsStatus(said.reply.enhanced),
    )
    if (!lacking || target === null) return false
    hop.avoid(target, this.#ports.clock.now() + this.options.lookup.avoidMs)
    if (!this.#hasAnother(hop) || !this.#again(hop, job)) return false
    connection.sent = Number.POSITIVE_INFINITY
    return true
  }

  /** An answer to the whole message that puts it off means that the host has enough to do. */
  #heard(hop: Hop, job: Job, { recipients }: SendResult): void {
    if (recipients.some((said) => said.is !== 'deferred')) this.#ports.reached(hop, job.lane)
    else if (recipients.some((said) => said.is === 'deferred' && said.phase !== 'rcpt')) hop.shrink()
  }

  #hasAnother(hop: Hop): boolean {
    const now = this.#ports.clock.now()
    return hop.targets.some((target) => !hop.isAvoided(target, now))
  }

  #again(hop: Hop, job: Job): boolean {
    if (job.restarts >= MAX_RESTARTS || !this.#ports.mayBegin()) return false
    job.restarts++
    this.#ports.again(job, hop)
    return true
  }

  /** The only host there is breaks off every transaction: as good as not there. */
  #rest(hop: Hop, failure: ClientFailure, target: NonNullable<Connection['target']>): void {
    if (hop.running > 1 || hop.idle.length > 0 || hop.opening > 0) return
    const remote = failure.reply === null ? null : target.host
    const reply = replyOf(failure, target)
    this.#ports.unreachable(hop, { is: 'temporary', reply, remote, tried: [], unproven: null })
  }
}

const isTlsStatus = (enhanced: string | null): boolean => enhanced === '5.7.10' || enhanced === '5.7.30'

const unexpected = (error: unknown): Connected => {
  const text = error instanceof Error ? error.message : 'unknown error'
  return {
    ok: false,
    why: { is: 'temporary', reply: ownReply(451, '4.3.0', text), remote: null, tried: [], unproven: null },
  }
}
