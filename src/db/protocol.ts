/**
 * What travels between a room's main side and its database thread. Calls and results are flat
 * lists, since a structured clone of many small objects costs more than the statements that they
 * cause; bytes go in one buffer per message, which is moved, not copied.
 */
export interface CallBatch {
  /** The caller's clock, milliseconds since 1970: the thread has no clock of its own. */
  readonly now: number
  /** For each call: operation, arguments, then the list of blob lengths or null. */
  readonly calls: unknown[]
  readonly arena: ArrayBuffer | null
}

export interface ReplyBatch {
  /** For each call, in the order of the calls: true, value, blob lengths or null; or false, error, null. */
  readonly results: unknown[]
  readonly arena: ArrayBuffer | null
  readonly stats: BatchStats
}

export interface BatchStats {
  readonly calls: number
  /** Milliseconds spent in the handlers, and in the commit with its sync. */
  readonly runMs: number
  readonly commitMs: number
}

/** What a thread says once, when it has opened its store or failed to. */
export type Greeting =
  | { readonly ready: unknown }
  | { readonly failed: { readonly name: string; readonly message: string } }

/** Anything that is no call: ports handed over, the end. */
export interface Control {
  readonly control: unknown
}

export interface WireError {
  readonly message: string
  /** SQLite's (`SQLITE_FULL`), the file system's (`ENOSPC`), or `ERROR`. */
  readonly code: string
}

/** Collects the blobs of one message into one buffer. */
export class Arena {
  readonly #blobs: Uint8Array[] = []
  #size = 0

  /** The lengths, to go beside the call; null if there are none. */
  add(blobs: readonly Uint8Array[]): number[] | null {
    if (blobs.length === 0) return null
    for (const blob of blobs) {
      this.#blobs.push(blob)
      this.#size += blob.length
    }
    return blobs.map((blob) => blob.length)
  }

  pack(): ArrayBuffer | null {
    if (this.#size === 0) return null
    const all = Buffer.allocUnsafeSlow(this.#size)
    let at = 0
    for (const blob of this.#blobs) {
      all.set(blob, at)
      at += blob.length
    }
    return all.buffer as ArrayBuffer
  }
}

/** Cuts an arena up again, in order. The pieces are views. */
export function arenaReader(arena: ArrayBuffer | null): (lengths: readonly number[] | null) => readonly Buffer[] {
  const all = arena === null ? EMPTY : Buffer.from(arena)
  let at = 0
  return (lengths) => {
    if (lengths === null) return NONE
    return lengths.map((length) => {
      at += length
      return all.subarray(at - length, at)
    })
  }
}

const EMPTY = Buffer.alloc(0)
const NONE: readonly Buffer[] = []
