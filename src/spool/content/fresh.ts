/** Memory that all fresh content shares: what was just written to a file, and need not be read back to be scanned or sent. */
export class FreshMemory {
  readonly #perMessage: number
  #left: number

  constructor(bytes: number, perMessage: number) {
    this.#left = bytes
    this.#perMessage = perMessage
  }

  /** Begins to keep the stretches of one message. */
  keep(): KeptStretches {
    return new KeptStretches(this)
  }

  take(bytes: number, ofMessage: number): boolean {
    if (ofMessage > this.#perMessage || bytes > this.#left) return false
    this.#left -= bytes
    return true
  }

  give(bytes: number): void {
    this.#left += bytes
  }
}

/** The stretches of one message in their order; all of them, or none where they did not fit. */
export class KeptStretches {
  readonly #memory: FreshMemory
  #stretches: Buffer[] | null = []
  #bytes = 0

  constructor(memory: FreshMemory) {
    this.#memory = memory
  }

  /** Whether `stretch` is kept; if not, nothing of this message is any more. It must not be written to again. */
  add(stretch: Buffer): boolean {
    if (this.#stretches === null) return false
    // What lies in memory is the whole of the buffer, however much of it is filled
    const bytes = stretch.buffer.byteLength
    if (!this.#memory.take(bytes, this.#bytes + bytes)) {
      this.drop()
      return false
    }
    this.#bytes += bytes
    this.#stretches.push(stretch)
    return true
  }

  /** Null once they were dropped. Whoever reads them may go on after that. */
  get stretches(): readonly Buffer[] | null {
    return this.#stretches
  }

  drop(): void {
    this.#stretches = null
    this.#memory.give(this.#bytes)
    this.#bytes = 0
  }
}
