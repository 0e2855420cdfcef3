import type { OnFreed } from '../../mail/content.ts'
import { pages } from './new-file.ts'

const LARGEST = 262_144
const SMALLEST = 16_384
// Of what lay unused since the last look, the eighth part goes: after a burst of large mail most of it within a quarter of a minute
const GOES = 8
// Writers have two each: one fills while the other is written
const SPARE = 2

/**
 * Buffers of all content on its way to files, or out of them: large while few messages move, so that each
 * call is worth its while, smaller when many do, so that together they stay within their budget.
 */
export class ContentBuffers {
  readonly freed: OnFreed
  readonly #budget: number
  readonly #keep: number
  readonly #free: Buffer[] = []
  #used = 0
  /** So many were free all the time since the last `rest`. */
  #unused = 0

  /** `keepBytes`: of the largest, so much waits for its next use; to map and clear new ones costs more than they save. */
  constructor(budgetBytes: number, keepBytes: number, freed: OnFreed = () => {}) {
    this.#budget = budgetBytes
    this.#keep = keepBytes / LARGEST
    this.freed = freed
  }

  take(): Buffer {
    this.#used++
    const size = this.#size()
    if (size !== LARGEST) return Buffer.allocUnsafeSlow(size)
    const free = this.#free.pop()
    this.#unused = Math.min(this.#unused, this.#free.length)
    return free ?? pages(LARGEST)
  }

  give(buffer: Buffer): void {
    this.leave()
    this.recycle(buffer)
  }

  /** One that was taken is somebody else's now, with a budget of theirs. */
  leave(): void {
    this.#used--
  }

  /** One that had left is of no more use to anybody. */
  recycle(buffer: Buffer): void {
    this.freed(buffer)
    if (buffer.length === LARGEST && this.#free.length < this.#keep) this.#free.push(buffer)
  }

  /** Called once a second: lets go of some that nobody needed, so that what a burst took goes back to the system. */
  rest(): void {
    this.#free.length -= Math.ceil(this.#unused / GOES)
    this.#unused = this.#free.length
  }

  /** How many wait for their next use. */
  get spare(): number {
    return this.#free.length
  }

  /** Whether there is room for more of the largest than each writer needs at least. */
  get isAmple(): boolean {
    return this.#used * SPARE * LARGEST <= this.#budget
  }

  /** Whether it may be written past the system's cache. */
  isLargest(buffer: Buffer): boolean {
    return buffer.length === LARGEST
  }

  /** The budget divided among twice as many as there are now, a power of two. */
  #size(): number {
    const share = this.#budget / (this.#used * SPARE)
    let size = LARGEST
    while (size > SMALLEST && size > share) size /= 2
    return size
  }
}
