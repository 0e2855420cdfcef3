import type { Connection } from '../../db/database.ts'

/** What one walk over all recipients tells. A start with a million of them must not walk for every question. */
export interface Tally {
  readonly pending: Sums
  readonly held: Sums
  /** Of the pending those that were released. */
  readonly released: Sums
  readonly leased: number
  /** In a state that is none. */
  readonly unknown: number
  /** For a destination that is not there. */
  readonly nowhere: number
  /** Pending or leased, and due later than was asked. */
  readonly far: number
}

/** Rows, and sums over their columns: what a table and its index must have in common. */
type Sums = readonly [rows: number, keys: number, destinations: number, times: number]

// Remainders: no sum of times, whatever was altered in them, goes beyond an integer
const KEY = '(message_id % 1000003 + n)'

const where = (is: string, what: string): string => `ifnull(sum((${is}) * (${what})), 0)`
const sumsOf = (is: string, time: string): string =>
  [`ifnull(sum(${is}), 0)`, where(is, KEY), where(is, 'destination'), where(is, `ifnull(${time}, 0) % 1000003`)].join()

const RELEASED = 'state = 0 AND tried_until IS NOT NULL'

/** `furthest`: milliseconds since 1970. */
export function tally(db: Connection, furthest: number): Tally {
  const row = db
    .prepare<[number], number[]>(
      `SELECT ${sumsOf('state = 0', 'due_at')}, ${sumsOf('state = 2', 'hold_until')}, ${sumsOf(RELEASED, 'tried_until')},
         ifnull(sum(state = 1), 0), ifnull(sum(state NOT IN (0, 1, 2)), 0),
         ifnull(sum(destination NOT IN (SELECT id FROM destination)), 0), ifnull(sum(state < 2 AND due_at > ?), 0)
       FROM recipient NOT INDEXED`,
    )
    .raw()
    .get(furthest) as unknown as number[]
  const [leased = 0, unknown = 0, nowhere = 0, far = 0] = row.slice(12)
  return { pending: sumsIn(row, 0), held: sumsIn(row, 4), released: sumsIn(row, 8), leased, unknown, nowhere, far }
}

const sumsIn = (row: readonly number[], at: number): Sums => row.slice(at, at + 4) as unknown as Sums

/** Whether the indexes say what the table says: what is missing there would never be sent, or never given up. */
export function indexesAgree(db: Connection, { pending, held, released }: Tally): boolean {
  const due = inIndex(db, 'recipient_due', 'state = 0', 'destination', 'due_at')
  // These have no destinations
  const holds = inIndex(db, 'recipient_hold', 'state = 2', '0', 'hold_until')
  const ends = inIndex(db, 'recipient_released', RELEASED, '0', 'tried_until')
  return isSame(due, pending) && isSame(holds, placeless(held)) && isSame(ends, placeless(released))
}

const placeless = ([rows, keys, , times]: Sums): Sums => [rows, keys, 0, times]

const isSame = (a: Sums, b: Sums): boolean => a.every((sum, i) => sum === b[i])

const inIndex = (db: Connection, index: string, is: string, destination: string, time: string): Sums =>
  db
    .prepare(
      `SELECT count(*), ifnull(sum(${KEY}), 0), ifnull(sum(${destination}), 0), ifnull(sum(ifnull(${time}, 0) % 1000003), 0)
       FROM recipient INDEXED BY ${index} WHERE ${is}`,
    )
    .raw()
    .get() as unknown as Sums
