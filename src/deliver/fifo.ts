/** A queue whose ends both cost nothing, however long it is. */
export class Fifo<T> {
  #items: (T | undefined)[] = []
  #head = 0

  get size(): number {
    return this.#items.length - this.#head
  }

  get first(): T | undefined {
    return this.#items[this.#head]
  }

  push(item: T): void {
    this.#items.push(item)
  }

  shift(): T | undefined {
    if (this.size === 0) return undefined
    const item = this.#items[this.#head]
    this.#items[this.#head++] = undefined
    if (this.#head === this.#items.length) this.#reset([])
    // Half of it is used up: moving the rest costs one step an item
    else if (this.#head > 256 && this.#head * 2 > this.#items.length) this.#reset(this.#items.slice(this.#head))
    return item
  }

  /** Puts an item in front. */
  unshift(item: T): void {
    if (this.#head > 0) this.#items[--this.#head] = item
    else this.#items.unshift(item)
  }

  /** Takes out everything, in order. */
  drain(): T[] {
    const all = this.#items.slice(this.#head) as T[]
    this.#reset([])
    return all
  }

  /** Takes one item out, wherever it is. */
  remove(item: T): void {
    const at = this.#items.indexOf(item, this.#head)
    if (at >= 0) this.#items.splice(at, 1)
  }

  *[Symbol.iterator](): Iterator<T> {
    for (let i = this.#head; i < this.#items.length; i++) yield this.#items[i] as T
  }

  #reset(items: (T | undefined)[]): void {
    this.#items = items
    this.#head = 0
  }
}
