import type { Clock } from '../clock.ts'
import type { Config } from '../config/index.ts'
import type { Deliver } from '../deliver/deliver.ts'
import { type Chain, EMPTY_CHAIN } from '../inspect/chain.ts'
import { loadChain } from '../inspect/load.ts'
import type { ChainMessage } from '../inspect/message.ts'
import { NOTHING } from '../inspect/outcome.ts'
import type { WorkerPool } from '../inspect/pool/pool.ts'
import type { Log } from '../log.ts'
import { type Address, needsUtf8 } from '../mail/address.ts'
import { memoryContent } from '../mail/content.ts'
import { sha256Of } from '../mail/digest.ts'
import type { Envelope } from '../mail/envelope.ts'
import { fieldsNamed, readHeader } from '../mail/header.ts'
import type { QueueId } from '../mail/queue-id.ts'
import type { Metrics } from '../metrics.ts'
import type { Resolver } from '../net/dns.ts'
import type { Spool } from '../spool/contract.ts'

/** A message that this service writes itself: a report, an alarm. */
export interface OwnMessage {
  /** The author, as in From: DKIM signs for its domain. */
  readonly from: Address
  readonly to: Address
  /** Header and body with CRLF line ends: what `composeOwn` of src/mail/compose.ts makes. */
  readonly content: Buffer
}

/** Hands over our own mail. */
export interface OwnMail {
  /**
   * Signs a message, commits it to the spool and lets it be delivered; its client is `postern`. The reverse-path is
   * null, so that nothing comes back and no loop can arise: what fails stands in the record. Rejects if it cannot be
   * signed or stored; it is then nowhere.
   */
  send(message: OwnMessage): Promise<QueueId>
  /** What counts from the next message on. */
  update(config: Config): void
  close(): Promise<void>
}

export interface OwnMailRooms {
  readonly spool: Pick<Spool, 'put' | 'newId'>
  readonly planner: Pick<Deliver, 'plan' | 'take'>
  readonly resolver: Resolver
  readonly pool: WorkerPool
}

interface Seams {
  readonly log: Log
  readonly metrics: Metrics
  readonly clock: Clock
}

export function createOwnMail(config: Config, seams: Seams, rooms: OwnMailRooms): OwnMail {
  return new SpooledMail(config, seams, rooms)
}

class SpooledMail implements OwnMail {
  readonly #seams: Seams
  readonly #rooms: OwnMailRooms
  #config: Config
  /** Made when it is first needed, as most relays write nothing but notices. */
  #signing: Promise<Chain> | null = null

  constructor(config: Config, seams: Seams, rooms: OwnMailRooms) {
    this.#config = config
    this.#seams = seams
    this.#rooms = rooms
  }

  update(config: Config): void {
    this.#config = config
    this.#signing = null
  }

  async send({ from, to, content }: OwnMessage): Promise<QueueId> {
    const { spool, planner } = this.#rooms
    const now = this.#seams.clock.now()
    const envelope = envelopeFor({ from, to, content })
    const signed = await this.#sign({ from, to, content }, envelope)
    const header = await readHeader(memoryContent(content))
    const messageId = fieldsNamed(header, 'Message-ID')[0]?.value.slice(0, 998) ?? null
    const plans = envelope.rcptTo.map((recipient) => planner.plan(recipient, envelope))
    const facts = { own: true, sha256: { stored: await sha256Of(signed.prefix, signed.content) } }
    const message = { envelope, ...signed, receivedAt: now, client: 'postern', messageId, facts }
    const { queueId, leases } = await spool.put({ ...message, queueId: spool.newId() }, plans)
    if (leases.length > 0) planner.take(leases)
    return queueId
  }

  async #sign(message: OwnMessage, envelope: Envelope) {
    this.#signing ??= this.#makeChain()
    const chain = await this.#signing.catch((error: unknown) => {
      this.#signing = null
      throw error
    })
    const chained = await chainMessage(message, envelope)
    const { verdict, prefix, content } = await chain.data(chained, new AbortController().signal)
    if (verdict.action !== 'continue') throw new Error('our own mail could not be signed')
    return { prefix, content }
  }

  /** The plugin `sign` by itself: what we write needs no inspection, and no tagline. */
  #makeChain(): Promise<Chain> {
    const { inspect, limits, hostname, domains } = this.#config
    const entries = inspect
      .filter(({ name, module, mode }) => name === 'sign' && module === null && mode === 'enforce')
      .map(({ deadline, options, ...entry }) => {
        const ours = { ...options, directions: ['outbound'], seal: [] }
        return { ...entry, deadlineMs: deadline, when: null, options: ours }
      })
    if (entries.length === 0) return Promise.resolve(EMPTY_CHAIN)
    const { resolver, pool } = this.#rooms
    const services = { hostname, domains: new Set(domains.keys()), resolver, pool }
    const bounds = { bytes: limits.headerSize, fields: limits.headerFields, content: limits.size }
    return loadChain(entries, bounds, { ...this.#seams, services })
  }

  async close(): Promise<void> {
    const chain = await this.#signing?.catch(() => null)
    await chain?.close()
  }
}

const envelopeFor = ({ from, to, content }: OwnMessage): Envelope => ({
  mailFrom: null,
  rcptTo: [{ address: to, notify: null, orcpt: null }],
  envid: null,
  ret: null,
  smtputf8: needsUtf8(from) || needsUtf8(to),
  body: content.some((byte) => byte > 127) ? '8bitmime' : '7bit',
  requireTls: false,
})

const EMPTY = Buffer.alloc(0)

/** As the chain sees a message of a session; the author stands for the reverse-path, so that their domain's key signs. */
async function chainMessage({ from, content: bytes }: OwnMessage, envelope: Envelope): Promise<ChainMessage> {
  const content = memoryContent(bytes)
  return {
    session: {
      id: 'own',
      remoteAddress: '127.0.0.1',
      remoteName: null,
      helo: null,
      tls: null,
      client: null,
      user: null,
    },
    mailFrom: from,
    rcptTo: envelope.rcptTo,
    direction: 'outbound',
    envelope,
    prefix: EMPTY,
    content,
    header: await readHeader(content),
    earlier: NOTHING,
  }
}
