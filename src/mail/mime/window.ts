/** The bytes that are being looked at: those of the last chunk, and what is still needed of those before. */
export class Window {
  /** What there is to see; `bytes[0]` stands at `base`. */
  bytes: Buffer = Buffer.alloc(0)
  /** Where in the message it starts. */
  base = 0
  #store: Buffer | null = null
  #end = 0

  /** Adds bytes, and forgets those before `keepFrom` (an index into `bytes`). */
  add(chunk: Buffer, keepFrom: number): void {
    const kept = this.bytes.subarray(keepFrom)
    this.base += keepFrom
    if (kept.length === 0) {
      this.#store = null
      this.bytes = chunk
      return
    }
    const store = this.#roomFor(kept, chunk.length)
    chunk.copy(store, this.#end)
    this.#end += chunk.length
    this.bytes = store.subarray(this.#end - chunk.length - kept.length, this.#end)
  }

  /** Room that doubles, so that content which comes in tiny pieces is not copied once for each. */
  #roomFor(kept: Buffer, more: number): Buffer {
    const store = this.#store
    if (store !== null && this.#end + more <= store.length) return store
    const grown = Buffer.allocUnsafe((kept.length + more) * 2)
    kept.copy(grown)
    this.#store = grown
    this.#end = kept.length
    return grown
  }
}
