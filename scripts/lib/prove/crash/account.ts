import type { Scope } from '../../../../test/support/scope.ts'
import { type Received, type Sink, type SinkFault, startSink } from '../../../../test/support/sink.ts'
import { idIn, isWhole, kindOf } from './mail.ts'

const REFUSED: SinkFault = { reply: '550 5.1.1 no such user' }
const LATER: SinkFault = { reply: '450 4.2.1 mailbox busy' }
const RCPT = /^RCPT TO:<(good|large|late|refused|stuck)-([\w-]+)@/i

/** What of the acknowledged messages is where. */
export interface Tally {
  readonly acknowledged: number
  readonly delivered: number
  readonly bounced: number
  readonly lost: number
  /** Arrived more than once, or came back more than once. */
  readonly twice: number
}

/** A next hop that takes, defers and refuses, and keeps account of every message by its id. */
export class Account {
  readonly delivered = new Map<string, number>()
  readonly bounced = new Map<string, number>()
  /** When each deferred recipient was tried last, by a clock that nobody sets (`performance.now`). */
  readonly tried = new Map<string, number>()
  /** Whose content was not what was sent. */
  readonly altered: string[] = []
  /** While true, `stuck` messages are deferred. */
  isFull = true
  readonly #seen = new Set<string>()
  #sink: Sink | null = null

  get port(): number {
    return this.#sink?.port ?? 0
  }

  async listen(scope: Scope): Promise<void> {
    this.#sink = await startSink(scope, {
      fault: ({ phase, line }) => (phase === 'rcpt' ? this.#recipient(line) : null),
      onMessage: (message) => this.#take(message),
      taken: (message) => `250 2.0.0 taken ${token(message)}`,
    })
  }

  async close(): Promise<void> {
    await this.#sink?.stop()
  }

  /** Whether it reached its recipient or came back. */
  has(id: string): boolean {
    return this.delivered.has(id) || this.bounced.has(id)
  }

  missing(acknowledged: Iterable<string>): string[] {
    return [...acknowledged].filter((id) => !this.has(id))
  }

  /** Bounced although nobody refused it. */
  get wronglyBounced(): string[] {
    return [...this.bounced.keys()].filter((id) => kindOf(id) !== 'refused')
  }

  tally(acknowledged: ReadonlySet<string>): Tally {
    const ids = [...acknowledged]
    const more = (counts: ReadonlyMap<string, number>) => [...counts.values()].filter((count) => count > 1).length
    return {
      acknowledged: ids.length,
      delivered: ids.filter((id) => this.delivered.has(id)).length,
      bounced: ids.filter((id) => this.bounced.has(id)).length,
      lost: this.missing(ids).length,
      twice: more(this.delivered) + more(this.bounced),
    }
  }

  #recipient(line: string): SinkFault | null {
    const [, kind = '', id = ''] = RCPT.exec(line) ?? []
    if (kind === 'refused') return REFUSED
    if (kind === 'stuck') {
      this.tried.set(id, performance.now())
      return this.isFull ? LATER : null
    }
    if (kind !== 'late' || this.#seen.has(id)) return null
    this.#seen.add(id)
    return LATER
  }

  #take(message: Received): void {
    const id = idIn(message.content)
    if (id === null) return
    if (message.mailFrom === '') count(this.bounced, id)
    else {
      count(this.delivered, id)
      if (!isWhole(message.content, id)) this.altered.push(id)
    }
  }
}

/** What the reply to the final dot names: the message that is now somebody else's to keep. */
const token = ({ content }: Received): string => idIn(content) ?? 'other'

function count(counts: Map<string, number>, id: string): void {
  counts.set(id, (counts.get(id) ?? 0) + 1)
}
