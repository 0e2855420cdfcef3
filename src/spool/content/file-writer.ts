import { StoreError } from '../../db/client.ts'
import type { OnFreed } from '../../mail/content.ts'
import { contentSum } from '../checksum.ts'
import { SpoolUnavailable } from '../contract.ts'
import type { StoredFile } from '../encode.ts'
import type { ContentBuffers } from './buffers.ts'
import type { ContentFolder, NewFile } from './folder.ts'
import type { Fresh, FreshMemory } from './fresh.ts'

/** What content needs of its spool while it arrives. */
export interface ContentPlace {
  readonly folder: ContentFolder
  readonly buffers: ContentBuffers
  readonly fresh: FreshMemory
  /** For content that is read from files. */
  readonly readBuffers: ContentBuffers
  /** Up to this, content stays in memory. */
  readonly inRowBytes: number
  /** Buffers of that length that content outgrew, for others. */
  readonly outgrown: Buffer[]
  readonly freed: OnFreed
  /** Told of each failed write. */
  readonly onError: (error: unknown) => void
}

interface Stretch {
  readonly buffer: Buffer
  readonly length: number
}

/** Bytes on their way to a content file, in stretches: one fills while the last is written. */
export class FileWriter {
  readonly #place: ContentPlace
  readonly #opened: Promise<NewFile>
  /** What was written, while it may stay in memory too. */
  readonly fresh: Fresh
  #buffer: Buffer
  #filled = 0
  /** Stretches that wait for the one that is being written. */
  readonly #full: Stretch[] = []
  #written = 0
  #sum = 0
  /** Never rejects: a failure is kept in `#error`. */
  #writing: Promise<void> | null = null
  /** Of the stretch at hand; may reject. */
  #putting: Promise<void> = Promise.resolve()
  #error: unknown = null
  #stable: Promise<StoredFile> | null = null

  /** `head` are bytes that came before the file was wanted; they are copied. */
  constructor(place: ContentPlace, head: Buffer) {
    this.#place = place
    this.#buffer = place.buffers.take()
    this.fresh = place.fresh.open()
    this.#opened = place.folder.create()
    this.#opened.catch((error: unknown) => this.#fail(error))
    // Longer than a buffer is when many write at once, so this may start writes. What becomes of them, the next call hears
    const more = this.write(head)
    if (more !== true) more.catch(() => {})
  }

  /** Copies the chunk. A promise where a whole stretch waits for the one that is being written. */
  write(chunk: Buffer): true | Promise<void> {
    this.#check()
    for (let at = 0; at < chunk.length; ) {
      if (this.#filled === this.#buffer.length) this.#next()
      const part = chunk.subarray(at, at + this.#buffer.length - this.#filled)
      this.#buffer.set(part, this.#filled)
      this.#filled += part.length
      at += part.length
    }
    return this.#full.length === 0 ? true : this.#whenWritten()
  }

  /** Writes what is left, then begins to sync. */
  async finish(): Promise<StoredFile> {
    await this.#writing
    if (this.#error === null && this.#filled > 0) await this.#next()
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
    this.fresh.drop()
    this.#giveBack()
    const file = await this.#opened.catch(() => null)
    if (file === null) return
    if (this.#stable === null) await file.handle.close()
    else await this.#stable.catch(() => {})
    await this.#place.folder.remove(file.name)
  }

  async #whenWritten(): Promise<void> {
    while (this.#full.length > 0) await this.#putting.catch(() => {})
    this.#check()
  }

  /** Has what the buffer holds written, after what waits already. */
  #next(): Promise<void> {
    this.#full.push({ buffer: this.#buffer, length: this.#filled })
    this.#buffer = this.#place.buffers.take()
    this.#filled = 0
    this.#writing ??= this.#writeAll()
    return this.#writing
  }

  async #writeAll(): Promise<void> {
    for (let next = this.#full.shift(); next !== undefined; next = this.#full.shift()) {
      const { buffer, length } = next
      this.#putting = this.#error === null ? this.#put(buffer.subarray(0, length)) : Promise.resolve()
      await this.#putting.catch((error: unknown) => this.#fail(error))
      if (!this.fresh.add(buffer, length)) this.#place.buffers.give(buffer)
    }
    this.#writing = null
  }

  async #put(bytes: Buffer): Promise<void> {
    this.#sum = contentSum(bytes, this.#sum)
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
  new SpoolUnavailable(cause instanceof Error ? cause.message : String(cause), { cause, isGone: isGone(cause) })

/** Of the database thread: it died, or was closed. */
const isGone = (cause: unknown): boolean =>
  cause instanceof StoreError && (cause.code === 'GONE' || cause.code === 'CLOSED')
