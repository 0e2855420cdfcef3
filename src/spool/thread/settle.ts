import type { Connection } from '../../db/database.ts'
import { isHold, toHold } from '../decode.ts'
import { holdText } from '../encode.ts'
import {
  type ChanceRow,
  HELD,
  LEASED,
  PENDING,
  type PutRow,
  type ResultRow,
  type SeenRow,
  type SettleRow,
} from '../wire.ts'
import type { Chances } from './chances.ts'
import { type EntryRecipient, entryData } from './journal.ts'
import type { Putter } from './put.ts'
import type { Removal } from './removal.ts'
import type { SpoolState } from './state.ts'

type Row = readonly [
  n: number,
  address: string,
  destination: number,
  state: number,
  dueAt: number,
  attempts: number,
  noticed: number,
]

interface Standing {
  readonly state: number
  readonly hold: string | null
  readonly hold_until: number | null
}

export interface SettlerParts {
  readonly putter: Putter
  readonly removal: Removal
  readonly chances: Chances
}

/** What recipients get that the outcome releases, and the end that they got. */
interface Released {
  readonly chance: ChanceRow | null
  triedUntil: number
}

interface Context {
  readonly now: number
  readonly released: Released
  /** What it was decided upon was compared. */
  readonly isSeen: boolean
}

const FINAL: ReadonlySet<string> = new Set(['relayed', 'delivered', 'failed', 'discarded'])

/** Writes outcomes: each idempotent, with its notifications and its journal entry, in the caller's transaction. */
export class Settler {
  readonly #state: SpoolState
  readonly #putter: Putter
  readonly #removal: Removal
  readonly #chances: Chances
  readonly #rows
  readonly #retry
  readonly #hold
  readonly #stillHeld
  readonly #notice
  readonly #standing

  constructor(db: Connection, state: SpoolState, { putter, removal, chances }: SettlerParts) {
    this.#state = state
    this.#putter = putter
    this.#removal = removal
    this.#chances = chances
    this.#rows = db
      .prepare<[number], Row>(
        'SELECT n, address, destination, state, due_at, attempts, noticed FROM recipient WHERE message_id = ?',
      )
      .raw()
    const where = 'WHERE message_id = ? AND n = ?'
    this.#retry = db.prepare(
      `UPDATE recipient SET state = 0, due_at = ?, attempts = attempts + ?, last_reply = ifnull(?, last_reply), hold = NULL, hold_until = NULL ${where}`,
    )
    this.#hold = db.prepare(
      `UPDATE recipient SET state = 2, hold = ?, hold_until = ?, held_at = iif(state = 2, held_at, ?),
         last_reply = ifnull(?, last_reply) ${where}`,
    )
    this.#stillHeld = db.prepare(
      `UPDATE recipient SET attempts = attempts + ?, last_reply = ifnull(?, last_reply) ${where}`,
    )
    this.#notice = db.prepare(`UPDATE recipient SET state = ?, noticed = 1 ${where}`)
    this.#standing = db.prepare<[number, number], Standing>(`SELECT state, hold, hold_until FROM recipient ${where}`)
  }

  /** Returns the content files that nothing refers to any more. */
  settle(outcomes: readonly SettleRow[], now: number, blobs: readonly Buffer[]): string[] {
    const files: string[] = []
    let at = 0
    for (const row of outcomes) {
      const stored = this.#outcome(row, now, files)
      for (const each of row[3]) at += this.#notification(each, stored, now, blobs.slice(at), files)
    }
    return files
  }

  #outcome([id, results, facts, , seen]: SettleRow, now: number, files: string[]): boolean {
    if (seen !== undefined && !results.every(([n]) => this.#stands(id, n, seen))) return false
    const rows = this.#rows.all(id)
    const entries: EntryRecipient[] = []
    const released: Released = { chance: seen?.[2] ?? null, triedUntil: 0 }
    const isRelease = results.every(([n, is]) => is === 'pending' && this.#state.holdLeases.until(id, n) > 0)
    let left = rows.length
    for (const result of results) {
      const row = take(rows, result[0])
      const isFinal = FINAL.has(result[1])
      if (row === undefined || !this.#apply(id, row, result, { now, released, isSeen: seen !== undefined })) continue
      entries.push(entry(row, result))
      if (isFinal) left--
      if (isFinal && left > 0) this.#removal.recipient(id, row[0])
    }
    if (entries.length === 0) return false
    if (left === 0) this.#drop(id, files)
    this.#state.journal.append(
      now,
      id,
      isRelease ? 'release' : eventOf(results),
      entryData(entries, withEnd(facts, released)),
    )
    return true
  }

  /** Whether what was seen of a recipient when this was decided is still so. */
  #stands(id: number, n: number, [hold, holdUntil]: SeenRow): boolean {
    const row = this.#standing.get(id, n)
    if (row === undefined || (row.state === HELD) !== (hold !== null)) return false
    return hold === null || (row.hold_until === holdUntil && row.hold !== null && sameHold(row.hold, hold))
  }

  #drop(id: number, files: string[]): void {
    const file = this.#removal.message(id)
    if (file !== null) files.push(file)
  }

  /** A notification belongs to its outcome: where that was ignored, so is it. Returns how many blobs were its. */
  #notification(row: PutRow, stored: boolean, now: number, blobs: readonly Buffer[], files: string[]): number {
    if (stored) return this.#putter.put(row, now, blobs)
    const file = row[8]
    if (file !== null) files.push(file)
    return file === null ? 2 : 1
  }

  /** False if the outcome says nothing new. */
  #apply(id: number, row: Row, result: ResultRow, context: Context): boolean {
    const { leases, holdLeases } = this.#state
    const [n, , , state] = row
    // Held by an operator since its lease lapsed, and not by us: only an end may change that
    const stays = state === HELD && holdLeases.until(id, n) === 0 && !context.isSeen
    leases.delete(id, n)
    holdLeases.delete(id, n)
    const is = result[1]
    if (is === 'noticed') return this.#noticed(id, row, stays)
    if (is === 'pending') this.#pending(id, row, result, stays, context)
    else if (is === 'held') this.#held(id, row, result, context.now)
    else this.#moved(row, null)
    return true
  }

  #pending(
    id: number,
    row: Row,
    [n, , reply, dueAt, attempted]: ResultRow,
    stays: boolean,
    { now, released }: Context,
  ): void {
    const attempts = attempted ? 1 : 0
    if (stays) return void this.#stillHeld.run(attempts, reply, id, n)
    if (row[3] === HELD) released.triedUntil = this.#chances.give(id, n, released.chance, now) ?? 0
    this.#retry.run(dueAt, attempts, reply, id, n)
    this.#moved(row, PENDING, dueAt)
  }

  #held(id: number, row: Row, [n, , reply, , , hold, holdUntil]: ResultRow, now: number): void {
    this.#hold.run(hold, holdUntil, now, reply, id, n)
    this.#moved(row, HELD)
  }

  #noticed(id: number, row: Row, stays: boolean): boolean {
    const [n, , , state, dueAt, , noticed] = row
    const back = state === LEASED ? PENDING : state
    this.#notice.run(back, id, n)
    if (!stays && back !== state) this.#moved(row, back, dueAt)
    return noticed === 0
  }

  #moved([, , destinationId, state]: Row, to: number | null, dueAt?: number): void {
    const { destinations } = this.#state
    const destination = destinations.get(destinationId)
    if (destination === undefined) return
    destinations.move(destination, state, to)
    if (dueAt !== undefined) destinations.due(destination, dueAt)
  }
}

/** By what they say: another version may have written the parts in another order. */
const sameHold = (stored: string, seen: string): boolean =>
  stored === seen || (isHold(stored) && holdText(toHold(stored, 0)) === seen)

const withEnd = (facts: string, { triedUntil }: Released): string =>
  triedUntil === 0 ? facts : JSON.stringify({ ...JSON.parse(facts), triedUntil })

/** Each row once: a second result for the same recipient is ignored. */
function take(rows: Row[], n: number): Row | undefined {
  const at = rows.findIndex((row) => row[0] === n)
  return at < 0 ? undefined : rows.splice(at, 1)[0]
}

function entry([index, address]: Row, [, is, reply]: ResultRow): EntryRecipient {
  const state = is === 'noticed' ? 'pending' : is
  return reply === null ? { index, address, state } : { index, address, state, reply }
}

function eventOf(results: readonly ResultRow[]): 'attempt' | 'notice' | 'hold' | 'discard' {
  const all = (is: string) => results.every((result) => result[1] === is)
  if (all('noticed')) return 'notice'
  if (all('held')) return 'hold'
  return all('discarded') ? 'discard' : 'attempt'
}
