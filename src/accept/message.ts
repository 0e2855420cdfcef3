import { createHash } from 'node:crypto'
import { formatFields } from '../inspect/fields.ts'
import type { ContentOutcome } from '../inspect/outcome.ts'
import type { SessionView } from '../inspect/plugin.ts'
import { formatPath } from '../mail/address.ts'
import { type Content, prefixedContent } from '../mail/content.ts'
import { sha256Of } from '../mail/digest.ts'
import type { Envelope, Recipient } from '../mail/envelope.ts'
import { type Header, HeaderReader } from '../mail/header.ts'
import type { QueueId } from '../mail/queue-id.ts'
import { protocolName, receivedField } from '../mail/trace.ts'
import type { DataInfo, DataSink, HandlerReply, WireSession } from '../smtp/server/contract.ts'
import type { ContentWriter, NewMessage, Stored } from '../spool/contract.ts'
import { checkRoom, sizeLimit } from './checks.ts'
import type { Core } from './core.ts'
import { checkHeader, messageIdOf, missingFields } from './header-checks.ts'
import type { HeldMemory } from './memory.ts'
import { inOrderOfPut, type Judged, namesOf, type Part, partsOf, splitOf } from './parts.ts'
import { planAll } from './plans.ts'
import { receivedFacts } from './record.ts'
import { queued, type Refusal } from './replies.ts'
import type { OpenTransaction } from './transaction.ts'

/** What a message's content comes with. */
export interface Incoming {
  readonly open: OpenTransaction
  readonly wire: WireSession
  readonly view: SessionView
  readonly rcptTo: readonly Recipient[]
  /** Aborted when the client goes away. */
  readonly gone: AbortSignal
}

/** A message's content with what stands before it. */
interface Prepared {
  readonly prefix: Buffer
  readonly content: Content
  readonly messageId: string | null
  /** As it came, and its SHA-256. */
  readonly received: { readonly content: Content; readonly sha256: string }
}

/** A part in the spool. */
interface Kept {
  readonly part: Part
  readonly stored: Stored
}

/** Takes one message: content into the spool as it arrives, then header checks, inspection, commit, and only then 250. */
export class MessageSink implements DataSink {
  readonly #core: Core
  readonly #incoming: Incoming
  readonly #limit: number
  readonly #reader: HeaderReader
  readonly #writer: ContentWriter
  readonly #held: HeldMemory
  /** Of what arrives, chunk by chunk: the thread is never kept for longer than the wire keeps it anyway. */
  readonly #hash = createHash('sha256')
  readonly #startedAt: number
  /** Why the message will be refused once its end has come; what still arrives is dropped. */
  #refusal: Refusal | null = null

  constructor(core: Core, incoming: Incoming) {
    const { peer } = incoming.open
    const { headerBytes, headerFields } = peer.policy.options.limits
    this.#core = core
    this.#incoming = incoming
    this.#limit = sizeLimit(peer)
    this.#reader = new HeaderReader({ bytes: headerBytes, fields: headerFields })
    this.#startedAt = core.ports.clock.now()
    this.#writer = core.ports.spool.receive()
    this.#held = core.arriving.open(peer.policy.options.limits)
  }

  write(chunk: Buffer): true | Promise<void> {
    if (this.#refusal !== null) return true
    if (this.#writer.size + chunk.length > this.#limit) {
      this.#giveUp(this.#replies.tooLarge)
      return true
    }
    if (!this.#held.grow(chunk.length)) {
      this.#giveUp(this.#replies.noMemory)
      return true
    }
    if (this.#reader.wanting) this.#reader.push(chunk)
    this.#hash.update(chunk)
    try {
      const written = this.#writer.write(chunk)
      return written === true ? true : written.catch((error: unknown) => this.#failed(error))
    } catch (error) {
      this.#failed(error)
      return true
    }
  }

  abort(): void {
    this.#discard()
  }

  async end(info: DataInfo): Promise<HandlerReply> {
    try {
      const result = this.#refusal ?? (await this.#accept(info))
      return 'reason' in result ? this.#refuse(result) : result
    } catch (error) {
      // RFC 5321 section 4.2.5: without a safe message there is no 250
      this.#failed(error)
      return this.#refuse(this.#refusal ?? this.#replies.broken)
    } finally {
      this.#held.free()
    }
  }

  async #accept(info: DataInfo): Promise<HandlerReply | Refusal> {
    const { open } = this.#incoming
    const header = this.#reader.header()
    const refusal = checkHeader(open.peer, header)
    if (refusal !== null) return this.#giveUp(refusal)
    const written = await this.#writer.finish(info.plainLines)
    const prepared = this.#prepare(header, written)
    const judged = await this.#judge(prepared, header, info)
    if ('reason' in judged) return this.#giveUp(judged)
    const stored = await this.#putAll(inOrderOfPut(judged, written), prepared, info)
    // only what the spool adopted is still in use
    if (!judged.some(({ outcome }) => outcome.content === written)) this.#discard()
    return this.#accepted(stored, info)
  }

  /** What plugins make of each part; or, as one reply speaks for all, the first refusal that is temporary or that nobody escapes. */
  async #judge(prepared: Prepared, header: Header, info: DataInfo): Promise<readonly Judged[] | Refusal> {
    const { open, view, rcptTo } = this.#incoming
    const judged: Judged[] = []
    for (const part of partsOf(open, view, rcptTo, header)) {
      const outcome = await this.#inspect(part, prepared, header, info)
      const refused = outcome.verdict.action === 'defer' ? this.#replies.inspected(outcome) : null
      if (refused !== null) return refused
      judged.push({ part, outcome })
    }
    const refusals = judged.map(({ outcome }) => this.#replies.inspected(outcome))
    const [first = null] = refusals
    return first !== null && refusals.every((refusal) => refusal !== null) ? first : judged
  }

  /** One after the other. A failure leaves the leases of those before it to lapse: the client will send all of it again. */
  async #putAll(parts: readonly Judged[], prepared: Prepared, info: DataInfo): Promise<readonly Kept[]> {
    const kept: Kept[] = []
    for (const judged of parts) kept.push({ part: judged.part, stored: await this.#put(prepared, judged, info) })
    return kept
  }

  /** The content with what stands before it: fields that the client left out, and what plugins said before DATA. */
  #prepare(header: Header, written: Content): Prepared {
    const { open } = this.#incoming
    const { peer, mail } = open
    const facts = { id: open.name, hostname: peer.policy.options.hostname, from: mail.from, now: this.#startedAt }
    const added = peer.client?.options.addMissing === true ? missingFields(header, facts) : null
    const prefix = Buffer.from(`${formatFields(open.outcome.fields)}${added?.fields ?? ''}`)
    // a body without a header must not become one by what is put before it (RFC 5322 section 2.1)
    const content = header.headless ? prefixedContent(EMPTY_LINE, written) : written
    const received = { content: written, sha256: this.#hash.digest('hex') }
    return { prefix, content, messageId: messageIdOf(header) ?? added?.messageId ?? null, received }
  }

  async #inspect(
    { rcptTo, direction, chain, divisions, sensitive }: Part,
    { prefix, content }: Prepared,
    header: Header,
    info: DataInfo,
  ): Promise<ContentOutcome> {
    const { open, view, gone } = this.#incoming
    if (!open.peer.policy.chain.asks.data) return { ...open.outcome, prefix, content, eightBit: null }
    const message = {
      session: view,
      mailFrom: open.mail.from,
      rcptTo,
      direction,
      envelope: this.#envelope(rcptTo, info.eightBit, sensitive),
      divisions,
      prefix,
      content,
      header,
      earlier: open.outcome,
    }
    return chain.data(message, gone)
  }

  /** RFC 6152: what was declared 7BIT and is not is carried on as what it is. */
  #envelope(rcptTo: readonly Recipient[], eightBit: boolean, sensitive: boolean): Envelope {
    const { from, envid, ret, smtputf8, requireTls } = this.#incoming.open.mail
    const body = eightBit ? '8bitmime' : '7bit'
    return { mailFrom: from, rcptTo, envid, ret, smtputf8, requireTls, body, ...(sensitive && { sensitive }) }
  }

  async #put(
    { messageId, received }: Prepared,
    { part, outcome: { prefix, content, eightBit, ...outcome } }: Judged,
    info: DataInfo,
  ): Promise<Stored> {
    const { open, wire, view } = this.#incoming
    const { spool, planner, clock } = this.#core.ports
    const isAsItCame = prefix.length === 0 && content === received.content
    const sha256 = { received: received.sha256, stored: isAsItCame ? received.sha256 : await sha256Of(prefix, content) }
    const queueId = spool.newId()
    const envelope = this.#envelope(part.rcptTo, eightBit ?? info.eightBit, outcome.sensitive === true)
    const plans = planAll(envelope, open, outcome, planner, clock.now())
    const message: NewMessage = {
      queueId,
      envelope,
      prefix: Buffer.concat([this.#trace(queueId, part), prefix]),
      content,
      receivedAt: this.#startedAt,
      client: open.peer.client?.name ?? '*',
      messageId,
      facts: receivedFacts({
        open,
        wire,
        view,
        protocol: this.#protocol(),
        info,
        part,
        outcome,
        sha256,
        envelope,
        plans,
      }),
    }
    return spool.put(message, plans)
  }

  #trace(queueId: QueueId, { rcptTo }: Part): Buffer {
    const { open, wire, view } = this.#incoming
    const [only] = rcptTo
    const field = receivedField({
      helo: wire.helo,
      remoteAddress: wire.remoteAddress,
      remoteName: view.remoteName,
      hostname: open.peer.policy.options.hostname,
      protocol: this.#protocol(),
      tls: wire.tls,
      id: queueId,
      recipient: rcptTo.length === 1 && only !== undefined ? only.address : null,
      receivedAt: this.#startedAt,
    })
    return Buffer.from(field)
  }

  #protocol(): string {
    const { open, wire } = this.#incoming
    const { extended, tls, user } = wire
    return protocolName({ extended, utf8: open.mail.smtputf8, tls: tls !== null, signedIn: user !== null })
  }

  /** The message is ours, whatever happens from here on. */
  #accepted(kept: readonly Kept[], { size }: DataInfo): HandlerReply {
    const { open, wire } = this.#incoming
    const { log, metrics } = this.#core.ports
    const client = open.peer.client?.name ?? '*'
    metrics.count('postern_accepted_total', { client })
    metrics.count('postern_accepted_bytes_total', undefined, size)
    const line = { session: wire.id, transaction: open.name, client, address: wire.remoteAddress, size }
    const tls = wire.tls?.protocol ?? null
    for (const { part, stored } of kept) {
      const { queueId } = stored
      log.info({ queueId, ...line, recipients: part.rcptTo.length, tls, ...splitOf(part) }, 'accepted')
    }
    // only now: had one of them failed, none would have been acknowledged
    for (const { stored } of kept) this.#handOn(stored)
    return queued(namesOf(kept.map(({ stored }) => stored.queueId)))
  }

  #handOn({ queueId, leases }: Stored): void {
    const { log, planner } = this.#core.ports
    try {
      if (leases.length > 0) planner.take(leases)
    } catch (error) {
      // the leases lapse, and delivery finds the message in the spool
      log.error({ queueId, err: error }, 'a fresh message could not be handed to delivery')
    }
  }

  get #replies() {
    return this.#incoming.open.peer.policy.replies
  }

  #refuse(refusal: Refusal): HandlerReply {
    const { open, wire, rcptTo } = this.#incoming
    const facts = { from: formatPath(open.mail.from), recipients: rcptTo.length, size: this.#writer.size }
    return this.#core.refuse(refusal, wire, open.peer.client?.name ?? null, facts)
  }

  #giveUp(refusal: Refusal): Refusal {
    this.#refusal ??= refusal
    this.#discard()
    return refusal
  }

  #failed(error: unknown): void {
    const { log, spool } = this.#core.ports
    const { open, wire } = this.#incoming
    log.error({ session: wire.id, err: error }, 'a message could not be stored')
    this.#giveUp(checkRoom(open.peer.policy, spool.room()) ?? this.#replies.broken)
  }

  #discard(): void {
    this.#held.free()
    this.#writer.discard().catch((error: unknown) => {
      this.#core.ports.log.warn({ err: error }, 'what a refused message left behind could not be removed')
    })
  }
}

const EMPTY_LINE = Buffer.from('\r\n')
