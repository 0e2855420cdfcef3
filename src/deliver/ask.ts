import type { Clock } from '../clock.ts'
import type { Address } from '../mail/address.ts'
import type { ReversePath } from '../mail/envelope.ts'
import { type Reply, replyText } from '../mail/reply.ts'
import type { ClientSession } from '../smtp/client/contract.ts'
import type { Connected } from './connect.ts'
import type { Connection, Hop } from './hop.ts'
import type { Pool } from './pool.ts'
import { ownReply, statusOf } from './replies.ts'

export interface RecipientAnswer {
  readonly known: 'exists' | 'unknown' | 'temporary'
  /** What the next hop said to RCPT, or we where it could not be asked. */
  readonly reply: Reply
}

export interface AskPorts {
  readonly pool: Pool
  /** `isLate`: nobody waits for it any more. */
  readonly connect: (hop: Hop, isLate: () => boolean) => Promise<Connected>
  readonly clock: Clock
}

/**
 * Asks a next hop whether a recipient exists, with MAIL and RCPT and without a message, on a connection
 * that is idle or on a new one. Never rejects, never takes longer than `timeoutMs`.
 */
export async function askNextHop(
  hop: Hop,
  { to, from }: { to: Address; from: ReversePath },
  timeoutMs: number,
  ports: AskPorts,
): Promise<RecipientAnswer> {
  if (hop.isResting(ports.clock.now())) return unreachable(hop.trouble ?? 'it rests')
  // A next hop that takes connections and says nothing must not get all that there may be
  if (hop.asking >= hop.concurrency.perNextHop) return unreachable('it is asked too much already')
  const asking = new Asking(hop, ports)
  const answer = asking.ask(to, from)
  const late = Promise.withResolvers<RecipientAnswer>()
  const cancel = ports.clock.after(timeoutMs, () => {
    asking.giveUp()
    late.resolve(unreachable(`no answer in ${Math.round(timeoutMs / 1000)} s`))
  })
  return Promise.race([answer, late.promise]).finally(cancel)
}

const unreachable = (text: string): RecipientAnswer => ({
  known: 'temporary',
  reply: ownReply(451, '4.4.1', `the next hop cannot be asked: ${text}`),
})

class Asking {
  readonly #hop: Hop
  readonly #ports: AskPorts
  #connection: Connection | null = null
  #late = false

  constructor(hop: Hop, ports: AskPorts) {
    this.#hop = hop
    this.#ports = ports
  }

  async ask(to: Address, from: ReversePath): Promise<RecipientAnswer> {
    this.#hop.asking++
    this.#hop.usedAt = this.#ports.clock.now()
    return this.#ask(to, from).finally(() => this.#hop.asking--)
  }

  async #ask(to: Address, from: ReversePath): Promise<RecipientAnswer> {
    // One that was kept open may have been closed meanwhile: then once more
    for (let connection = this.#hop.idle.pop(); connection; connection = this.#hop.idle.pop()) {
      const answer = await this.#askOn(connection, to, from)
      if (answer !== null || this.#late) return answer ?? unreachable('too late')
    }
    return this.#askAnew(to, from)
  }

  giveUp(): void {
    this.#late = true
    this.#connection?.carrier.destroy()
  }

  async #askAnew(to: Address, from: ReversePath): Promise<RecipientAnswer> {
    const { pool, connect } = this.#ports
    if (!pool.take(this.#hop)) return unreachable('there are too many connections')
    const connected = await connect(this.#hop, () => this.#late)
    if (!connected.ok) {
      pool.release(this.#hop)
      return unreachable(replyText(connected.why.reply))
    }
    pool.watch(this.#hop, connected.connection)
    return (await this.#askOn(connected.connection, to, from)) ?? unreachable('the connection broke')
  }

  /** Null if the connection did not live through it. */
  async #askOn(connection: Connection, to: Address, from: ReversePath): Promise<RecipientAnswer | null> {
    this.#connection = connection
    const { session } = connection.carrier
    const answer = session === null || this.#late ? null : await this.#probe(session, to, from)
    this.#putAway(connection)
    return answer
  }

  async #probe(session: ClientSession, to: Address, from: ReversePath): Promise<RecipientAnswer | null> {
    const { phase, reply } = await session.probe(from, to)
    return reply === null ? null : { known: phase === 'rcpt' ? meaning(reply) : 'temporary', reply }
  }

  #putAway(connection: Connection): void {
    const { carrier } = connection
    const isSpare = this.#ports.pool.isWanted || this.#ports.pool.isClosing
    if (carrier.usable && !this.#late && !isSpare) {
      connection.idleSince = this.#ports.clock.now()
      this.#hop.idle.push(connection)
      return
    }
    carrier.destroy()
    this.#ports.pool.release(this.#hop)
  }
}

/**
 * Only what is said about the address itself counts as unknown: a refusal by policy (5.7) may be meant for
 * the sender, and a full mailbox (5.2.2) exists.
 */
function meaning(reply: Reply): RecipientAnswer['known'] {
  if (reply.code < 400) return 'exists'
  if (reply.code < 500) return 'temporary'
  const status = statusOf(reply)
  if (status === '5.2.2') return 'exists'
  return /^5\.(?:0\.0|1\.\d+|2\.1)$/.test(status) && UNKNOWN.has(reply.code) ? 'unknown' : 'temporary'
}

const UNKNOWN: ReadonlySet<number> = new Set([550, 551, 553, 554])
