import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import type { Recipient } from '../mail/envelope.ts'
import { isNotifyWanted, type NotifiedRecipient } from '../mail/notification.ts'
import type { Reply } from '../mail/reply.ts'
import type { Metrics } from '../metrics.ts'
import type { Chance, Hold, Lease, Outcome, RecipientResult, Spool } from '../spool/contract.ts'
import { type Concluder, reasonOf } from './conclude.ts'
import { EXPIRED, expiredReply, saidBy } from './judge.ts'
import type { Notices } from './notices.ts'
import type { DeliverOptions } from './options.ts'
import { ownReply, statusIn } from './replies.ts'

export interface SweeperPorts {
  readonly spool: Pick<Spool, 'expired' | 'undelayed' | 'overdueHolds' | 'settle' | 'summary'>
  readonly concluder: Concluder
  /** What memory knows of why a destination waits. */
  readonly troubleOf: (lease: Lease) => string | null
  /** As in `DeliverDeps`. */
  readonly holdAgain?: (lease: Lease, hold: Hold) => Promise<Hold | null>
  /** A round is over; something may be due. */
  readonly swept: () => void
  readonly clock: Clock
  readonly log: Log
  readonly metrics: Metrics
}

// Of one kind in one round; what is left over has its turn in the next
const MAX_BATCHES = 100
// After a start, or a jump of the clock: time for what became too old meanwhile to be tried once more
const GRACE_MS = 1_800_000
// A timer that fires so much later than it should tells of a jump
const JUMP_MS = 300_000
const NOT_RELEASED = 'held for a decision and not released'
const NEVER_TRIED = 'it was never its turn'

/**
 * Looks for what has grown too old, on a timer, in bounded batches: messages to be returned, senders
 * to be told of a delay, holds that nobody decided on.
 */
export class Sweeper {
  options: DeliverOptions
  readonly #ports: SweeperPorts
  #cancel: (() => void) | null = null
  #sweeping: Promise<void> = Promise.resolve()
  #stopped = false
  /** Before this nothing is given up unless it was tried and failed. */
  #givesUpFrom = 0

  constructor(options: DeliverOptions, ports: SweeperPorts) {
    this.options = options
    this.#ports = ports
  }

  start(): void {
    this.#givesUpFrom = this.#ports.clock.now() + GRACE_MS
    this.#arm()
  }

  /** Resolves when nothing is under way. */
  stop(): Promise<void> {
    this.#stopped = true
    this.#cancel?.()
    return this.#sweeping
  }

  /** One round, now. Never rejects. */
  async sweep(): Promise<void> {
    const { clock } = this.#ports
    const { lifetimeMs, delayNoticeMs, sweepBatch } = this.options
    const { spool } = this.#ports
    const round = new Round(this.#ports, this.options)
    if (clock.now() >= this.#givesUpFrom) {
      await this.#all(
        () => spool.expired(clock.now() - lifetimeMs, sweepBatch),
        (lease) => round.expired(lease),
      )
    }
    if (delayNoticeMs !== null) {
      await this.#all(
        () => spool.undelayed(clock.now() - delayNoticeMs, sweepBatch),
        (lease) => round.delayed(lease),
      )
    }
    await this.#all(
      () => spool.overdueHolds(sweepBatch),
      ({ lease, hold }) => round.overdue(lease, hold),
    )
    if (!this.#stopped) this.#ports.swept()
  }

  #arm(): void {
    if (this.#stopped) return
    const { clock } = this.#ports
    const due = clock.now() + this.options.sweepMs
    this.#cancel = clock.after(this.options.sweepMs, () => {
      if (clock.now() > due + JUMP_MS) this.#givesUpFrom = clock.now() + GRACE_MS
      this.#sweeping = this.sweep().finally(() => this.#arm())
    })
  }

  /** Everything that `find` finds, batch by batch. A batch that cannot be settled lapses and is found again. */
  async #all<T>(find: () => Promise<T[]>, outcomeOf: (found: T) => Promise<Outcome>): Promise<void> {
    try {
      for (let batch = 0; batch < MAX_BATCHES && !this.#stopped; batch++) {
        const found = await find()
        if (found.length === 0) return
        await this.#settle(await this.#outcomes(found.map(outcomeOf)))
      }
    } catch (error) {
      this.#ports.log.error({ error }, 'the spool could not be swept, trying again')
    }
  }

  /** A batch that cannot be written, outcome by outcome: a notice too large for a full disk holds up no other. */
  async #settle(outcomes: readonly Outcome[]): Promise<void> {
    const { spool, log } = this.#ports
    try {
      return await spool.settle(outcomes)
    } catch (error) {
      const written = await Promise.allSettled(outcomes.map((outcome) => spool.settle([outcome])))
      const failed = outcomes.filter((_, i) => written[i]?.status === 'rejected')
      if (failed.length === outcomes.length) throw error
      for (const { queueId } of failed) log.error({ queueId, error }, 'what was swept cannot be written, trying again')
    }
  }

  /** One that fails is left out, so that it holds up no other; its lease lapses. */
  async #outcomes(finding: readonly Promise<Outcome>[]): Promise<Outcome[]> {
    const found = await Promise.allSettled(finding)
    return found.flatMap((each) => {
      if (each.status === 'fulfilled') return [each.value]
      this.#ports.log.error({ error: each.reason }, 'one message could not be swept')
      return []
    })
  }
}

/** One round of sweeping: turns what was found into outcomes. */
class Round {
  readonly #ports: SweeperPorts
  readonly #options: DeliverOptions
  readonly #notices: Notices
  readonly #now: number
  #reasons: Promise<ReadonlyMap<string, string | null>> | null = null

  constructor(ports: SweeperPorts, options: DeliverOptions) {
    this.#ports = ports
    this.#options = options
    this.#notices = ports.concluder.notices
    this.#now = ports.clock.now()
  }

  async expired(lease: Lease): Promise<Outcome> {
    const last = await this.#lastWords(lease)
    const replies = last.map((words) => expiredReply(words))
    const failures = this.#notified(lease, 'failure', last, () => EXPIRED)
    return { ...(await this.#failed(lease, replies, failures, { expired: true })), seen: { hold: null } }
  }

  async delayed(lease: Lease): Promise<Outcome> {
    const { queueId, indexes } = lease
    const last = await this.#lastWords(lease)
    const recipients = this.#notified(lease, 'delay', last, (words) => statusIn(words, 4))
    const results = indexes.map((index): RecipientResult => ({ index, state: { is: 'noticed' } }))
    const notifications = await this.#notices.about({ lease, action: 'delayed', recipients }, this.#now)
    if (notifications.length > 0)
      this.#ports.log.info({ queueId, recipients: recipients.length }, 'sender told of the delay')
    const unwanted = indexes.filter((_, i) => !isDelayTold(lease.envelope.rcptTo[i]))
    const facts = { told: notifications.length > 0, ...(unwanted.length > 0 && { untold: unwanted }) }
    return { queueId, results, facts, notifications }
  }

  /** An operator may have decided meanwhile: then nothing of it counts. */
  async overdue(lease: Lease, hold: Hold): Promise<Outcome> {
    const { lifetimeMs, afterReleaseMs } = this.#options
    const chance: Chance = { lifetimeMs, atLeastMs: afterReleaseMs }
    return { ...(await this.#ended(lease, hold)), seen: { hold, chance } }
  }

  async #ended(lease: Lease, hold: Hold): Promise<Outcome> {
    const facts = { hold: hold.reason, owner: hold.owner, deadline: hold.then }
    this.#ports.log.info({ queueId: lease.queueId, ...facts }, 'a hold is over')
    if (hold.then === 'reject') return this.#refused(lease, hold, facts)
    if (hold.then === 'discard') return allTo(lease, { is: 'discarded', reply: null }, facts)
    const again = (await this.#ports.holdAgain?.(lease, hold)) ?? null
    return again === null
      ? allTo(lease, { is: 'pending', dueAt: this.#now, reply: null, attempted: false }, facts)
      : allTo(lease, { is: 'held', hold: again }, renewed(hold, again))
  }

  /**
   * The reason is for the operator and the record. The sender learns what the hold says for him, which may name files
   * of his and stands in the notice alone, or only that nobody released it.
   */
  #refused(lease: Lease, hold: Hold, facts: Readonly<Record<string, unknown>>): Promise<Outcome> {
    const told = hold.told ?? NOT_RELEASED
    const reply = ownReply(550, '5.7.1', hold.told === undefined ? `${NOT_RELEASED}: ${hold.reason}` : hold.reason)
    const words = lease.indexes.map(() => ownReply(550, '5.7.1', told).lines.join(' '))
    const failures = this.#notified(lease, 'failure', words, () => '5.7.1')
    return this.#failed(
      lease,
      lease.indexes.map(() => reply),
      failures,
      facts,
    )
  }

  async #failed(
    lease: Lease,
    replies: readonly Reply[],
    failures: readonly NotifiedRecipient[],
    facts: Readonly<Record<string, unknown>>,
  ): Promise<Outcome> {
    const { queueId, destination } = lease
    for (const reply of replies) this.#ports.metrics.count('postern_failed_total', { reason: reasonOf(reply) })
    this.#ports.log.warn({ queueId, destination, failed: replies.length, ...facts }, 'given up')
    const results = lease.indexes.map(
      (index, i): RecipientResult => ({ index, state: { is: 'failed', reply: replies[i] ?? null } }),
    )
    const notifications = await this.#notices.ofFailures(lease, failures, this.#now)
    return { queueId, results, facts, notifications }
  }

  #notified(
    lease: Lease,
    event: 'failure' | 'delay',
    last: readonly string[],
    status: (words: string) => string,
  ): NotifiedRecipient[] {
    const { rcptTo, mailFrom } = lease.envelope
    return rcptTo.flatMap((recipient, i) => {
      const words = last[i] ?? NEVER_TRIED
      if (mailFrom !== null && !isNotifyWanted(recipient, event)) return []
      const { address, orcpt } = recipient
      const until = Math.max(lease.receivedAt + this.#options.lifetimeMs, lease.triedUntil?.[i] ?? 0)
      const willRetryUntil = event === 'delay' ? until : null
      return [{ address, orcpt, status: status(words), ...saidBy(words, null), lastAttemptAt: null, willRetryUntil }]
    })
  }

  /** The last thing that was said about each recipient, or else what is wrong with its destination. */
  async #lastWords(lease: Lease): Promise<string[]> {
    const { lastReplies, destination } = lease
    if (lastReplies.every((reply) => reply !== null)) return [...lastReplies] as string[]
    const trouble = this.#ports.troubleOf(lease) ?? (await this.#reasonOf(destination))
    return lastReplies.map((reply) => reply ?? trouble ?? ownReply(451, '4.4.1', NEVER_TRIED).lines.join(' '))
  }

  async #reasonOf(destination: string): Promise<string | null> {
    this.#reasons ??= this.#ports.spool
      .summary()
      .then(({ destinations }) => new Map(destinations.map((each) => [each.destination, each.reason])))
    return (await this.#reasons).get(destination) ?? null
  }
}

const isDelayTold = (recipient: Recipient | undefined): boolean =>
  recipient !== undefined && isNotifyWanted(recipient, 'delay')

function allTo({ queueId, indexes }: Lease, state: RecipientResult['state'], facts: Outcome['facts']): Outcome {
  return { queueId, results: indexes.map((index) => ({ index, state })), facts, notifications: [] }
}

/** For the record: the hold that stands now, and why there was one before. What the sender would be told is no fact. */
function renewed(before: Hold, { told: _, ...now }: Hold): Outcome['facts'] {
  return { hold: now, before: before.reason, beforeOwner: before.owner }
}
