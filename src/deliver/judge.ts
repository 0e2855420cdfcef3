import type { Recipient } from '../mail/envelope.ts'
import { isNotifyWanted, type NotifiedRecipient } from '../mail/notification.ts'
import { type Reply, replyText } from '../mail/reply.ts'
import type { RecipientReply } from '../smtp/client/contract.ts'
import type { Lease, RecipientResult } from '../spool/contract.ts'
import { asOwn, isOwn, ownReply, statusOf } from './replies.ts'

/** What an attempt means for each recipient of a lease. */
export interface Judgement {
  readonly results: readonly RecipientResult[]
  readonly relayed: number
  readonly deferred: readonly Reply[]
  readonly failed: readonly Reply[]
  /** Whose failure somebody is to be told of: the sender who wants it, the postmaster where there is no sender. */
  readonly failures: readonly NotifiedRecipient[]
  /** Whose success the sender asked to be told of, where nobody else will. */
  readonly successes: readonly NotifiedRecipient[]
}

export interface JudgeContext {
  readonly now: number
  /** When whoever was deferred is tried again. */
  readonly dueAt: number
  /** From then on a deferral is a failure, but of one that was released and is tried for longer. */
  readonly expiresAt: number
  /** What stands for those of whom nothing was said. */
  readonly otherwise: Reply
  /** The host that spoke, or null. */
  readonly remote: string | null
  /** What was taken is in a mailbox. */
  readonly final: boolean
  /** The next hop took over the duty to notify. */
  readonly dsnHandedOn: boolean
}

/** Sorts out what was said about each recipient of a lease. */
export function judge(lease: Lease, said: readonly RecipientReply[], context: JudgeContext): Judgement {
  const judging = new Judging(lease, context)
  for (const [i, recipient] of lease.envelope.rcptTo.entries()) {
    const index = lease.indexes[i]
    if (index !== undefined) judging.take(index, recipient, said[i] ?? { is: 'unknown' })
  }
  return judging
}

class Judging implements Judgement {
  readonly results: RecipientResult[] = []
  relayed = 0
  readonly deferred: Reply[] = []
  readonly failed: Reply[] = []
  readonly failures: NotifiedRecipient[] = []
  readonly successes: NotifiedRecipient[] = []
  readonly #lease: Lease
  readonly #context: JudgeContext

  constructor(lease: Lease, context: JudgeContext) {
    this.#lease = lease
    this.#context = context
  }

  take(index: number, recipient: Recipient, said: RecipientReply): void {
    if (said.is === 'unknown') this.#defer(index, recipient, this.#context.otherwise)
    else this.#hear(index, recipient, said.is, said.ours === true ? asOwn(said.reply) : said.reply)
  }

  #hear(index: number, recipient: Recipient, is: 'relayed' | 'failed' | 'deferred', reply: Reply): void {
    if (is === 'relayed') this.#succeed(index, recipient, reply)
    else if (is === 'failed') this.#fail(index, recipient, reply, statusOf(reply), reply)
    else this.#defer(index, recipient, reply)
  }

  #succeed(index: number, recipient: Recipient, reply: Reply): void {
    const { final, dsnHandedOn } = this.#context
    this.relayed++
    this.results.push({ index, state: { is: final ? 'delivered' : 'relayed', reply } })
    if (dsnHandedOn || this.#lease.envelope.mailFrom === null || !isNotifyWanted(recipient, 'success')) return
    this.successes.push(this.#notified(recipient, statusOf(reply), reply))
  }

  #fail(index: number, recipient: Recipient, reply: Reply, status: string, said: Reply): void {
    this.failed.push(reply)
    this.results.push({ index, state: { is: 'failed', reply } })
    if (this.#lease.envelope.mailFrom !== null && !isNotifyWanted(recipient, 'failure')) return
    this.failures.push(this.#notified(recipient, status, said))
  }

  #defer(index: number, recipient: Recipient, reply: Reply): void {
    const { dueAt } = this.#context
    if (this.#isTooLate(index)) {
      this.#fail(index, recipient, expiredReply(replyText(reply)), EXPIRED, reply)
      return
    }
    this.deferred.push(reply)
    this.results.push({ index, state: { is: 'pending', dueAt, reply, attempted: true } })
  }

  #isTooLate(index: number): boolean {
    const { now, expiresAt } = this.#context
    const { indexes, triedUntil } = this.#lease
    return now >= Math.max(expiresAt, triedUntil?.[indexes.indexOf(index)] ?? 0)
  }

  #notified({ address, orcpt }: Recipient, status: string, said: Reply): NotifiedRecipient {
    const { remote, now } = this.#context
    return { address, orcpt, status, ...saidBy(replyText(said), remote), lastAttemptAt: now, willRetryUntil: null }
  }
}

/** RFC 3463 section 3.5: delivery time expired. The class stays that of the last failure, which was temporary. */
export const EXPIRED = '4.4.7'

export const expiredReply = (last: string): Reply => ownReply(451, EXPIRED, `delivery time expired; at last: ${last}`)

/** Who said it: a reply of ours never carries the name of another host. */
export function saidBy(text: string, remote: string | null): Pick<NotifiedRecipient, 'remote' | 'diagnostic'> {
  if (isOwn(text)) return { remote: null, diagnostic: { type: 'x-postern', text } }
  return { remote, diagnostic: { type: 'smtp', text } }
}
