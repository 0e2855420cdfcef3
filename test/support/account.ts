import assert from 'node:assert/strict'
import { loadId } from './load.ts'
import type { Received } from './sink.ts'

/** Counts how often each message of a load arrived. */
export class Arrivals {
  readonly counts = new Map<string, number>()
  /** Messages without an id: notifications, for example. */
  readonly others: Received[] = []

  readonly take = (message: Received): void => {
    const id = loadId(message.content)
    if (id === null) this.others.push(message)
    else this.counts.set(id, (this.counts.get(id) ?? 0) + 1)
  }

  /** Ids that were acknowledged and did not arrive. */
  missing(acknowledged: ReadonlySet<string>): string[] {
    return [...acknowledged].filter((id) => !this.counts.has(id))
  }

  get duplicates(): number {
    let all = 0
    for (const count of this.counts.values()) all += count - 1
    return all
  }
}

/** Holds the promise: what was acknowledged arrived, and at most `share` of it more than once. */
export function assertNothingLost(arrivals: Arrivals, acknowledged: ReadonlySet<string>, share: number): void {
  const lost = arrivals.missing(acknowledged)
  assert.deepEqual(lost.slice(0, 10), [], `${lost.length} of ${acknowledged.size} acknowledged messages are lost`)
  const { duplicates } = arrivals
  const limit = acknowledged.size * share
  assert.ok(
    duplicates <= limit,
    `${duplicates} duplicates of ${acknowledged.size} messages; at most ${limit} are allowed`,
  )
}
