import type { MemoryRoom } from './ports.ts'

/** What all messages that are just arriving hold in memory, together: their headers, and content until it goes to a file. */
export class ArrivalMemory {
  readonly #process: MemoryRoom | null
  #used = 0

  /** `process`: what everything else holds counts as well. */
  constructor(process: MemoryRoom | null = null) {
    this.#process = process
  }

  get usedBytes(): number {
    return this.#used
  }

  /** Whether there is room for any more. */
  hasRoom(limitBytes: number): boolean {
    return this.#used < limitBytes
  }

  /** Whether the process has memory for another message. */
  admits(): boolean {
    return this.#process?.admits(KEPT_BYTES) ?? true
  }

  /** For one message, until it is let go. */
  open(limits: { readonly memoryBytes: number; readonly headerBytes: number }): HeldMemory {
    let held = 0
    const most = limits.headerBytes + KEPT_BYTES
    return {
      grow: (bytes) => {
        const more = Math.min(bytes, most - held)
        if (more === 0) return true
        if (this.#process?.isSpent) return false
        // One message must always fit
        if (this.#used > held && this.#used + more > limits.memoryBytes) return false
        held += more
        this.#used += more
        return true
      },
      free: () => {
        this.#used -= held
        held = 0
      },
    }
  }
}

/** What one message holds. */
export interface HeldMemory {
  /** So many more bytes have come; false if there is no room for them. */
  grow(bytes: number): boolean
  /** All of it is let go; harmless if it is already. */
  free(): void
}

/** Content beyond this lies in a file, or in buffers that have a budget of their own. */
const KEPT_BYTES = 65_536
