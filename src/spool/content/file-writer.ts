import { contentSum } from '../checksum.ts'
import { SpoolUnavailable } from '../contract.ts'
import type { StoredFile } from '../encode.ts'
import type { WriteBuffers } from './buffers.ts'
import type { ContentFolder, NewFile } from './folder.ts'

/** What content needs of its spool while it arrives. */
export interface ContentPlace {
  readonly folder: ContentFolder
  readonly buffers: WriteBuffers
  /** Up to this, content stays in memory. */
  readonly inRowBytes: number
  /** Told of each failed write. */
  readonly onError: (error: unknown) => void
}

/** Bytes on their way to a content file, in stretches: one fills while the last is written. */
export class FileWriter {
  readonly #place: ContentPlace
  readonly #opened: Promise<NewFile>
  #buffer: Buffer
  #filled = 0
  #written = 0
  #sum = 0
  /** Never rejects: a failure is kept in `#error`. */
  #writing: Promise<void> | null = null
  #error: unknown = null
  #stable: Promise<StoredFile> | null = null

  /** `head` are bytes that came before the file was wanted; they are copied. */
  constructor(place: ContentPlace, head: Buffer) {
    this.#place = place
    this.#buffer = place.buffers.take()
    this.#opened = place.folder.create()
    this.#opened.catch((error: unknown) => this.#fail(error))
    // At least as long as a buffer is when many write at once, so this may start a first write
    this.write(head)
  }

  write(chunk: Buffer): true | Promise<void> {
    this.#check()
    let rest = chunk
    for (;;) {
      const part = rest.subarray(0, this.#buffer.length - this.#filled)
      this.#buffer.set(part, this.#filled)
      this.#filled += part.length
      rest = rest.subarray(part.length)
      if (rest.length === 0) return true
      if (this.#writing !== null) return this.#whenWritten(rest)
      this.#start()
    }
  }

  /** Writes what is left, then begins to sync. */
  async finish(): Promise<StoredFile> {
    await this.#writing
    if (this.#error === null && this.#filled > 0) await this.#start()
    this.#giveBack()
    this.#check()
    this.#stable = this.#sync()
    this.#stable.catch(() => {})
    return { name: (await this.#opened).name, sum: this.#sum }
  }

  /** Once file and folder are on stable storage. */
  stable(): Promise<StoredFile> {
    return this.#stable ?? Promise.reject(new SpoolUnavailable('the content is not finished'))
  }

  /** Removes the file, however far it has come. */
  async discard(): Promise<void> {
    await this.#writing
    this.#giveBack()
    const file = await this.#opened.catch(() => null)
    if (file === null) return
    if (this.#stable === null) await file.handle.close()
    else await this.#stable.catch(() => {})
    await this.#place.folder.remove(file.name)
  }

  async #whenWritten(rest: Buffer): Promise<void> {
    await this.#writing
    const more = this.write(rest)
    if (more !== true) await more
  }

  #start(): Promise<void> {
    const full = this.#buffer
    const bytes = full.subarray(0, this.#filled)
    this.#sum = contentSum(bytes, this.#sum)
    this.#buffer = this.#place.buffers.take()
    this.#filled = 0
    const run = this.#put(bytes)
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        this.#place.buffers.give(full)
        this.#writing = null
      })
    this.#writing = run
    return run
  }

  async #put(bytes: Buffer): Promise<void> {
    const { handle } = await this.#opened
    for (let at = 0; at < bytes.length; ) {
      const { bytesWritten } = await handle.write(bytes, at, bytes.length - at, this.#written)
      at += bytesWritten
      this.#written += bytesWritten
    }
  }

  async #sync(): Promise<StoredFile> {
    const { name, handle } = await this.#opened
    try {
      await handle.datasync().finally(() => handle.close())
      await this.#place.folder.sync(name)
      return { name, sum: this.#sum }
    } catch (error) {
      this.#fail(error)
      throw unavailable(error)
    }
  }

  #giveBack(): void {
    if (this.#buffer.length > 0) this.#place.buffers.give(this.#buffer)
    this.#buffer = Buffer.alloc(0)
    this.#filled = 0
  }

  #fail(error: unknown): void {
    this.#error ??= error
    this.#place.onError(error)
  }

  #check(): void {
    if (this.#error !== null) throw unavailable(this.#error)
  }
}

export const unavailable = (cause: unknown): SpoolUnavailable =>
  new SpoolUnavailable(cause instanceof Error ? cause.message : String(cause), { cause })
