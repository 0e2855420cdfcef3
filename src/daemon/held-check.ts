import type { Clock } from '../clock.ts'
import { type Chain, EMPTY_CHAIN } from '../inspect/chain.ts'
import type { HeldMessage } from '../inspect/rescan.ts'
import type { Log } from '../log.ts'
import type { Hold, Lease } from '../spool/contract.ts'

/** Messages that are scanned side by side. */
const AT_ONCE = 4
/** When a message that could not be scanned has its next turn. */
const AGAIN_MS = 900_000

/**
 * What an operator took over is theirs to release. What a repair holds may have been a plugin's: its reason
 * may be what was lost.
 */
export const isToBeScanned = ({ owner }: Pick<Hold, 'owner'>): boolean => !owner.startsWith('operator:')

/** Looks once more at what a plugin held before its deadline releases it. */
export class HeldCheck {
  readonly #clock: Clock
  readonly #log: Log
  #chain: Chain = EMPTY_CHAIN
  readonly #lanes: Promise<unknown>[] = Array.from({ length: AT_ONCE }, () => Promise.resolve())
  #turn = 0

  constructor({ clock, log }: { readonly clock: Clock; readonly log: Log }) {
    this.#clock = clock
    this.#log = log
  }

  /** From now on this one is asked. */
  use(chain: Chain): void {
    this.#chain = chain
  }

  /** Null if the lease may go out, or the hold that takes the place of the one that is over. */
  readonly holdAgain = (lease: Lease, hold: Hold): Promise<Hold | null> => {
    if (!this.#chain.rescans || !isToBeScanned(hold)) return Promise.resolve(null)
    const lane = this.#turn++ % AT_ONCE
    const looked = (this.#lanes[lane] ?? Promise.resolve()).then(() => this.#look(lease, hold))
    this.#lanes[lane] = looked.catch(() => {})
    return looked
  }

  async #look(lease: Lease, hold: Hold): Promise<Hold | null> {
    const { verdict, plugin } = await this.#chain.rescan(heldMessage(lease))
    if (verdict.action === 'continue' || verdict.action === 'tag') return null
    const facts = { queueId: lease.queueId, plugin, verdict: verdict.action, why: verdict.reason }
    this.#log.warn(facts, 'a held message was not released at its deadline')
    const reason = `not released: ${verdict.reason}`
    const now = this.#clock.now()
    // the time for a decision is over: what is known to be bad goes back to its sender
    return verdict.action === 'defer'
      ? { ...hold, reason, until: now + AGAIN_MS }
      : // biome-ignore lint/suspicious/noThenProperty: the contract's word for what happens at the deadline; never awaited by itself
        { reason, owner: `plugin:${plugin ?? ''}`, until: now, then: 'reject' }
  }
}

const heldMessage = ({ queueId, client, envelope, content }: Lease): HeldMessage => ({
  id: queueId,
  client: client === '*' ? null : client,
  envelope,
  content,
})
