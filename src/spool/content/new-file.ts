import { close, closeSync, constants, fdatasync, ftruncate, open, unlink, writev } from 'node:fs'
import { promisify } from 'node:util'

// No direct writing asks for more than a page, of memory, place and length
const PAGE = 4096
const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL

const files = {
  open: promisify(open),
  // In the form that gives the bare number
  writev: (fd: number, buffers: Buffer[], at: number) =>
    new Promise<number>((resolve, reject) => {
      writev(fd, buffers, at, (error, written) => (error === null ? resolve(written) : reject(error)))
    }),
  truncate: promisify(ftruncate),
  sync: promisify(fdatasync),
  close: promisify(close),
  unlink: promisify(unlink),
}

/** A buffer of which `length` bytes are content. */
export interface Stretch {
  readonly buffer: Buffer
  readonly length: number
}

/** Whether files of one folder can be written past the system's cache. */
export interface DirectWrites {
  work: boolean
}

/** Memory on a page of its own. Where V8 should place it elsewhere one day, files are written through the cache. */
export const pages = (bytes: number): Buffer => Buffer.from(new ArrayBuffer(bytes, { maxByteLength: bytes }), 0, bytes)

/**
 * A new content file, open for writing. What stays in our memory until it is sent is written past the system's
 * cache (O_DIRECT), where a second copy would be made that nobody reads and that costs half of the writing.
 */
export class NewFile {
  /** Relative to the folder: the day, then a name. */
  readonly name: string
  readonly #path: string
  readonly #writes: DirectWrites
  #fd: number
  #isDirect: boolean
  /** Bytes of content so far. */
  #size = 0
  #isPadded = false

  private constructor(name: string, path: string, writes: DirectWrites, fd: number) {
    this.name = name
    this.#path = path
    this.#writes = writes
    this.#fd = fd
    this.#isDirect = writes.work
  }

  static async create(name: string, path: string, writes: DirectWrites): Promise<NewFile> {
    const how = writes.work ? CREATE | constants.O_DIRECT : CREATE
    try {
      return new NewFile(name, path, writes, await files.open(path, how, 0o600))
    } catch (error) {
      if (!writes.work || !isRefused(error)) throw error
      writes.work = false
    }
    // The name may be there even so
    await files.unlink(path).catch(() => {})
    return new NewFile(name, path, writes, await files.open(path, CREATE, 0o600))
  }

  /**
   * Writes stretches after what was written. `direct` wishes them past the cache; then their buffers must be `pages`,
   * all but the last be full, and what is left of the last may be overwritten.
   */
  async append(stretches: readonly Stretch[], direct: boolean): Promise<void> {
    const length = stretches.reduce((sum, stretch) => sum + stretch.length, 0)
    if (!direct || !(await this.#writeDirect(stretches, length))) {
      await this.#leaveDirect()
      await this.#writeAll(stretches.map(({ buffer, length }) => buffer.subarray(0, length)))
    }
    this.#size += length
  }

  /** Brings the bytes to stable storage, though not yet the name, and closes. */
  async finish(): Promise<void> {
    try {
      if (this.#isPadded) await files.truncate(this.#fd, this.#size)
      await files.sync(this.#fd)
    } finally {
      await this.close()
    }
  }

  close(): Promise<void> {
    return files.close(this.#fd)
  }

  /** Whole pages; false if that cannot be done here, or only in part. */
  async #writeDirect(stretches: readonly Stretch[], length: number): Promise<boolean> {
    if (!this.#isDirect || this.#size % PAGE !== 0) return false
    const padded = stretches.map(withPadding)
    const whole = padded.reduce((sum, { length }) => sum + length, 0)
    this.#isPadded = whole > length
    try {
      if ((await files.writev(this.#fd, padded, this.#size)) !== whole) return false
    } catch (error) {
      if (!isRefused(error)) throw error
      this.#writes.work = false
      return false
    }
    return true
  }

  async #writeAll(buffers: readonly Buffer[]): Promise<void> {
    let left = buffers.filter(({ length }) => length > 0)
    for (let at = this.#size; left.length > 0; ) {
      const written = await files.writev(this.#fd, left, at)
      at += written
      left = after(left, written)
    }
  }

  async #leaveDirect(): Promise<void> {
    if (!this.#isDirect) return
    const fd = await files.open(this.#path, constants.O_WRONLY)
    const direct = this.#fd
    this.#fd = fd
    this.#isDirect = false
    // Nothing that was written to it waits anywhere
    closeSync(direct)
  }
}

/** EINVAL: the file system has no direct writing, or not for this memory. */
const isRefused = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'EINVAL'

/** To the end of the page, in zeros: what was in that memory before is no part of this message. */
function withPadding({ buffer, length }: Stretch): Buffer {
  const whole = Math.ceil(length / PAGE) * PAGE
  return buffer.fill(0, length, whole).subarray(0, whole)
}

function after(buffers: readonly Buffer[], written: number): Buffer[] {
  const left: Buffer[] = []
  let skip = written
  for (const buffer of buffers) {
    if (skip < buffer.length) left.push(buffer.subarray(skip))
    skip = Math.max(0, skip - buffer.length)
  }
  return left
}
