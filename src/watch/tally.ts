const HOUR_MS = 3_600_000
const STEPS = 10
const USUAL_HOURS = 24

/** How often one thing happened: lately in fine steps, and in each of the hours before. Times in milliseconds. */
export class Tally {
  readonly #withinMs: number
  readonly #steps = new Map<number, number>()
  readonly #hours = new Map<number, number>()

  constructor(withinMs: number) {
    this.#withinMs = withinMs
  }

  /** `isUsual`: whether it counts among what usually happens. */
  add(now: number, count: number, isUsual: boolean): void {
    const step = this.#stepAt(now)
    this.#steps.set(step, (this.#steps.get(step) ?? 0) + count)
    if (!isUsual) return
    const hour = Math.floor(now / HOUR_MS)
    this.#hours.set(hour, (this.#hours.get(hour) ?? 0) + count)
  }

  /** Within the time that counts as lately. Forgets what is older. */
  lately(now: number): number {
    const from = this.#stepAt(now) - STEPS
    let count = 0
    for (const [step, n] of this.#steps) {
      if (step > from) count += n
      else this.#steps.delete(step)
    }
    return count
  }

  /** In an hour, over the whole hours before lately, back to `since` or a day ago; 0 where none has passed. */
  usually(now: number, since: number): number {
    const end = Math.floor((now - this.#withinMs) / HOUR_MS)
    const begin = Math.max(end - USUAL_HOURS, Math.ceil(since / HOUR_MS))
    let count = 0
    for (const [hour, n] of this.#hours) {
      if (hour < end - USUAL_HOURS) this.#hours.delete(hour)
      else if (hour >= begin && hour < end) count += n
    }
    return end > begin ? count / (end - begin) : 0
  }

  /** Nothing is left of it. */
  get isEmpty(): boolean {
    return this.#steps.size === 0 && this.#hours.size === 0
  }

  #stepAt(now: number): number {
    return Math.floor((now / this.#withinMs) * STEPS)
  }
}
