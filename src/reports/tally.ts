/** Rows with how often each was seen since the last `take`. */
export interface Counted<Row> {
  readonly row: Row
  readonly count: number
}

/** What found no room, by day. */
export type Overflow = ReadonlyMap<number, number>

/** Counts equal rows in memory; so many different ones at the most, and what is over as one number. */
export class Tally<Row> {
  #rows = new Map<string, { row: Row; count: number }>()
  #overflow = new Map<number, number>()

  get isEmpty(): boolean {
    return this.#rows.size === 0 && this.#overflow.size === 0
  }

  get size(): number {
    return this.#rows.size
  }

  /** `make` is called where the key is new. `day` is that of the row. */
  add(key: string, day: number, limit: number, make: () => Row, count = 1): void {
    const known = this.#rows.get(key)
    if (known !== undefined) known.count += count
    else if (this.#rows.size < limit) this.#rows.set(key, { row: make(), count })
    else this.#overflow.set(day, (this.#overflow.get(day) ?? 0) + count)
  }

  /** All that was counted; begins anew. `restore` takes it back, for when it could not be written. */
  take(): { readonly rows: readonly Counted<Row>[]; readonly overflow: Overflow; restore(limit: number): void } {
    const [rows, overflow] = [this.#rows, this.#overflow]
    this.#rows = new Map()
    this.#overflow = new Map()
    return {
      rows: [...rows.values()],
      overflow,
      restore: (limit) => {
        for (const [key, { row, count }] of rows) this.add(key, dayIn(row), limit, () => row, count)
        for (const [day, count] of overflow) this.#overflow.set(day, (this.#overflow.get(day) ?? 0) + count)
      },
    }
  }
}

const dayIn = (row: unknown): number => (row as { day?: number }).day ?? 0
