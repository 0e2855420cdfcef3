import { setTimeout as sleep } from 'node:timers/promises'
import { adminPost } from '../../../../test/support/admin.ts'
import type { Random } from '../random.ts'
import type { Account } from './account.ts'
import { kindOf } from './mail.ts'
import type { Senders } from './senders.ts'

const EVERY_MS = 40
/** Of the messages that nobody takes, those that came last. */
const AMONG = 40
const HOLD_MS = 1200

export interface OperatorPorts {
  readonly socket: string
  readonly senders: Senders
  readonly account: Account
  readonly random: Random
  /** The daemon's time. */
  readonly now: () => number
  /** Where to, other than a message's own way; nobody there takes what is stuck either. */
  readonly elsewhere: () => string
}

type Body = Readonly<Record<string, unknown>>

/** Somebody who holds, releases, retries, reroutes and removes over the admin socket, whatever becomes of the daemon. */
export class Operator {
  readonly #ports: OperatorPorts
  readonly #work: Promise<void>
  #stopped = false
  /** Actions that were answered. */
  done = 0

  constructor(ports: OperatorPorts) {
    this.#ports = ports
    this.#work = this.#run()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#work
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      await this.#act().catch(() => {})
      await sleep(EVERY_MS)
    }
  }

  async #act(): Promise<void> {
    const { senders, random } = this.#ports
    const those = [...senders.acknowledged].filter(([, id]) => kindOf(id) === 'old').slice(-AMONG)
    if (those.length === 0) return
    const [queueId, id] = random.pick(those)
    const action = random.pick(['hold', 'hold', 'release', 'retry', 'reroute', 'reroute', 'remove'] as const)
    const body = { ...this.#details(action, id), action, filter: { queueIds: [queueId] }, by: 'proof' }
    if (action === 'remove') this.#ports.account.given.add(id)
    const done = await adminPost(this.#ports.socket, '/v1/queue/actions', body)
    const { changed, busy } = done as { changed?: number; busy?: number }
    this.done++
    if (action === 'remove' && changed === 1 && busy === 0) this.#ports.account.removed.set(id, performance.now())
  }

  #details(action: string, id: string): Body {
    const { random, account, now, elsewhere } = this.#ports
    if (action === 'reroute') return { destination: random.chance(0.5) ? elsewhere() : null }
    if (action !== 'hold') return {}
    const afterwards = random.pick(['release', 'release', 'reject', 'discard'])
    if (afterwards === 'discard') account.given.add(id)
    return { hold: { reason: 'a proof', until: new Date(now() + HOLD_MS).toISOString(), afterwards } }
  }
}
