import type { Connection } from '../../db/database.ts'
import { recipientSum, resummed } from '../checksum.ts'
import type { ChanceRow } from '../wire.ts'
import type { SpoolState } from './state.ts'

interface Held {
  readonly receivedAt: number
  readonly heldAt: number | null
  readonly triedUntil: number | null
  readonly address: string
  readonly orcpt: string | null
  readonly notify: number | null
  readonly destination: string
  readonly sum: number | null
}

/** What is released is tried for as long as was left when it was held: a hold takes nothing from anybody's time. */
export class Chances {
  readonly #state: Pick<SpoolState, 'aged'>
  readonly #held
  readonly #give

  constructor(db: Connection, state: Pick<SpoolState, 'aged'>) {
    this.#state = state
    this.#held = db.prepare<[number, number], Held>(
      `SELECT m.received_at AS receivedAt, r.held_at AS heldAt, r.tried_until AS triedUntil, r.address, r.orcpt, r.notify,
         d.name AS destination, r.sum
       FROM recipient r JOIN message m ON m.id = r.message_id JOIN destination d ON d.id = r.destination
       WHERE r.message_id = ? AND r.n = ?`,
    )
    this.#give = db.prepare(
      'UPDATE recipient SET tried_until = ?, held_at = NULL, sum = ? WHERE message_id = ? AND n = ?',
    )
  }

  /** Inside the transaction that releases it. Until when it is tried from now on; null: as if it had not been held. */
  give(id: number, n: number, chance: ChanceRow | null, now: number): number | null {
    const held = this.#held.get(id, n)
    if (held === undefined) return null
    const until = chance === null ? held.triedUntil : triedUntil(held, chance, now)
    if (until === null) this.#state.aged.notBefore(id)
    const { address, orcpt, notify, destination, sum } = held
    const fields = [id, n, address, orcpt, notify, destination] as const
    const after = resummed(sum, recipientSum(fields, held.triedUntil), recipientSum(fields, until))
    this.#give.run(until, after, id, n)
    return until
  }
}

/** `heldAt` has no checksum: one that cannot be true counts for nothing. */
function triedUntil(held: Held, [lifetimeMs, atLeastMs]: ChanceRow, now: number): number {
  const { receivedAt, heldAt } = held
  const end = Math.max(receivedAt + lifetimeMs, held.triedUntil ?? 0)
  const left = heldAt === null || heldAt < receivedAt || heldAt > now ? 0 : end - heldAt
  return Math.max(end, now + Math.max(left, atLeastMs))
}
