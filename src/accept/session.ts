import { merge, NOTHING, type Outcome } from '../inspect/outcome.ts'
import { formatPath } from '../mail/address.ts'
import type { Recipient } from '../mail/envelope.ts'
import type { Reply } from '../mail/reply.ts'
import type {
  DataSink,
  HandlerReply,
  Later,
  MailCommand,
  SessionHandler,
  Transaction,
  WireEnd,
  WireLimits,
  WireSession,
  WireTls,
} from '../smtp/server/contract.ts'
import { recipientKey } from './addresses.ts'
import { type Admitted, sourceKey } from './admission.ts'
import {
  checkMemory,
  checkRate,
  checkRelay,
  checkRoom,
  checkSender,
  checkSize,
  checkTls,
  type Peer,
  recipientLimit,
  sizeLimit,
} from './checks.ts'
import type { Core } from './core.ts'
import { MessageSink } from './message.ts'
import type { OutsideOptions } from './options.ts'
import { finalRecipients, isOurPostmaster, isOwnAddress } from './postmaster.ts'
import type { Known } from './recipients.ts'
import { RemoteName } from './remote-name.ts'
import { MAIL_OK, OK, RCPT_OK, type Refusal } from './replies.ts'
import { OpenTransaction } from './transaction.ts'
import { direction, sessionView } from './views.ts'

/** Policy for one session. Answers at once wherever nothing has to be asked. */
export class AcceptSession implements SessionHandler {
  readonly #core: Core
  #gone: AbortController | null = null
  #peer: Peer | null = null
  #tls: WireTls | null = null
  #admitted: Admitted | null = null
  #admittedAs: string | null = null
  #name: RemoteName | null = null
  #connected: Outcome = NOTHING
  #transaction: OpenTransaction | null = null
  #transactions = 0
  #unknown = 0

  constructor(core: Core) {
    this.#core = core
  }

  connect(wire: WireSession): Later<HandlerReply> {
    const { penalties } = this.#core
    const peer = this.#identify(wire)
    if (peer.client === null && penalties.has(peer.source)) return this.#refuse(peer.policy.replies.penalised, wire)
    const refusal = this.#enter(peer, wire)
    if (refusal !== null) return this.#refuse(refusal, wire)
    if (peer.client === null) this.#name = RemoteName.of(wire.remoteAddress, peer.policy, this.#core.ports.names)
    return peer.policy.chain.asks.connect ? this.#askConnect(peer, wire) : peer.policy.greeting
  }

  async #askConnect(peer: Peer, wire: WireSession): Promise<HandlerReply> {
    await this.#name?.settled()
    const outcome = await peer.policy.chain.connect(this.#view(peer, wire))
    this.#connected = outcome
    const refusal = inspected(peer, outcome)
    return refusal === null ? peer.policy.greeting : this.#refuse(refusal, wire)
  }

  hello(): HandlerReply {
    return OK
  }

  /** What this client may do otherwise than the listener says. */
  limits(wire: WireSession): Partial<WireLimits> {
    const peer = this.#identify(wire)
    return {
      size: sizeLimit(peer),
      recipients: recipientLimit(peer),
      lenient: peer.client?.options.device === true,
    }
  }

  mail(wire: WireSession, command: MailCommand): Later<HandlerReply> {
    this.#transaction = null
    const peer = this.#identify(wire)
    const refusal = this.#readmit(peer, wire) ?? this.#checkMail(peer, command)
    if (refusal !== null) return this.#refuseMail(refusal, wire, command)
    const asks = peer.policy.chain.asks.mail || this.#asksNames(peer, command)
    return asks ? this.#askMail(peer, wire, command) : this.#open(peer, wire, command, NOTHING)
  }

  #checkMail(peer: Peer, command: MailCommand): Refusal | null {
    const { spool, freeBytes } = this.#core.ports
    return (
      checkTls(peer) ??
      checkSender(peer, command) ??
      checkSize(peer, command.size, freeBytes?.() ?? null) ??
      checkRoom(peer.policy, spool.room()) ??
      checkMemory(peer.policy, this.#core.arriving)
    )
  }

  #asksNames({ client, policy }: Peer, { from }: MailCommand): boolean {
    if (client !== null || this.#core.ports.names === null) return false
    const { reverseName, resolvableSender } = policy.options.outside
    return reverseName === 'require' || (resolvableSender && from !== null)
  }

  async #askMail(peer: Peer, wire: WireSession, command: MailCommand): Promise<HandlerReply> {
    const { chain } = peer.policy
    const refusal = this.#asksNames(peer, command) ? await this.#checkNames(peer, command) : null
    if (refusal !== null) return this.#refuseMail(refusal, wire, command)
    if (!chain.asks.mail) return this.#open(peer, wire, command, NOTHING)
    const outcome = await chain.mail(this.#view(peer, wire), command.from)
    const refused = inspected(peer, outcome)
    return refused === null ? this.#open(peer, wire, command, outcome) : this.#refuseMail(refused, wire, command)
  }

  async #checkNames({ policy }: Peer, { from }: MailCommand): Promise<Refusal | null> {
    const refusal = (await this.#name?.refusal()) ?? null
    const { names } = this.#core.ports
    if (refusal !== null || names === null || from === null || !policy.options.outside.resolvableSender) return refusal
    const { replies } = policy
    // an address literal has no name to look up
    const found = from.domain.startsWith('[') ? 'exists' : await names.domain(from.domain)
    if (found === 'exists') return null
    if (found === 'missing') return replies.senderMissing
    return found === 'refuses' ? replies.senderRefuses : replies.senderUnchecked
  }

  /** The rate is asked last, so that what is refused anyway does not use it up. */
  #open(peer: Peer, wire: WireSession, command: MailCommand, outcome: Outcome): HandlerReply {
    const refusal = checkRate(peer, 'messages', this.#core.rates)
    if (refusal !== null) return this.#refuseMail(refusal, wire, command)
    this.#transactions++
    const name = `${wire.id}.${this.#transactions}`
    this.#transaction = new OpenTransaction(peer, name, command, merge([this.#connected, outcome]))
    return MAIL_OK
  }

  rcpt(wire: WireSession, { rcptTo }: Transaction, to: Recipient): Later<HandlerReply> {
    const open = this.#transaction
    if (open === null) throw new Error('RCPT without a transaction')
    const { policy } = open.peer
    const refusal = this.#checkRcpt(open, rcptTo.length, to)
    if (refusal !== null) return this.#refuseRcpt(open, refusal, wire, to)
    const domain = policy.options.domains.get(to.address.domain)
    const isOwn = isOwnAddress(to.address, policy)
    if (domain === undefined || isOwn) {
      return this.#known(open, wire, rcptTo, to, 'exists', !isOwn && !isOurPostmaster(to.address, policy))
    }
    const known = this.#core.recipients.check(to.address, open.mail.from, domain, policy.options)
    if (typeof known === 'string') return this.#known(open, wire, rcptTo, to, known, false)
    return known.then((answer) => this.#known(open, wire, rcptTo, to, answer, false))
  }

  #checkRcpt({ peer, mail }: OpenTransaction, already: number, to: Recipient): Refusal | null {
    const { replies, options } = peer.policy
    if (already >= recipientLimit(peer)) return replies.tooManyRecipients
    const alone = peer.client === null && mail.from === null
    if (alone && already >= options.outside.nullSenderRecipients) return replies.nullSenderRecipients
    return checkRelay(peer, to.address)
  }

  #known(
    open: OpenTransaction,
    wire: WireSession,
    rcptTo: readonly Recipient[],
    to: Recipient,
    known: Known,
    elsewhere: boolean,
  ): Later<HandlerReply> {
    const refusal = this.#checkKnown(open.peer, known) ?? checkRate(open.peer, 'recipients', this.#core.rates)
    if (refusal !== null) return this.#refuseRcpt(open, refusal, wire, to)
    if (open.peer.policy.chain.asks.rcpt) return this.#askRcpt(open, wire, rcptTo, to, elsewhere)
    open.added(to, elsewhere, NOTHING)
    return RCPT_OK
  }

  #checkKnown({ policy, client, source }: Peer, known: Known): Refusal | null {
    const { replies, options } = policy
    if (known === 'exists') return null
    if (known === 'temporary')
      return options.recipientCheck.unavailable === 'accept' ? null : replies.recipientUnchecked
    if (client !== null || this.#mayGuess(options.outside, source)) return replies.unknownRecipient
    this.#core.penalties.give(source, options.outside.penaltyMs)
    return replies.harvesting
  }

  /** Counted by the address too: otherwise whoever connects anew begins anew. */
  #mayGuess({ unknownRecipients, unknownRate }: OutsideOptions, source: string): boolean {
    if (++this.#unknown > unknownRecipients) return false
    return unknownRate === null || this.#core.rates.take(`unknown ${source}`, unknownRate) === 0
  }

  async #askRcpt(
    open: OpenTransaction,
    wire: WireSession,
    rcptTo: readonly Recipient[],
    to: Recipient,
    elsewhere: boolean,
  ): Promise<HandlerReply> {
    const session = this.#view(open.peer, wire)
    const facts = { session, mailFrom: open.mail.from, rcptTo, direction: direction(open.peer.client, elsewhere) }
    const outcome = await open.peer.policy.chain.rcpt(facts, to)
    const refusal = inspected(open.peer, outcome)
    if (refusal !== null) return this.#refuseRcpt(open, refusal, wire, to)
    open.added(to, elsewhere, outcome)
    return RCPT_OK
  }

  data(wire: WireSession, { rcptTo }: Transaction): DataSink | HandlerReply {
    const open = this.#transaction
    if (open === null) throw new Error('DATA without a transaction')
    const { policy } = open.peer
    const refusal = checkRoom(policy, this.#core.ports.spool.room()) ?? checkMemory(policy, this.#core.arriving)
    if (refusal !== null) return this.#refuseMail(refusal, wire, open.mail)
    this.#transaction = null
    // made only where somebody listens to it: it costs more than all of our own checks
    this.#gone = open.peer.policy.chain.asks.data ? new AbortController() : null
    const view = this.#view(open.peer, wire)
    return new MessageSink(this.#core, {
      open,
      wire,
      view,
      rcptTo: finalRecipients(rcptTo, open.peer.policy),
      gone: this.#gone?.signal ?? NEVER,
    })
  }

  /** The wire's own refusals stand in the same record as ours. */
  refused(wire: WireSession, reply: Reply): void {
    this.#refuse({ reason: `wire-${reply.code}`, reply }, wire)
  }

  reset(): void {
    this.#transaction = null
  }

  closed(wire: WireSession, why: WireEnd): void {
    this.#transaction = null
    this.#gone?.abort()
    this.#leave()
    const line = { session: wire.id, client: this.#peer?.client?.name ?? '*', address: wire.remoteAddress, why }
    this.#core.ports.log.debug({ ...line, messages: this.#transactions }, 'closed')
  }

  /** Anew after a reload, and after TLS: the certificate may name another client than the address. */
  #identify(wire: WireSession): Peer {
    const { policy } = this.#core
    if (this.#peer !== null && this.#peer.policy === policy && this.#tls === wire.tls) return this.#peer
    const client = policy.clients.find(wire.remoteAddress, wire.tls?.clientFingerprint ?? null)
    const source = client === null ? sourceKey(wire.remoteAddress) : `client ${client.name}`
    this.#tls = wire.tls
    this.#peer = { policy, client, tls: wire.tls !== null, source }
    return this.#peer
  }

  #enter(peer: Peer, wire: WireSession): Refusal | null {
    const entered = this.#core.admission.enter(peer.policy, wire.remoteAddress, peer.client)
    if ('reason' in entered) return entered
    this.#admitted = entered
    this.#admittedAs = peer.source
    return null
  }

  /** A connection that turned out to be a client's no longer counts as one from outside. */
  #readmit(peer: Peer, wire: WireSession): Refusal | null {
    if (this.#admittedAs === peer.source) return null
    this.#leave()
    return this.#enter(peer, wire)
  }

  #leave(): void {
    if (this.#admitted !== null) this.#core.admission.leave(this.#admitted)
    this.#admitted = null
  }

  #view(peer: Peer, wire: WireSession) {
    return sessionView(wire, peer.client, this.#name?.known ?? null)
  }

  #refuse(refusal: Refusal, wire: WireSession, facts?: object): HandlerReply {
    return this.#core.refuse(refusal, wire, this.#peer?.client?.name ?? null, facts)
  }

  #refuseMail(refusal: Refusal, wire: WireSession, { from }: MailCommand): HandlerReply {
    return this.#refuse(refusal, wire, { from: formatPath(from) })
  }

  #refuseRcpt(open: OpenTransaction, refusal: Refusal, wire: WireSession, to: Recipient): HandlerReply {
    return this.#refuse(refusal, wire, { from: formatPath(open.mail.from), to: recipientKey(to.address) })
  }
}

const NEVER = new AbortController().signal

/** The refusal that the chain wants, or null if the message may go on. */
function inspected({ policy }: Peer, outcome: Outcome): Refusal | null {
  return policy.replies.inspected(outcome)
}
