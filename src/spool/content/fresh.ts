import type { ContentBuffers } from './buffers.ts'
import type { Stretch } from './new-file.ts'

// Mostly it is sent within milliseconds. What waits for longer is read from its file
const GIVES_WAY_MS = 10_000
// One message may have this part of all
const SHARE = 4

/**
 * Memory of what was just written to content files, so that it need not be read back to be sent. It is
 * the very buffers that were written, and they go back to where they came from. Who finds no room reads the file.
 */
export class FreshMemory {
  readonly #budget: number
  readonly #buffers: ContentBuffers
  readonly #now: () => number
  #used = 0
  /** Those that hold anything, the oldest first. */
  readonly #holding = new Set<Fresh>()

  constructor(budgetBytes: number, buffers: ContentBuffers, now: () => number) {
    this.#budget = budgetBytes
    this.#buffers = buffers
    this.#now = now
  }

  /** For one message that begins to arrive. */
  open(): Fresh {
    return new Fresh(this, this.#now())
  }

  /** Takes a buffer that was written into this memory; false if there is no room for it. */
  take(fresh: Fresh, buffer: Buffer): boolean {
    const own = fresh.bytes + buffer.length
    if (own * SHARE > this.#budget) return false
    if (this.#used + buffer.length > this.#budget) this.rest()
    if (this.#used + buffer.length > this.#budget) return false
    this.#used += buffer.length
    this.#holding.add(fresh)
    this.#buffers.leave()
    return true
  }

  /** Whether so many more bytes would be taken now, without making room. */
  has(fresh: Fresh, bytes: number): boolean {
    return (fresh.bytes + bytes) * SHARE <= this.#budget && this.#used + bytes <= this.#budget
  }

  giveBack(fresh: Fresh, stretches: readonly Stretch[]): void {
    this.#holding.delete(fresh)
    for (const { buffer } of stretches) {
      this.#used -= buffer.length
      this.#buffers.recycle(buffer)
    }
  }

  /** Lets go of what was not sent soon. */
  rest(): void {
    const before = this.#now() - GIVES_WAY_MS
    for (const fresh of this.#holding) {
      if (fresh.since <= before) fresh.drop()
    }
  }
}

/** What was written of one message: all of it, or nothing once something did not fit. */
export class Fresh {
  /** When it began to arrive. */
  readonly since: number
  /** Of memory, however much of it is filled. */
  bytes = 0
  readonly #memory: FreshMemory
  #stretches: Stretch[] | null = []
  #dropped = false
  #readers = 0
  /** How many are still to read it; null while nobody can know. */
  #awaited: number | null = null

  constructor(memory: FreshMemory, since: number) {
    this.#memory = memory
    this.since = since
  }

  /** Whether it can be read here. */
  get isHere(): boolean {
    return !this.#dropped
  }

  /** Whether what will be written next is likely to stay. */
  expects(stretches: readonly Stretch[]): boolean {
    const bytes = stretches.reduce((sum, { buffer }) => sum + buffer.length, 0)
    return !this.#dropped && this.#memory.has(this, bytes)
  }

  /** Takes over a buffer of which `length` bytes were written; false leaves it to the caller. */
  add(buffer: Buffer, length: number): boolean {
    if (this.#stretches === null || this.#dropped) return false
    if (!this.#memory.take(this, buffer)) {
      this.drop()
      return false
    }
    this.bytes += buffer.length
    this.#stretches.push({ buffer, length })
    return true
  }

  /** From now on, `readers` will read it, once each. */
  awaits(readers: number): void {
    this.#awaited = readers
    if (readers === 0) this.drop()
  }

  /** What was written, in order. A chunk is lent: it holds until the next one is asked for, or the reading ends. */
  async *read(): AsyncGenerator<Buffer> {
    const stretches = this.#stretches ?? []
    this.#readers++
    try {
      for (const { buffer, length } of stretches) yield buffer.subarray(0, length)
    } finally {
      this.#readers--
      this.#wasRead()
    }
  }

  /** Lets go of the memory, as soon as nobody reads it. */
  drop(): void {
    this.#dropped = true
    if (this.#readers > 0 || this.#stretches === null) return
    const stretches = this.#stretches
    this.#stretches = null
    this.bytes = 0
    this.#memory.giveBack(this, stretches)
  }

  #wasRead(): void {
    if (this.#awaited !== null) this.#awaited--
    if (this.#dropped || (this.#awaited !== null && this.#awaited <= 0)) this.drop()
  }
}
