/** A binary heap of things by the time they are wanted at, earliest first. */
export class TimeHeap<T> {
  readonly #entries: { readonly at: number; readonly item: T }[] = []

  get size(): number {
    return this.#entries.length
  }

  peek(): { readonly at: number; readonly item: T } | undefined {
    return this.#entries[0]
  }

  push(at: number, item: T): void {
    const entries = this.#entries
    const entry = { at, item }
    let i = entries.push(entry) - 1
    while (i > 0) {
      const parent = (i - 1) >> 1
      const above = entries[parent]
      if (above === undefined || above.at <= at) break
      entries[i] = above
      i = parent
    }
    entries[i] = entry
  }

  pop(): { readonly at: number; readonly item: T } | undefined {
    const top = this.#entries[0]
    const last = this.#entries.pop()
    if (last !== undefined && this.#entries.length > 0) this.#sink(last)
    return top
  }

  #sink(entry: { readonly at: number; readonly item: T }): void {
    const entries = this.#entries
    let i = 0
    for (;;) {
      const child = this.#earlierChild(i)
      const below = entries[child]
      if (below === undefined || below.at >= entry.at) break
      entries[i] = below
      i = child
    }
    entries[i] = entry
  }

  #earlierChild(i: number): number {
    const left = 2 * i + 1
    const a = this.#entries[left]
    const b = this.#entries[left + 1]
    return a !== undefined && b !== undefined && b.at < a.at ? left + 1 : left
  }
}
