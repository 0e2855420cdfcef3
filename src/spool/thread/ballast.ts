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

  release(): void {
    if (!this.#held) return
    this.#held = false
    unlinkSync(this.#path)
  }

  /** Takes the space again. Where there is none yet, tries again at the next call. */
  restore(): void {
    if (this.#held || this.#bytes === 0) return
    const file = openSync(this.#path, 'w', 0o600)
    try {
      const piece = Buffer.alloc(Math.min(PIECE, this.#bytes))
      for (let left = this.#bytes; left > 0; left -= piece.length)
        writeSync(file, piece, 0, Math.min(piece.length, left))
      fsyncSync(file)
      this.#held = true
    } catch {
      unlinkSync(this.#path)
    } finally {
      closeSync(file)
    }
  }
}
