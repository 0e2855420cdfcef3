import type { Scope } from '../../../../test/support/scope.ts'
import { type Received, type Sink, type SinkFault, startSink } from '../../../../test/support/sink.ts'
import { idIn, isWhole, KINDS, type Kind, kindOf } from './mail.ts'

const REFUSED: SinkFault = { reply: '550 5.1.1 no such user' }
const LATER: SinkFault = { reply: '450 4.2.1 mailbox busy' }
const RCPT = new RegExp(`^RCPT TO:<(${KINDS.join('|')})-([\\w-]+)@`, 'i')
const SLOW_MS = 400
/** An attempt that the daemon had begun before it said that the message is removed reaches us within this time. */
const UNDER_WAY_MS = 500

/** What of the acknowledged messages is where. */
export interface Tally {
  readonly acknowledged: number
  readonly delivered: number
  readonly bounced: number
  /** An operator had them removed, or asked for it as the daemon died. */
  readonly removed: number
  readonly lost: number
  /** Arrived more than once, or came back more than once. */
  readonly twice: number
}

/** Next hops that take, defer and refuse, and keep account of every message by its id. */
export class Account {
  readonly delivered = new Map<string, number>()
  readonly bounced = new Map<string, number>()
  /** Whose senders were told of a delay. */
  readonly delayed = new Map<string, number>()
  /** When each deferred recipient was tried last, by a clock that nobody sets (`performance.now`). */
  readonly tried = new Map<string, number>()
  /** Whose content was not what was sent. */
  readonly altered: string[] = []
  /** An operator asked for it to be removed or dropped. */
  readonly given = new Set<string>()
  /** Likewise, and was told that it is; when, by the same clock. */
  readonly removed = new Map<string, number>()
  /** While true, `stuck` messages are deferred. */
  isFull = true
  /** While true, everything is deferred. */
  isShut = false
  readonly #seen = new Set<string>()
  #sink: Sink | null = null
  #others: { readonly away: Sink; readonly slow: Sink } | null = null

  get port(): number {
    return this.#sink?.port ?? 0
  }

  async listen(scope: Scope): Promise<void> {
    this.#sink = await this.#start(scope)
  }

  /** Next hops of their own for `away` and `slow`. Gives their ports. */
  async listenApart(scope: Scope): Promise<{ readonly awayPort: number; readonly slowPort: number }> {
    const [away, slow] = [await this.#start(scope), await this.#start(scope)]
    slow.delayMs = SLOW_MS
    this.#others = { away, slow }
    return { awayPort: away.port, slowPort: slow.port }
  }

  /** Takes the next hop of `away` from the network, or gives it back at the same port. */
  async turn(port: number, to: 'on' | 'off'): Promise<void> {
    const away = this.#others?.away
    if (away === undefined || (away.port !== 0) === (to === 'on')) return
    if (to === 'on') await away.listen(port)
    else await away.stop()
  }

  #start(scope: Scope): Promise<Sink> {
    return startSink(scope, {
      fault: ({ phase, line }) => (phase === 'rcpt' ? this.#recipient(line) : null),
      onMessage: (message) => this.#take(message),
      taken: (message) => `250 2.0.0 taken ${token(message)}`,
    })
  }

  async close(): Promise<void> {
    for (const sink of [this.#sink, this.#others?.away, this.#others?.slow]) if (sink?.port) await sink.stop()
  }

  /** Whether it reached its recipient, came back, or was dropped by an operator's will. */
  has(id: string): boolean {
    return this.delivered.has(id) || this.bounced.has(id) || this.given.has(id)
  }

  missing(acknowledged: Iterable<string>): string[] {
    return [...acknowledged].filter((id) => !this.has(id))
  }

  /** Bounced although nobody refused it, and it did not grow too old. */
  get wronglyBounced(): string[] {
    return [...this.bounced.keys()].filter((id) => !['refused', 'old'].includes(kindOf(id)))
  }

  /** Tried again although an operator had been told that it is removed. */
  get revived(): string[] {
    return [...this.removed].flatMap(([id, at]) => ((this.tried.get(id) ?? 0) > at + UNDER_WAY_MS ? [id] : []))
  }

  tally(acknowledged: ReadonlySet<string>): Tally {
    const ids = [...acknowledged]
    const more = (counts: ReadonlyMap<string, number>) => [...counts.values()].filter((count) => count > 1).length
    return {
      acknowledged: ids.length,
      delivered: ids.filter((id) => this.delivered.has(id)).length,
      bounced: ids.filter((id) => this.bounced.has(id)).length,
      removed: ids.filter((id) => this.given.has(id) && !this.delivered.has(id) && !this.bounced.has(id)).length,
      lost: this.missing(ids).length,
      twice: more(this.delivered) + more(this.bounced),
    }
  }

  #recipient(line: string): SinkFault | null {
    if (this.isShut) return LATER
    const [, kind = '', id = ''] = RCPT.exec(line) ?? []
    return this.#faultOf(kind.toLowerCase() as Kind, id)
  }

  #faultOf(kind: Kind, id: string): SinkFault | null {
    if (kind === 'refused') return REFUSED
    if (kind === 'stuck' || kind === 'old') {
      this.tried.set(id, performance.now())
      return this.isFull || kind === 'old' ? LATER : null
    }
    if (kind !== 'late' || this.#seen.has(id)) return null
    this.#seen.add(id)
    return LATER
  }

  #take(message: Received): void {
    const id = idIn(message.content)
    if (id === null) return
    if (message.mailFrom === '') count(isOfDelay(message) ? this.delayed : this.bounced, id)
    else {
      count(this.delivered, id)
      if (!isWhole(message.content, id)) this.altered.push(id)
    }
  }
}

/** A notice that says that we go on trying (RFC 3464 section 2.3.3) ends nothing. */
const isOfDelay = ({ content }: Received): boolean => /^Action: delayed\r?$/im.test(content.toString('latin1'))

/** What the reply to the final dot names: the message that is now somebody else's to keep. */
const token = ({ content }: Received): string => idIn(content) ?? 'other'

function count(counts: Map<string, number>, id: string): void {
  counts.set(id, (counts.get(id) ?? 0) + 1)
}
