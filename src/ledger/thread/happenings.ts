import type { Connection } from '../../db/database.ts'
import type { Happened } from '../contract.ts'
import type { HappeningRow, HappeningsPage, HappeningsQuery } from '../wire.ts'
import { parseReceived } from './keys.ts'
import { matches } from './search.ts'
import { type Entry, type EntryData, type EntryRecipient, isObject, lastStates, parseEntry } from './states.ts'

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
    const entry = parseEntry(data)
    const meant = entry.recipients.filter((recipient) => state === null || recipient.state === state)
    const happened = { at, event, ...why(entry) }
    return meant.map((recipient) => ({
      ...about(id, message, recipient),
      ...happened,
      reason: reasonOf(entry, recipient),
    }))
  }
}

function about(id: number, message: Message, { index, address }: EntryRecipient) {
  const received = message.find(([, event]) => event === 'received')
  const { client, sender, messageId, size } = parseReceived(received?.[2] ?? '{}')
  const last = lastStates(message).get(index)
  return {
    id,
    receivedAt: received?.[0] ?? null,
    client,
    sender,
    messageId,
    size,
    recipient: address,
    state: last?.state ?? 'unknown',
    stateAt: last?.at ?? null,
    reply: last?.reply ?? null,
    host: last?.host ?? null,
  }
}

/** Who is responsible for it: the owner of a hold, or the operator who did it. */
function why({ facts: { hold, owner, by } }: EntryData): { owner: string | null } {
  const held = isObject(hold) ? hold.owner : undefined
  return { owner: ([held, owner, by].find((each) => typeof each === 'string') as string | undefined) ?? null }
}

function reasonOf({ facts: { hold } }: EntryData, { reply }: EntryRecipient): string | null {
  if (typeof hold === 'string') return hold
  if (isObject(hold) && typeof hold.reason === 'string') return hold.reason
  return reply
}

function cursorOf(after: string | null): number {
  const number = Number(after ?? 0)
  return Number.isSafeInteger(number) ? number : 0
}
