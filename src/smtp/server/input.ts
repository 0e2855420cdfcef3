const NOTHING = Buffer.alloc(0)

/** What has come from the client and is not read yet: at most one chunk, and the beginning of a line. */
export class Input {
  bytes: Buffer = NOTHING
  /** Index of the next byte to read. */
  at = 0
  /** Length of the chunk that came last. */
  chunkLength = 0
  #done: (() => void) | null = null

  get isEmpty(): boolean {
    return this.at >= this.bytes.length
  }

  /** Takes a chunk; `done` is for when more may come. */
  push(chunk: Buffer, done: () => void): void {
    this.chunkLength = chunk.length
    this.bytes = this.bytes.length === 0 ? chunk : Buffer.concat([this.bytes, chunk])
    this.#done = done
  }

  /** Makes what is left of a chunk that was lent our own. */
  keep(): void {
    if (this.#done === null) return
    this.bytes = this.isEmpty ? NOTHING : Buffer.from(this.bytes.subarray(this.at))
    this.at = 0
  }

  /** Lets go of the chunk. A copy of an unfinished line is kept: the chunk itself may be a thousand times as large. */
  release(): (() => void) | null {
    this.bytes = this.isEmpty ? NOTHING : Buffer.from(this.bytes.subarray(this.at))
    this.at = 0
    const done = this.#done
    this.#done = null
    return done
  }

  /** Forgets what has not been read. */
  discard(): void {
    this.at = this.bytes.length
  }
}
