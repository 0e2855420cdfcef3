import { setTimeout as sleep } from 'node:timers/promises'
import { FINAL_STATES } from '../../mail/fate.ts'
import { formatQueueId, idTime } from '../../mail/queue-id.ts'
import { type Entry, standings } from '../thread/states.ts'
import { LedgerMessages } from './messages.ts'
import { Problems } from './report.ts'

/** The spool, as far as it is compared with the ledger. */
export interface SpoolSide {
  readonly source: number | null
  messages(): Iterable<number>
  waiting(id: number): readonly number[]
  journalNumbers(): readonly [first: number | null, last: number | null]
  journal(after: number): Iterable<Told>
  journalOf(id: number, after: number): readonly Told[]
}

interface Told {
  readonly at: number
  readonly id: number
  readonly event: string
  readonly data: string
}

const PAGE = 2000
const MOST_SUSPECTS = 100_000
const LOOKS = 6
const BETWEEN_LOOKS_MS = 300
// Ids are given when a message is stored, and entries are dropped by their own times
const SLACK_MS = 3_600_000

/**
 * Whether spool and ledger say the same: what waits in the spool has its receipt in the ledger (or
 * on its way there) and no end, and what the ledger calls open waits in the spool. A daemon may run
 * meanwhile: what seems wrong is looked at again before it is told.
 */
export async function compareWithSpool(path: string, spool: SpoolSide): Promise<Problems> {
  const problems = new Problems()
  const ledger = new LedgerMessages(path)
  try {
    const comparison = new Comparison(ledger, spool)
    comparison.numbers(problems)
    const suspects = comparison.suspects()
    if (suspects.size >= MOST_SUSPECTS) problems.say('disagreement', null, 'spool and ledger disagree throughout')
    else await comparison.lookAgain(suspects, problems)
  } finally {
    ledger.close()
  }
  return problems
}

class Comparison {
  readonly #ledger: LedgerMessages
  readonly #spool: SpoolSide

  constructor(ledger: LedgerMessages, spool: SpoolSide) {
    this.#ledger = ledger
    this.#spool = spool
  }

  /** Whether the journal goes on where the ledger has come to. */
  numbers(problems: Problems): void {
    const seq = this.#taken()
    const [first, last] = this.#spool.journalNumbers()
    if (first !== null && first > seq + 1) {
      problems.say(
        'disagreement',
        null,
        `the numbers ${seq + 1} to ${first - 1} of the spool's journal are lost: neither has them`,
      )
    }
    if (last !== null && last < seq) {
      problems.say(
        'disagreement',
        null,
        `the ledger has ${seq} entries of the spool's journal, which has come to ${last} only: one of them is an older copy`,
      )
    }
  }

  /** Messages that do not seem to agree. */
  suspects(): Set<number> {
    const found = new Set<number>()
    const pending = this.#pending()
    for (const id of both(this.#spool.messages(), this.#ledger.ids(PAGE))) {
      if (found.size >= MOST_SUSPECTS) break
      if (this.#compare(id, pending.get(id) ?? []).length > 0) found.add(id)
    }
    return found
  }

  async lookAgain(suspects: Set<number>, problems: Problems): Promise<void> {
    for (let look = 1; suspects.size > 0; look++) {
      for (const id of suspects) {
        const found = this.#compareNow(id)
        if (found.length === 0) suspects.delete(id)
        if (look === LOOKS) for (const text of found) tell(problems, id, text)
      }
      if (look === LOOKS) return
      await sleep(BETWEEN_LOOKS_MS)
    }
  }

  /** In an order in which nothing can pass unseen but what the ledger takes meanwhile; the next look sees that. */
  #compareNow(id: number): string[] {
    return this.#compare(id, this.#spool.journalOf(id, this.#taken()).map(entryOf))
  }

  /** What the journal has beyond the ledger, by message. */
  #pending(): Map<number, Entry[]> {
    const pending = new Map<number, Entry[]>()
    for (const told of this.#spool.journal(this.#taken())) {
      const list = pending.get(told.id)
      if (list === undefined) pending.set(told.id, [entryOf(told)])
      else list.push(entryOf(told))
    }
    return pending
  }

  #compare(id: number, pending: readonly Entry[]): string[] {
    const entries = [...this.#ledger.entries(id), ...pending]
    const waiting = new Set(this.#spool.waiting(id))
    const fates = standings(entries)
    const isReceived = entries.some(([, event]) => event === 'received')
    return [
      ...(waiting.size > 0 && !isReceived && this.#isKept(id)
        ? ['it waits in the spool, and its receipt is not on record']
        : []),
      ...fates.flatMap(({ index, address, state }) => {
        if (waiting.has(index) && FINAL_STATES.has(state))
          return [`${address} waits in the spool, and is ${state} on record`]
        if (!waiting.has(index) && OPEN_STATES.has(state))
          return [`${address} is ${state} on record, and does not wait in the spool`]
        return []
      }),
    ]
  }

  /** Whether its receipt is young enough to be on record still. */
  #isKept(id: number): boolean {
    const oldest = this.#ledger.oldest()
    return oldest === null || idTime(id) > oldest + SLACK_MS || this.#ledger.isWhole
  }

  /** Up to which number the ledger has the journal of this spool. */
  #taken(): number {
    return this.#ledger.taken(this.#spool.source ?? -1)
  }
}

const OPEN_STATES: ReadonlySet<string> = new Set(['pending', 'leased', 'held'])

const entryOf = ({ at, event, data }: Told): Entry => [at, event, data]

function* both<T>(one: Iterable<T>, other: Iterable<T>): Generator<T> {
  yield* one
  yield* other
}

function tell(problems: Problems, id: number, text: string): void {
  const queueId = formatQueueId(id)
  problems.add({ what: 'disagreement', entry: null, queueId, at: idTime(id), text: `${queueId}: ${text}` })
}
