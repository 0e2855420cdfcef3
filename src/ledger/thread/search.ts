import type { Connection } from '../../db/database.ts'
import { idAt } from '../../mail/queue-id.ts'
import type { FoundMessage, QueryRow } from '../wire.ts'
import type { SearchIndex, Segment } from './index.ts'
import { KINDS, type Kind, keyOf, parseReceived, type Received, valuesOf, wanted } from './keys.ts'
import { type Entry, standings } from './states.ts'

interface Page {
  readonly messages: readonly FoundMessage[]
  readonly next: string | null
}

// Ids are given when a message is stored, a while after its receipt began, or a little ahead after a restart
const SLACK_MS = 3_600_000
const TIME_BATCH = 200

/** Answers questions about what happened, newest messages first. */
export class Search {
  readonly #index: () => SearchIndex
  readonly #searchMs: number
  readonly #entries
  readonly #newest

  constructor(db: Connection, index: () => SearchIndex, searchMs: number) {
    this.#index = index
    this.#searchMs = searchMs
    this.#entries = db
      .prepare<[number], Entry>('SELECT at, event, data FROM entry WHERE queue_id = ? ORDER BY id')
      .raw()
    this.#newest = db
      .prepare<[number, number], number>(
        'SELECT DISTINCT queue_id FROM entry WHERE queue_id > 0 AND queue_id < ? ORDER BY queue_id DESC LIMIT ?',
      )
      .pluck()
  }

  page(query: QueryRow, after: string | null, limit: number): Page {
    if (query.id !== null) return { messages: this.#match(query.id, query), next: null }
    const end = performance.now() + this.#searchMs
    const candidates = this.#candidates(query, parseCursor(after))
    const messages: FoundMessage[] = []
    for (const { id, cursor } of candidates) {
      messages.push(...this.#match(id, query))
      if (messages.length >= limit || performance.now() > end) return { messages, next: cursor }
    }
    return { messages, next: null }
  }

  *#candidates(query: QueryRow, cursor: Cursor): Generator<{ id: number; cursor: string }> {
    const kind = KINDS.find((each) => query[each] !== null)
    if (kind === undefined) yield* this.#byTime(query, cursor)
    else yield* this.#byKey(query, keyOf(kind, wanted(kind, query[kind] ?? '')), cursor)
  }

  *#byTime({ from, to }: QueryRow, { below }: Cursor): Generator<{ id: number; cursor: string }> {
    const lowest = from === null ? 0 : idAt(from - SLACK_MS)
    let next = Math.min(below, to === null ? Number.MAX_SAFE_INTEGER : idAt(to + SLACK_MS))
    for (;;) {
      const ids = this.#newest.all(next, TIME_BATCH)
      for (const id of ids) {
        if (id < lowest) return
        yield { id, cursor: `0.${id}` }
      }
      if (ids.length < TIME_BATCH) return
      next = ids.at(-1) ?? 0
    }
  }

  *#byKey(query: QueryRow, key: number, cursor: Cursor): Generator<{ id: number; cursor: string }> {
    const index = this.#index()
    for (const segment of index.stretches()) {
      if (segment.id > cursor.segment || !overlaps(segment, query)) continue
      const below = segment.id === cursor.segment ? cursor.below : Number.MAX_SAFE_INTEGER
      for (const id of index.find(segment.id, key, below)) yield { id, cursor: `${segment.id}.${id}` }
    }
  }

  /** The message with all its entries, if it is what was asked for. */
  #match(id: number, query: QueryRow): FoundMessage[] {
    const entries = this.#entries.all(id)
    return entries.length > 0 && matches(entries, query) ? [{ id, entries }] : []
  }
}

/** Whether a message, by its entries, is what was asked for. */
export function matches(entries: readonly Entry[], query: QueryRow): boolean {
  const received = entries.find(([, event]) => event === 'received')
  const at = (received ?? entries[0])?.[0] ?? 0
  if ((query.from !== null && at < query.from) || (query.to !== null && at >= query.to)) return false
  return stands(entries, query) && isAbout(received, query)
}

function isAbout(received: Entry | undefined, query: QueryRow): boolean {
  const asked = KINDS.filter((kind) => query[kind] !== null)
  if (asked.length === 0) return true
  if (received === undefined) return false
  const facts = parseReceived(received[2])
  return asked.every((kind) => has(facts, kind, query[kind] ?? ''))
}

/** Whether a recipient is in the state that was asked for: the one that was asked for, if one was. */
function stands(entries: readonly Entry[], { state, recipient }: QueryRow): boolean {
  if (state === null) return true
  const meant = recipient === null ? null : wanted('recipient', recipient)
  return standings(entries).some(
    (fate) => fate.state === state && (meant === null || wanted('recipient', fate.address) === meant),
  )
}

const has = (facts: Received, kind: Kind, value: string): boolean => valuesOf(facts, kind).includes(wanted(kind, value))

const overlaps = ({ firstId, lastId }: Segment, { from, to }: QueryRow): boolean =>
  (from === null || lastId >= idAt(from - SLACK_MS)) && (to === null || firstId < idAt(to + SLACK_MS))

interface Cursor {
  readonly segment: number
  readonly below: number
}

const START: Cursor = { segment: Number.MAX_SAFE_INTEGER, below: Number.MAX_SAFE_INTEGER }

/** `segment.id`, as given out; anything else starts anew. */
function parseCursor(text: string | null): Cursor {
  const [segment, below] = (text ?? '').split('.').map(Number)
  if (!Number.isSafeInteger(segment) || !Number.isSafeInteger(below)) return START
  return { segment: segment ?? 0, below: below ?? 0 }
}
