import { StoreError } from '../../db/client.ts'
import type { OnFreed } from '../../mail/content.ts'
import { contentSum } from '../checksum.ts'
import { SpoolUnavailable } from '../contract.ts'
import type { StoredFile } from '../encode.ts'
import type { ContentBuffers } from './buffers.ts'
import type { ContentFolder } from './folder.ts'
import type { Fresh, FreshMemory } from './fresh.ts'
import type { NewFile, Stretch } from './new-file.ts'

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

// Stretches that are written in one call while memory is ample: then 1 MiB is one call
const GATHER = 4
const NOTHING = Buffer.alloc(0)

/** Bytes on their way to a content file, in stretches: some fill while the last are written. */
export class FileWriter {
  readonly #place: ContentPlace
  readonly #opened: Promise<NewFile>
  /** What was written, while it may stay in memory too. */
  readonly fresh: Fresh
  #buffer: Buffer
  #filled = 0
  /** Stretches that wait, for more of them or for those that are being written. */
  readonly #full: Stretch[] = []
  #sum = 0
  /** Never rejects: a failure is kept in `#error`. */
  #writing: Promise<void> | null = null
  /** Of the stretches at hand; may reject. */
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

  /** Copies the chunk. A promise where as much waits as may, for what is being written. */
  write(chunk: Buffer): true | Promise<void> {
    this.#check()
    for (let at = 0; at < chunk.length; ) {
      if (this.#filled === this.#buffer.length) this.#next()
      const part = chunk.subarray(at, at + this.#buffer.length - this.#filled)
      this.#buffer.set(part, this.#filled)
      this.#filled += part.length
      at += part.length
    }
    return this.#isBehind ? this.#whenWritten() : true
  }

  /** Writes what is left, then begins to sync. */
  async finish(): Promise<StoredFile> {
    if (this.#error === null && this.#filled > 0) this.#seal(NOTHING)
    if (this.#full.length > 0) this.#start()
    await this.#writing
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
    if (this.#stable === null) await file.close()
    else await this.#stable.catch(() => {})
    await this.#place.folder.remove(file.name)
  }

  get #isBehind(): boolean {
    return this.#full.length >= this.#most
  }

  /** Of stretches that may wait. */
  get #most(): number {
    return this.#place.buffers.isAmple ? GATHER : 1
  }

  async #whenWritten(): Promise<void> {
    while (this.#isBehind && this.#writing !== null) await this.#putting.catch(() => {})
    this.#check()
  }

  /** Has what the buffer holds written, after what waits already, and perhaps together with more. */
  #next(): void {
    this.#seal(this.#place.buffers.take())
    if (this.#isBehind) this.#start()
  }

  #seal(next: Buffer): void {
    this.#full.push({ buffer: this.#buffer, length: this.#filled })
    this.#buffer = next
    this.#filled = 0
  }

  #start(): void {
    this.#writing ??= this.#writeAll()
  }

  async #writeAll(): Promise<void> {
    while (this.#full.length > 0) {
      const stretches = this.#full.splice(0)
      this.#putting = this.#error === null ? this.#put(stretches) : Promise.resolve()
      await this.#putting.catch((error: unknown) => this.#fail(error))
      for (const { buffer, length } of stretches) {
        if (!this.fresh.add(buffer, length)) this.#place.buffers.give(buffer)
      }
    }
    this.#writing = null
  }

  async #put(stretches: readonly Stretch[]): Promise<void> {
    for (const { buffer, length } of stretches) this.#sum = contentSum(buffer.subarray(0, length), this.#sum)
    const file = await this.#opened
    const { buffers } = this.#place
    const direct = this.fresh.expects(stretches) && stretches.every(({ buffer }) => buffers.isLargest(buffer))
    await file.append(stretches, direct)
  }

  async #sync(): Promise<StoredFile> {
    const file = await this.#opened
    try {
      await file.finish()
      await this.#place.folder.sync(file.name)
      return { name: file.name, sum: this.#sum }
    } catch (error) {
      this.#fail(error)
      throw unavailable(error)
    }
  }

  #giveBack(): void {
    for (const { buffer } of this.#full.splice(0)) this.#place.buffers.give(buffer)
    if (this.#buffer.length > 0) this.#place.buffers.give(this.#buffer)
    this.#buffer = NOTHING
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
