import { randomUUID } from 'node:crypto'
import { type Address, addressKey } from '../mail/address.ts'
import type { Content } from '../mail/content.ts'
import { memoryContent, readAll } from '../mail/content.ts'
import { sha256Of } from '../mail/digest.ts'
import type { Envelope } from '../mail/envelope.ts'
import { composeNotification, type NotificationAction, type NotifiedRecipient } from '../mail/notification.ts'
import { headerBytes, type Returned } from '../mail/notification-returned.ts'
import type { DeliveryPlan, Lease, NewMessage, Outcome } from '../spool/contract.ts'
import type { NotificationOptions } from './options.ts'
import { quietHeader } from './quiet-header.ts'

export type Notice = Outcome['notifications'][number]

/** What a notice is about. */
export interface Occasion {
  readonly lease: Pick<Lease, 'queueId' | 'client' | 'envelope' | 'receivedAt' | 'content'>
  readonly action: NotificationAction
  readonly recipients: readonly NotifiedRecipient[]
  /** Who is told; by default the sender. */
  readonly to?: Address
}

// Room in front of and behind what is returned does not count against this bound of the composer
const READ_LIMIT = 2 ** 26

/** Makes messages to senders out of what became of theirs. */
export class Notices {
  readonly #options: NotificationOptions
  readonly #hostname: string

  constructor(options: NotificationOptions, hostname: string) {
    this.#options = options
    this.#hostname = hostname
  }

  /**
   * The notice of failures. Never to the sender of a notice: there is none (RFC 5321 section 6.1);
   * the postmaster hears of those, where the operator wants it, but not of mail to the postmaster.
   */
  async ofFailures(lease: Occasion['lease'], failures: readonly NotifiedRecipient[], now: number): Promise<Notice[]> {
    const { postmaster } = this.#options
    if (lease.envelope.mailFrom !== null) return this.about({ lease, action: 'failed', recipients: failures }, now)
    if (postmaster === null) return []
    const recipients = failures.filter(({ address }) => addressKey(address) !== addressKey(postmaster))
    return this.about({ lease, action: 'failed', recipients, to: postmaster }, now)
  }

  /** The notice to be spooled with the outcome that it tells of; none if there is nobody to tell, or nothing. */
  async about(occasion: Occasion, now: number): Promise<Notice[]> {
    const to = occasion.to ?? occasion.lease.envelope.mailFrom
    if (to === null || occasion.recipients.length === 0) return []
    const messageId = `<${randomUUID()}@${this.#hostname}>`
    const composed = composeNotification({
      action: occasion.action,
      hostname: this.#hostname,
      from: this.#options.from ?? { local: 'MAILER-DAEMON', domain: this.#hostname },
      to,
      recipients: occasion.recipients,
      original: originalOf(occasion.lease),
      returned: await this.#returned(occasion),
      date: now,
      messageId,
      boundary: `=_${randomUUID()}`,
    })
    const message = await this.#message(occasion, to, composed, { now, messageId })
    return [{ message, plans: [planFor(to, now)] }]
  }

  async #message(
    { action, lease }: Occasion,
    to: Address,
    { bytes, eightBit, smtputf8 }: ReturnType<typeof composeNotification>,
    { now, messageId }: { now: number; messageId: string },
  ): Promise<NewMessage> {
    const envelope: Envelope = {
      mailFrom: null,
      rcptTo: [{ address: to, notify: null, orcpt: null }],
      envid: null,
      ret: null,
      smtputf8,
      body: eightBit ? '8bitmime' : '7bit',
      // RFC 8689 section 5
      requireTls: lease.envelope.requireTls,
    }
    const content = memoryContent(bytes)
    const sha256 = { stored: await sha256Of(EMPTY, content) }
    const facts = { notification: action, about: lease.queueId, sha256 }
    return { envelope, prefix: EMPTY, content, receivedAt: now, client: 'postern', messageId, facts }
  }

  /** A notice without the message is better than none: null if it cannot be read. */
  async #returned(occasion: Occasion): Promise<Returned | null> {
    try {
      return await this.#read(occasion)
    } catch {
      return null
    }
  }

  async #read({ lease: { client, envelope, content }, action }: Occasion): Promise<Returned> {
    // Whoever sent it from outside may have named another as its sender, who must not be sent what they wrote
    const isFull = action === 'failed' && client !== OUTSIDE && this.#wantsFull(envelope)
    const full = isFull && content.size <= this.#options.fullBytes
    if (full) return { kind: 'full', bytes: await readAll(content, READ_LIMIT) }
    const header = await headerOf(content, this.#options.headerBytes)
    return { kind: 'headers', bytes: envelope.sensitive === true ? quietHeader(header) : header }
  }

  /** RFC 3461 section 4.3; RFC 8689 section 5: never all of a message that requires TLS. Nor of a sensitive one. */
  #wantsFull({ ret, requireTls, sensitive }: Envelope): boolean {
    return (
      !requireTls && sensitive !== true && (ret ?? (this.#options.returned === 'full' ? 'full' : 'hdrs')) === 'full'
    )
  }
}

const EMPTY = Buffer.alloc(0)
const OUTSIDE = '*'

const originalOf = ({ queueId, envelope, receivedAt }: Occasion['lease']) => ({
  queueId,
  envid: envelope.envid,
  arrivedAt: receivedAt,
  smtputf8: envelope.smtputf8,
})

const planFor = ({ domain }: Address, now: number): DeliveryPlan => ({
  do: 'deliver',
  destination: domain,
  dueAt: now,
  leaseUntil: null,
})

/** Reads no more of large content than its header may be long. */
async function headerOf(content: Content, limit: number): Promise<Buffer> {
  if (content.bytes !== null) return headerBytes(content.bytes, limit)
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of content.stream()) {
    chunks.push(chunk)
    length += chunk.length
    if (length > limit) break
  }
  return headerBytes(Buffer.concat(chunks), limit)
}
