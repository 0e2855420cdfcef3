/**
 * The deadlines of leases, in memory only: after a crash every leased row is pending again anyway.
 * Changes count at once and can be taken back until the commit.
 */
export class LeaseTimes {
  // Per message a flat list: recipient, deadline, recipient, deadline …
  readonly #leases = new Map<number, number[]>()
  // What to restore on rollback: message, recipient, former deadline or 0
  #undo: number[] = []
  #earliest = Number.POSITIVE_INFINITY

  /** The deadline of a lease, 0 if there is none. */
  until(id: number, n: number): number {
    const list = this.#leases.get(id)
    if (list === undefined) return 0
    const at = indexOf(list, n)
    return at < 0 ? 0 : (list[at + 1] ?? 0)
  }

  set(id: number, n: number, until: number): void {
    this.#undo.push(id, n, this.until(id, n))
    this.#put(id, n, until)
  }

  /** All of them end so much earlier. */
  earlier(byMs: number): void {
    for (const [id, list] of this.#leases) {
      for (let i = 0; i < list.length; i += 2) this.set(id, list[i] ?? 0, Math.max(1, (list[i + 1] ?? 0) - byMs))
    }
  }

  delete(id: number, n: number): void {
    const until = this.until(id, n)
    if (until === 0) return
    this.#undo.push(id, n, until)
    this.#remove(id, n)
  }

  /** Whether it is worth asking `lapsed`. */
  isDue(now: number): boolean {
    return now >= this.#earliest
  }

  /** Leases whose deadline has passed, as [message, recipient]. */
  lapsed(now: number): [number, number][] {
    const found: [number, number][] = []
    let earliest = Number.POSITIVE_INFINITY
    for (const [id, list] of this.#leases) {
      for (let i = 0; i < list.length; i += 2) {
        const until = list[i + 1] ?? 0
        if (until <= now) found.push([id, list[i] ?? 0])
        else if (until < earliest) earliest = until
      }
    }
    this.#earliest = earliest
    return found
  }

  /** Leases that should have lapsed before, at most so many, as [message, recipient, deadline]. */
  overdue(before: number, most: number): [number, number, number][] {
    const found: [number, number, number][] = []
    if (before <= this.#earliest) return found
    for (const [id, list] of this.#leases) {
      for (let i = 0; i < list.length && found.length < most; i += 2) {
        const until = list[i + 1] ?? 0
        if (until < before) found.push([id, list[i] ?? 0, until])
      }
      if (found.length >= most) break
    }
    return found
  }

  committed(): void {
    if (this.#undo.length > 0) this.#undo = []
  }

  rolledBack(): void {
    if (this.#undo.length === 0) return
    this.#earliest = 0
    for (let i = this.#undo.length - 3; i >= 0; i -= 3) {
      const [id = 0, n = 0, until = 0] = this.#undo.slice(i, i + 3)
      if (until === 0) this.#remove(id, n)
      else this.#put(id, n, until)
    }
    this.#undo = []
  }

  #put(id: number, n: number, until: number): void {
    if (until < this.#earliest) this.#earliest = until
    const list = this.#leases.get(id)
    if (list === undefined) return void this.#leases.set(id, [n, until])
    const at = indexOf(list, n)
    if (at < 0) list.push(n, until)
    else list[at + 1] = until
  }

  #remove(id: number, n: number): void {
    const list = this.#leases.get(id)
    if (list === undefined) return
    const at = indexOf(list, n)
    if (at >= 0) list.splice(at, 2)
    if (list.length === 0) this.#leases.delete(id)
  }
}

function indexOf(list: readonly number[], n: number): number {
  for (let i = 0; i < list.length; i += 2) if (list[i] === n) return i
  return -1
}
