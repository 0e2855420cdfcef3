import type { Connection } from '../../db/database.ts'
import { keysOf, parseReceived } from '../thread/keys.ts'
import type { Problems } from './report.ts'
import { nameOf } from './walk.ts'

interface SegmentRow {
  readonly id: number
  readonly firstId: number
  readonly lastId: number
  readonly lastEntry: number
}

interface Lost {
  readonly queueId: number
  readonly entry: number
}

/**
 * Whether a trace finds what is there. The chain holds the entries; what they are found by, the index of
 * queue ids and the search keys, lies beside it, and who takes something out there hides a message.
 */
export class Findable {
  readonly #problems: Problems
  readonly #db: Connection
  readonly #sql

  constructor(db: Connection, problems: Problems) {
    this.#db = db
    this.#problems = problems
    this.#sql = {
      indexed: db
        .prepare<[number, number], number>(
          'SELECT 1 FROM entry INDEXED BY entry_queue_id WHERE queue_id = ? AND id = ?',
        )
        .pluck(),
      counts: db
        .prepare<[], [number, number]>(
          `SELECT (SELECT count(queue_id) FROM entry INDEXED BY entry_queue_id),
                  ifnull((SELECT max(id) FROM entry) - (SELECT min(id) FROM entry) + 1, 0)`,
        )
        .raw(),
      there: db.prepare<[number], number>('SELECT 1 FROM entry WHERE id = ?').pluck(),
      segment: db.prepare<[number], SegmentRow>(
        `SELECT id, first_id AS firstId, last_id AS lastId, last_entry AS lastEntry FROM segment
         WHERE id > ? ORDER BY id LIMIT 1`,
      ),
      received: db
        .prepare<[number, number], [number, number, string]>(
          "SELECT id, queue_id, data FROM entry WHERE id > ? AND id <= ? AND event = 'received' ORDER BY id",
        )
        .raw(),
      key: db
        .prepare<[number, number, number], number>(
          'SELECT 1 FROM lookup WHERE segment = ? AND key = ? AND queue_id = ?',
        )
        .pluck(),
    }
  }

  /** Of an entry that was just read. */
  entry(id: number, queueId: number): void {
    if (this.#sql.indexed.get(queueId, id) === 1) return
    // Retention may have taken it meanwhile
    if (this.#sql.there.get(id) === undefined) return
    const text = `entry ${id} is not in the index of queue ids: a trace does not show it`
    this.#problems.add({ what: 'index', entry: id, queueId: null, at: null, text })
  }

  /** Search keys of all messages, and entries that the index has too many. `head`: the newest entry. */
  all(head: number): void {
    const [indexed, there] = this.#sql.counts.get() ?? [0, 0]
    if (indexed > there) this.#problems.say('index', null, 'the index of queue ids names entries that are not there')
    let before: SegmentRow | undefined
    for (;;) {
      const after = before
      const segment = this.#db.transaction(() => this.#segment(after))()
      if (segment === undefined) break
      before = segment
    }
    if (before !== undefined && before.lastEntry > head) {
      const text = `search keys are said to reach to entry ${before.lastEntry}, though the ledger ends with ${head}: newer messages are not found`
      this.#problems.say('index', null, text)
    }
  }

  #segment(before: SegmentRow | undefined): SegmentRow | undefined {
    const segment = this.#sql.segment.get(before?.id ?? 0)
    if (segment === undefined) return undefined
    const lost: Lost[] = []
    for (const [entry, queueId, data] of this.#sql.received.iterate(before?.lastEntry ?? 0, segment.lastEntry)) {
      if (!this.#isFound(segment, queueId, data)) lost.push({ queueId, entry })
    }
    this.#tell(lost)
    return segment
  }

  #isFound({ id, firstId, lastId }: SegmentRow, queueId: number, data: string): boolean {
    if (queueId < firstId || queueId > lastId) return false
    return keysOf(parseReceived(data)).every((key) => this.#sql.key.get(id, key, queueId) === 1)
  }

  #tell([first, ...more]: readonly Lost[]): void {
    if (first === undefined) return
    const queueId = nameOf(first.queueId)
    const rest = more.length === 0 ? '' : `, and ${more.length} more beside it`
    const text = `${queueId ?? 'a message'} lacks search keys, so that a trace by address, client or Message-ID does not find it${rest}`
    this.#problems.add({ what: 'index', entry: first.entry, queueId, at: null, text })
  }
}
