import type { Address } from '../../mail/address.ts'
import type { Content } from '../../mail/content.ts'
import type { Envelope, ReversePath } from '../../mail/envelope.ts'
import { fitterFor } from './content.ts'
import type {
  ClientFailure,
  ClientLimits,
  ClientOptions,
  ClientSession,
  ClientTarget,
  ClientTlsFacts,
  RecipientReply,
  SendResult,
} from './contract.ts'
import { type Facts, factsOf } from './facts.ts'
import { failureOf, socketErrorText } from './failure.ts'
import type { Extensions } from './hello.ts'
import { type Peer, planFor } from './plan.ts'
import { type Probed, probeRecipient } from './probe.ts'
import { BARE_LINE_ENDS, type Prepared, type Setting, Transaction } from './transaction.ts'
import type { Wire } from './wire.ts'

/** Content in memory up to here is checked before MAIL and leaves in one write; anything else streams. Bytes. */
const SMALL_BYTES = 262_144

const UNKNOWN: RecipientReply = { is: 'unknown' }
const DAMAGED: RecipientReply = { is: 'failed', reply: BARE_LINE_ENDS, phase: 'content', ours: true }

/** What the phases of opening leave behind. */
export interface Opened {
  readonly wire: Wire
  readonly extensions: Extensions
  readonly tls: ClientTlsFacts | null
  readonly limits: ClientLimits
}

/** A session that is open and, until proven otherwise, good for another message. */
export class Session implements ClientSession {
  readonly extensions: Extensions
  readonly tls: ClientTlsFacts | null
  readonly closed: Promise<void>
  readonly #wire: Wire
  readonly #setting: Setting
  readonly #peer: Peer
  readonly #quitMs: number
  #busy = false
  #resetFirst = false

  constructor(opened: Opened, target: ClientTarget, options: ClientOptions) {
    const { wire, extensions, tls } = opened
    this.extensions = extensions
    this.tls = tls
    this.closed = wire.closed
    this.#wire = wire
    this.#quitMs = target.timeouts.quit ?? opened.limits.quitMs
    this.#peer = { extensions, tls, eightBitWithout8BitMime: options.eightBitWithout8BitMime ?? 'fail' }
    this.#setting = {
      wire,
      timeouts: target.timeouts,
      lmtp: target.protocol === 'lmtp',
      pipelining: extensions.has('PIPELINING'),
      dsn: extensions.has('DSN'),
    }
    // What fails from here on, fails the next message
    wire.phase = 'mail'
  }

  get usable(): boolean {
    return this.#wire.failure === null
  }

  get failure(): ClientFailure | null {
    return this.#wire.failure
  }

  send(envelope: Envelope, content: Content): Promise<SendResult> {
    if (this.#busy) return Promise.resolve(this.#unsent(envelope, failureOf('mail', 'the session is busy')))
    this.#busy = true
    try {
      const facts = factsOf(envelope, content, this.extensions)
      if (!(facts instanceof Promise)) return this.#start(envelope, content, facts)
      return facts.then((found) => this.#start(envelope, content, found)).catch((e) => this.#unreadable(envelope, e))
    } catch (error) {
      return Promise.resolve(this.#unreadable(envelope, error))
    }
  }

  async probe(mailFrom: ReversePath, to: Address): Promise<Probed> {
    if (this.#busy || !this.usable) return { phase: 'mail', reply: null }
    this.#busy = true
    try {
      return await probeRecipient(this.#wire, this.#setting.timeouts, this.#peer, mailFrom, to)
    } catch {
      return { phase: 'mail', reply: null }
    } finally {
      this.#busy = false
      this.#wire.phase = 'mail'
    }
  }

  async quit(): Promise<void> {
    if (this.#busy || !this.usable) return this.destroy()
    this.#busy = true
    await this.#wire.ask('quit', this.#quitMs, 'QUIT\r\n').catch(() => null)
    this.#wire.end(this.#quitMs)
    await this.closed
  }

  destroy(): void {
    this.#wire.destroy()
  }

  #start(envelope: Envelope, content: Content, facts: Facts): Promise<SendResult> {
    if (this.#wire.failure !== null) return this.#free(this.#unsent(envelope, this.#wire.failure))
    const prepared = prepare(content)
    if (prepared === 'damaged') return this.#free(this.#settled(envelope.rcptTo.map(() => DAMAGED)))
    const plan = planFor(envelope, facts, this.#peer)
    if (plan.rcpts.length === 0) return this.#free(this.#settled(plan.settled.map((known) => known ?? UNKNOWN)))
    return new Promise((resolve) => {
      const transaction = new Transaction(this.#setting, { plan, content, prepared }, ({ result, resetFirst }) => {
        this.#busy = false
        this.#resetFirst = resetFirst
        resolve(result)
      })
      transaction.start(this.#resetFirst)
    })
  }

  #free(result: SendResult): Promise<SendResult> {
    this.#busy = false
    return Promise.resolve(result)
  }

  #settled(recipients: readonly RecipientReply[], failure: ClientFailure | null = null): SendResult {
    return { recipients, failure, dsnHandedOn: this.#setting.dsn }
  }

  #unsent(envelope: Envelope, failure: ClientFailure): SendResult {
    const recipients = envelope.rcptTo.map(() => UNKNOWN)
    return this.#settled(recipients, failure)
  }

  /** Our own disk, not the peer: the session stays as it is. */
  #unreadable(envelope: Envelope, error: unknown): SendResult {
    this.#busy = false
    return this.#unsent(envelope, failureOf('mail', `the content cannot be read: ${socketErrorText(error)}`))
  }
}

/** Checks and stuffs small content before the peer hears of it. Null: it is to be streamed. */
function prepare(content: Content): Prepared | null | 'damaged' {
  const { bytes } = content
  if (bytes === null || bytes.length > SMALL_BYTES) return null
  const fitter = fitterFor(content)
  const body = bytes.length === 0 ? bytes : fitter.next(bytes)
  const end = fitter.end()
  return body === null || end === null ? 'damaged' : { body, end }
}
