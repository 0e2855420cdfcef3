import type { Connection } from '../../db/database.ts'
import { type CustodyRecipient, isToldOfDelay, readAction, readAttempt, readReceived } from '../../mail/custody.ts'
import type { Fate } from '../../mail/fate.ts'
import type { Happened } from '../contract.ts'
import type { HappeningRow, HappeningsPage, HappeningsQuery } from '../wire.ts'
import { parseReceived } from './keys.ts'
import { matches } from './search.ts'
import { type Entry, type ReadEntry, readEntry, standings } from './states.ts'

/** Which entries tell of a thing, and which recipients in them: null for all. */
const KINDS: Readonly<Record<Happened, { readonly events: readonly string[]; readonly state: string | null }>> = {
  received: { events: ['received'], state: null },
  held: { events: ['received', 'hold', 'attempt'], state: 'held' },
  released: { events: ['release'], state: null },
  deferred: { events: ['attempt'], state: 'pending' },
  relayed: { events: ['attempt'], state: 'relayed' },
  delivered: { events: ['attempt'], state: 'delivered' },
  failed: { events: ['attempt'], state: 'failed' },
  // `received` names what was discarded at once too: the entry after it says so with the reason
  discarded: { events: ['attempt', 'discard'], state: 'discarded' },
  removed: { events: ['remove'], state: null },
  rerouted: { events: ['reroute'], state: null },
  retried: { events: ['retry'], state: null },
  notified: { events: ['notice'], state: null },
}

// Times and numbers of entries grow together, but for a clock that was set back
const SLACK_MS = 600_000
const SLICE = 5000

type Found = readonly [id: number, at: number, queueId: number, event: string, data: string]
type Message = readonly Entry[]

/** Answers what happened between two times, in the order of the record: a line for each recipient. */
export class Happenings {
  readonly #searchMs: number
  readonly #sql

  constructor(db: Connection, searchMs: number) {
    this.#searchMs = searchMs
    this.#sql = {
      bounds: db
        .prepare<[], [number | null, number | null]>('SELECT (SELECT min(id) FROM entry), (SELECT max(id) FROM entry)')
        .raw(),
      at: db.prepare<[number], number>('SELECT at FROM entry WHERE id >= ? ORDER BY id LIMIT 1').pluck(),
      slice: db
        .prepare<[number, number, number, number, string, string], Found>(
          `SELECT id, at, queue_id, event, data FROM entry
           WHERE id > ? AND id <= ? AND at >= ? AND at < ?
             AND event IN (SELECT value FROM json_each(?)) AND instr(data, ?) > 0 ORDER BY id`,
        )
        .raw(),
      message: db.prepare<[number], Entry>('SELECT at, event, data FROM entry WHERE queue_id = ? ORDER BY id').raw(),
    }
  }

  page(query: HappeningsQuery, after: string | null, limit: number): HappeningsPage {
    const deadline = performance.now() + this.#searchMs
    const { first, last } = this.#range(query)
    const rows: HappeningRow[] = []
    for (let from = Math.max(first, cursorOf(after)); from < last; from += SLICE) {
      for (const found of this.#slice(query, from, Math.min(from + SLICE, last))) {
        rows.push(...this.#rows(query, found))
        if (rows.length >= limit || performance.now() > deadline) return { rows, next: `${found[0]}` }
      }
      if (performance.now() > deadline && from + SLICE < last) return { rows, next: `${from + SLICE}` }
    }
    return { rows, next: null }
  }

  /** Entries after `first`, up to `last`, can be meant. */
  #range({ from, to }: HappeningsQuery): { first: number; last: number } {
    const [lowest, highest] = this.#sql.bounds.get() ?? [null, null]
    if (lowest === null || highest === null) return { first: 0, last: 0 }
    const at = (time: number) => this.#firstAt(time, lowest, highest + 1)
    return { first: at(from - SLACK_MS) - 1, last: at(to + SLACK_MS) - 1 }
  }

  /** The first entry not before `time`, by halving. */
  #firstAt(time: number, lowest: number, end: number): number {
    let [low, high] = [lowest, end]
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      if ((this.#sql.at.get(middle) ?? Number.POSITIVE_INFINITY) < time) low = middle + 1
      else high = middle
    }
    return low
  }

  #slice({ what, from, to }: HappeningsQuery, after: number, upTo: number): Found[] {
    const { events, state } = KINDS[what]
    const needle = state === null ? '{' : `"state":"${state}"`
    return this.#sql.slice.all(after, upTo, from, to, JSON.stringify(events), needle)
  }

  #rows({ what, message: filter }: HappeningsQuery, [, at, id, event, data]: Found): HappeningRow[] {
    const message = this.#sql.message.all(id)
    if (!matches(message, filter)) return []
    const { state } = KINDS[what]
    const entry = readEntry([at, event, data])
    const fates = standings(message)
    const facts = messageFacts(id, message)
    return entry.recipients
      .filter((recipient) => state === null || recipient.state === state)
      .filter(({ index }) => what !== 'notified' || isToldOfDelay(entry.facts, index))
      .map((recipient) => ({ ...facts, at, event, ...why(entry, recipient), ...became(fates, recipient) }))
  }
}

function messageFacts(id: number, message: Message) {
  const received = message.find(([, event]) => event === 'received')
  const { client, sender, messageId, size } = parseReceived(received?.[2] ?? '{}')
  return { id, receivedAt: received?.[0] ?? null, client, sender, messageId, size }
}

function became(fates: readonly Fate<ReadEntry>[], { index, address }: CustodyRecipient) {
  const fate = fates.find((each) => each.index === index)
  const host = fate?.events.findLast(({ facts }) => typeof facts.host === 'string')?.facts.host as string | undefined
  return {
    recipient: address,
    state: fate?.state ?? 'unknown',
    stateAt: fate?.event.at ?? null,
    reply: fate?.reply ?? null,
    host: host ?? null,
  }
}

/** The reason for it, and who answers for it: the owner of a hold, or the operator who did it. */
function why({ event, facts }: ReadEntry, { index, reply }: CustodyRecipient) {
  const { by, hold } = readAction(facts)
  const holds = event === 'received' ? readReceived(facts).holds : [hold, readAttempt(facts).hold]
  const found = holds.find((each) => each !== null && (each.recipients.length === 0 || each.recipients.includes(index)))
  return { reason: found?.reason ?? reply ?? null, owner: found?.owner ?? by }
}

function cursorOf(after: string | null): number {
  const number = Number(after ?? 0)
  return Number.isSafeInteger(number) ? number : 0
}
