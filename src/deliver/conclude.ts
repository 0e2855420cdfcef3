import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import type { NotificationAction } from '../mail/notification.ts'
import { type Reply, replyText } from '../mail/reply.ts'
import type { Metrics } from '../metrics.ts'
import type { ClientTlsFacts, SendResult } from '../smtp/client/contract.ts'
import type { Lease, Outcome, RecipientResult } from '../spool/contract.ts'
import { replyOf, type Unreachable } from './connect.ts'
import type { Connection, Hop } from './hop.ts'
import { type Judgement, judge } from './judge.ts'
import type { Job } from './lane.ts'
import type { Notices } from './notices.ts'
import type { DeliverDeps, DeliverOptions } from './options.ts'
import { securityFacts } from './path-security.ts'
import { kinder, ownReply, statusOf } from './replies.ts'
import { isFinal } from './route.ts'
import { waitAfter } from './schedule.ts'

export interface ConcluderPorts {
  /** To be written. */
  readonly settle: (outcome: Outcome) => void
  /** Is out of memory. */
  readonly forget: (job: Job) => void
  /** Will be due then. */
  readonly due: (time: number) => void
  /** As in `DeliverDeps`. */
  readonly deferred?: DeliverDeps['deferred']
  readonly clock: Clock
  readonly log: Log
  readonly metrics: Metrics
  readonly random: () => number
}

// For the record: the lease ended without an attempt
const UNTRIED = { untried: true }
// Until a failure that nobody could be told of is tried again
const UNTOLD_MS = 3_600_000
const NOTHING_SAID = ownReply(451, '4.4.2', 'nothing was said about this recipient')

/** Makes outcomes out of attempts: what each recipient's state is, who is told, what stands in the log. */
export class Concluder {
  options: DeliverOptions
  notices: Notices
  readonly #ports: ConcluderPorts

  constructor(options: DeliverOptions, notices: Notices, ports: ConcluderPorts) {
    this.options = options
    this.notices = notices
    this.#ports = ports
  }

  /** A next hop was reached. */
  attempted(hop: Hop, connection: Connection, job: Job, result: SendResult, startedAt: number): void {
    const { target } = connection
    const now = this.#ports.clock.now()
    const otherwise = result.failure === null ? NOTHING_SAID : replyOf(result.failure, target)
    const configured = hop.next.hosts.from === 'configured'
    const judgement = judge(job.lease, configured ? kinder(result.recipients) : result.recipients, {
      now,
      dueAt: now + this.#wait(job.lease),
      expiresAt: this.expiresAt(job.lease),
      otherwise,
      remote: target?.host ?? null,
      final: isFinal(hop.next.route),
      dsnHandedOn: result.dsnHandedOn,
    })
    const seconds = (now - startedAt) / 1000
    const facts = { ...pathFacts(connection), seconds, ...triedFacts(job.tried) }
    this.#count(hop, job.lease, judgement, now)
    this.#log(job.lease, judgement, { nextHop: hop.next.name, ...facts })
    this.#conclude(job, judgement, facts)
  }

  /** Nothing of the next hop was reached. */
  triedInVain(job: Job, why: Unreachable, dueAt: number): void {
    const now = this.#ports.clock.now()
    const said = why.is === 'permanent' ? ({ is: 'failed', reply: why.reply, phase: 'connect' } as const) : undefined
    const judgement = judge(job.lease, said ? job.lease.indexes.map(() => said) : [], {
      now,
      dueAt,
      expiresAt: this.expiresAt(job.lease),
      otherwise: why.reply,
      remote: why.remote,
      final: false,
      dsnHandedOn: false,
    })
    const { security } = job.lane
    const facts = {
      ...(security && { security: securityFacts(security) }),
      ...triedFacts([...job.tried, ...why.tried]),
    }
    this.#count(null, job.lease, judgement, now)
    this.#log(job.lease, judgement, facts)
    this.#conclude(job, judgement, facts)
  }

  /** Goes back as it was; with the reason why it waits, where that would not stand anywhere else. */
  giveBack(job: Job, dueAt: number, reply: Reply | null = null): void {
    const { indexes, lastReplies } = job.lease
    const results = indexes.map((index, i) => {
      // What was said about a recipient itself says more
      const said = (lastReplies[i] ?? null) === null ? reply : null
      return { index, state: { is: 'pending', dueAt, reply: said, attempted: false } } as const
    })
    this.#ports.forget(job)
    this.#ports.settle({ queueId: job.lease.queueId, results, facts: UNTRIED, notifications: [] })
    this.#ports.due(dueAt)
  }

  /** When a message is given up that was not released from a hold, milliseconds since 1970. */
  expiresAt({ receivedAt, envelope }: Pick<Lease, 'receivedAt' | 'envelope'>): number {
    const { lifetimeMs, bounceLifetimeMs } = this.options
    return receivedAt + (envelope.mailFrom === null ? Math.min(lifetimeMs, bounceLifetimeMs) : lifetimeMs)
  }

  /** Milliseconds until the next attempt: one time for all recipients, so that they stay together. */
  #wait({ attempts }: Lease): number {
    return waitAfter(Math.max(0, ...attempts) + 1, this.options.retry, this.#ports.random)
  }

  #conclude(job: Job, judgement: Judgement, facts: Readonly<Record<string, unknown>>): void {
    const { results, failures, successes } = judgement
    const outcome: Outcome = { queueId: job.lease.queueId, results, facts, notifications: [] }
    if (failures.length + successes.length > 0) void this.#withNotices(job, judgement, outcome)
    else this.#settle(job, outcome)
  }

  async #withNotices(job: Job, judgement: Judgement, outcome: Outcome): Promise<void> {
    const notifications = await this.#notifications(job.lease, judgement).catch((error) => {
      this.#ports.log.error({ queueId: outcome.queueId, error }, 'a notice could not be written')
      return null
    })
    this.#settle(job, notifications === null ? this.untold(outcome) : { ...outcome, notifications })
  }

  async #notifications(lease: Lease, { failures, successes, results }: Judgement): Promise<Outcome['notifications']> {
    const now = this.#ports.clock.now()
    const action: NotificationAction = results.some(({ state }) => state.is === 'delivered') ? 'delivered' : 'relayed'
    const failed = await this.notices.ofFailures(lease, failures, now)
    return [...failed, ...(await this.notices.about({ lease, action, recipients: successes }, now))]
  }

  /** An outcome without its notices. Nobody may fail without one: rather try again. */
  untold(outcome: Outcome): Outcome {
    const dueAt = this.#ports.clock.now() + UNTOLD_MS
    const results = outcome.results.map(({ index, state }): RecipientResult => {
      if (state.is !== 'failed') return { index, state }
      return { index, state: { is: 'pending', dueAt, reply: state.reply, attempted: true } }
    })
    return { ...outcome, results, notifications: [] }
  }

  #settle(job: Job, outcome: Outcome): void {
    this.#ports.forget(job)
    this.#ports.settle(outcome)
    for (const { state } of outcome.results) if (state.is === 'pending') this.#ports.due(state.dueAt)
  }

  #count(hop: Hop | null, lease: Lease, { relayed, deferred, failed }: Judgement, now: number): void {
    const { metrics } = this.#ports
    const kinds = [relayed > 0 && 'relayed', deferred.length > 0 && 'deferred', failed.length > 0 && 'failed'].filter(
      Boolean,
    )
    const [only] = kinds
    metrics.count('postern_attempts_total', { outcome: kinds.length === 1 && only ? only : 'mixed' })
    for (const reply of deferred) metrics.count('postern_deferred_total', { reason: reasonOf(reply) })
    if (deferred[0])
      this.#ports.deferred?.({ queueId: lease.queueId, nextHop: hop?.next.name ?? null, reply: deferred[0] })
    for (const reply of failed) metrics.count('postern_failed_total', { reason: reasonOf(reply) })
    if (relayed === 0 || hop === null) return
    metrics.count('postern_relayed_total', { protocol: protocolOf(hop) }, relayed)
    metrics.observe('postern_delivery_seconds', (now - lease.receivedAt) / 1000)
  }

  #log(lease: Lease, { relayed, deferred, failed }: Judgement, facts: object): void {
    const { queueId, destination } = lease
    const said = failed[0] ?? deferred[0]
    const counts = { relayed, deferred: deferred.length, failed: failed.length }
    this.#ports.log.info(
      { queueId, destination, ...counts, ...facts, ...(said && { reply: replyText(said) }) },
      'attempt',
    )
  }
}

/** What the record keeps of the path that a message took. */
function pathFacts({ target, security, carrier: { session } }: Connection): Readonly<Record<string, unknown>> {
  if (target === null) return {}
  const { host, address, port } = target
  const tls = session?.tls ?? null
  return { host, address, port, ...(security && { security }), tls: tls && tlsFacts(tls) }
}

const tlsFacts = ({ protocol, cipher, fingerprint, verified }: ClientTlsFacts) => ({
  protocol,
  cipher,
  fingerprint,
  verified,
})

const triedFacts = (tried: readonly string[]) => (tried.length > 0 ? { tried } : {})

const protocolOf = ({ next: { route } }: Hop): string => {
  if (route.via === 'store') return 'store'
  return route.via === 'socket' || (route.via === 'hosts' && route.protocol === 'lmtp') ? 'lmtp' : 'smtp'
}

/** A short fixed list for metrics: the subject of the status, RFC 3463 section 3. */
export function reasonOf(reply: Reply): string {
  const [, subject = '0', detail = '0'] = statusOf(reply).split('.')
  if (subject === '4' && detail === '7') return 'expired'
  if (subject === '4' && detail === '3') return 'dns'
  return REASONS[subject] ?? 'other'
}

const REASONS: Readonly<Record<string, string>> = {
  1: 'address',
  2: 'mailbox',
  3: 'system',
  4: 'connection',
  5: 'protocol',
  6: 'content',
  7: 'policy',
}
