import { type CustodyEvent, type CustodyRecipient, readAction } from './custody.ts'

/** What became of one recipient, as far as the record tells. */
export interface Fate<E extends CustodyEvent> {
  readonly index: number
  readonly address: string
  /** `pending`, `leased`, `held`, `relayed`, `delivered`, `failed`, `discarded`, `removed`; `damaged` where its message was set aside. */
  readonly state: string
  /** The last thing that was said about it. */
  readonly reply: string | null
  /** The event that brought it there. */
  readonly event: E
  /** All events that tell of it, in order. */
  readonly events: readonly E[]
}

export const FINAL_STATES: ReadonlySet<string> = new Set(['relayed', 'delivered', 'failed', 'discarded', 'removed'])

/** Each recipient that the events name, in the order of the envelope. */
export function fatesOf<E extends CustodyEvent>(events: readonly E[]): Fate<E>[] {
  const fates = new Map<number, Fate<E>>()
  for (const event of events) {
    for (const recipient of event.recipients)
      fates.set(recipient.index, next(fates.get(recipient.index), recipient, event))
    if (event.recipients.length === 0) forAll(fates, event)
  }
  return [...fates.values()].sort((a, b) => a.index - b.index)
}

function next<E extends CustodyEvent>(before: Fate<E> | undefined, found: CustodyRecipient, event: E): Fate<E> {
  const { index, address, state, reply } = found
  const same = before !== undefined && before.state === state && !MOVES.has(event.event)
  return {
    index,
    address,
    state,
    reply: reply ?? before?.reply ?? null,
    event: same ? before.event : event,
    events: [...(before?.events ?? []), event],
  }
}

/** Events after which a recipient is where it is for another reason, though its state may be the same. */
const MOVES: ReadonlySet<string> = new Set(['attempt', 'hold', 'release', 'remove', 'discard'])

function forAll<E extends CustodyEvent>(fates: Map<number, Fate<E>>, event: E): void {
  const isDamage = readAction(event.facts).damaged !== null
  for (const [index, fate] of fates) {
    if (FINAL_STATES.has(fate.state)) continue
    const events = [...fate.events, event]
    fates.set(index, isDamage ? { ...fate, state: 'damaged', event, events } : { ...fate, events })
  }
}
