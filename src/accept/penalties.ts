import type { Clock } from '../clock.ts'

/** Sources that are refused for a while. Remembers so many at the most; then the oldest is let off. */
export class Penalties {
  readonly #until = new Map<string, number>()
  readonly #clock: Clock
  readonly #max: number

  constructor(clock: Clock, max: number) {
    this.#clock = clock
    this.#max = max
  }

  get size(): number {
    return this.#until.size
  }

  give(source: string, ms: number): void {
    this.#until.delete(source)
    if (this.#until.size >= this.#max) this.#letOffOldest()
    this.#until.set(source, this.#clock.now() + ms)
  }

  has(source: string): boolean {
    const until = this.#until.get(source)
    if (until === undefined) return false
    if (until > this.#clock.now()) return true
    this.#until.delete(source)
    return false
  }

  #letOffOldest(): void {
    for (const source of this.#until.keys()) {
      this.#until.delete(source)
      return
    }
  }
}
