import type { Connection } from '../../db/database.ts'
import { idAt } from '../../mail/queue-id.ts'
import type { FilterRow } from '../wire.ts'

// Ids may run ahead of the clock a little, and lag behind receipt by the length of a transaction
const SLACK_MS = 3_600_000

interface Condition {
  readonly sql: string
  readonly values: readonly (string | number)[]
}

/**
 * Walks the queue in the order of ids, a window of recipients at a time: no filter needs an index
 * of its own, and no step takes long.
 */
export class Scan<Row> {
  readonly #db: Connection
  readonly #columns: string
  readonly #join: string
  readonly #end

  /** `columns` of `r` (recipient), `m` (message) and what `join` adds. */
  constructor(db: Connection, columns: string, join = '') {
    this.#db = db
    this.#columns = columns
    this.#join = join
    this.#end = db
      .prepare<[number, number, number], number | null>(
        `SELECT max(message_id) FROM
          (SELECT message_id FROM recipient WHERE message_id > ? AND message_id < ? ORDER BY message_id LIMIT ?)`,
      )
      .pluck()
  }

  /** The matching recipients among the next `size` after message `after`. `next` is null when there are no more to look at. */
  window(filter: FilterRow, after: number, size: number): { rows: readonly Row[]; next: number | null } {
    if (filter.ids !== null) return this.#named(filter, after, size)
    const from = Math.max(after, filter.after === null ? 0 : idAt(filter.after - SLACK_MS))
    const to = filter.before === null ? Number.MAX_SAFE_INTEGER : idAt(filter.before + SLACK_MS)
    const end = this.#end.get(from, to, size) ?? null
    if (end === null) return { rows: [], next: null }
    return { rows: this.#rows(filter, 'r.message_id > ? AND r.message_id <= ?', [from, end]), next: end }
  }

  #named(filter: FilterRow, after: number, size: number): { rows: readonly Row[]; next: number | null } {
    const ids = (filter.ids ?? []).filter((id) => id > after).sort((a, b) => a - b)
    const some = ids.slice(0, size)
    const rows = some.flatMap((id) => this.#rows(filter, 'r.message_id = ?', [id]))
    return { rows, next: ids.length > some.length ? (some.at(-1) ?? null) : null }
  }

  #rows(filter: FilterRow, range: string, values: readonly number[]): Row[] {
    const where = conditions(filter)
    const sql = `SELECT ${this.#columns} FROM recipient r CROSS JOIN message m ON m.id = r.message_id ${this.#join}
      WHERE ${[range, ...where.map((each) => each.sql)].join(' AND ')} ORDER BY r.message_id, r.n`
    return this.#db.prepare(sql).all(...values, ...where.flatMap((each) => each.values)) as Row[]
  }
}

function conditions(filter: FilterRow): Condition[] {
  const { state, domain, destination, client, sender, recipient, before, after } = filter
  const list: Condition[] = []
  const add = (sql: string, ...values: (string | number)[]) => list.push({ sql, values })
  if (state !== null) add('r.state = ?', state)
  if (domain !== null) add('substr(r.address, -length(?)) = ?', `@${domain}`, `@${domain}`)
  if (destination !== null) add('r.destination = (SELECT id FROM destination WHERE name = ?)', destination)
  if (recipient !== null) add('lower(r.address) = lower(?)', recipient)
  if (client !== null) add('m.client = ?', client)
  if (sender === '<>') add('m.mail_from IS NULL')
  else if (sender !== null) add('lower(m.mail_from) = lower(?)', sender)
  if (before !== null) add('m.received_at < ?', before)
  if (after !== null) add('m.received_at > ?', after)
  return list
}
