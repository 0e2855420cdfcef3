import { closeSync, existsSync, fsyncSync, openSync, unlinkSync, writeSync } from 'node:fs'

const PIECE = 1024 * 1024

/**
 * Disk space kept aside, given up when the disk is full, so that outcomes of what is already
 * queued can still be written, and the queue can shrink.
 */
export class Ballast {
  readonly #path: string
  readonly #bytes: number
  #held: boolean

  constructor(path: string, bytes: number) {
    this.#path = path
    this.#bytes = bytes
    this.#held = existsSync(path)
  }

  /** Does what a start cannot do without, with the ballast's space if there is no other. */
  insist<T>(work: () => T): T {
    try {
      return work()
    } catch (error) {
      if (!this.#held || !isAboutSpace(error)) throw error
      this.release()
      return work()
    }
  }

  release(): void {
    if (!this.#held) return
    this.#held = false
    this.#remove()
  }

  /** Takes the space again. False where there is none yet. */
  restore(): boolean {
    if (!this.#held && this.#bytes > 0) this.#held = this.#take()
    return this.#held || this.#bytes === 0
  }

  #take(): boolean {
    let file: number | null = null
    try {
      file = openSync(this.#path, 'w', 0o600)
      const piece = Buffer.alloc(Math.min(PIECE, this.#bytes))
      for (let left = this.#bytes; left > 0; left -= piece.length) writeAll(file, piece.subarray(0, left))
      fsyncSync(file)
      return true
    } catch {
      // No name, no room or no right to write: whatever it is, it ends some day
      this.#remove()
      return false
    } finally {
      if (file !== null) closeSync(file)
    }
  }

  /** A disk that cannot even do that must not take the thread with it. */
  #remove(): void {
    try {
      unlinkSync(this.#path)
    } catch {
      // Its space stays taken until the next try
    }
  }
}

/** SQLite tells a full disk as an I/O error where it concerns its shared memory. */
function isAboutSpace(error: unknown): boolean {
  const { code } = error as { code?: unknown }
  return typeof code === 'string' && (code === 'SQLITE_FULL' || code.startsWith('SQLITE_IOERR') || code === 'ENOSPC')
}

/** The last write before a disk is full may be a short one. */
function writeAll(file: number, bytes: Buffer): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at)
}
