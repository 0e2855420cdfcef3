import { arePlainLines, type Content, memoryContent, prefixedContent } from '../../mail/content.ts'
import { type ContentWriter, SpoolUnavailable } from '../contract.ts'
import type { StoredFile } from '../encode.ts'
import { freshContent } from './file.ts'
import { type ContentPlace, FileWriter } from './file-writer.ts'

const NOTHING = Buffer.alloc(0)
const FIRST_BYTES = 4096
// For what stands before content when it is sent: trace fields, mostly less than half of it
const HEAD_ROOM = 1024
const KEEP = 32

/**
 * Content as it arrives: in memory while small; once larger, gathered into long stretches that
 * are written to a file one after the other, each while the next one fills.
 */
export class SpoolWriter implements ContentWriter {
  readonly #place: ContentPlace
  #size = 0
  /** Once there is something: HEAD_ROOM, then the content. */
  #memory: Buffer = NOTHING
  #headTaken = false
  #file: FileWriter | null = null
  #content: Content | null = null
  #adopted = false
  #discarded = false

  constructor(place: ContentPlace) {
    this.#place = place
  }

  get size(): number {
    return this.#size
  }

  write(chunk: Buffer): true | Promise<void> {
    if (this.#content !== null || this.#discarded) throw new SpoolUnavailable('the content is closed')
    if (this.#file === null && this.#size + chunk.length <= this.#place.inRowBytes) return this.#remember(chunk)
    const file = this.#toFile()
    this.#size += chunk.length
    return file.write(chunk)
  }

  async finish(plainLines = false): Promise<Content> {
    if (this.#content !== null) return this.#content
    if (this.#file === null) {
      this.#content = memoryContent(this.#memory.subarray(HEAD_ROOM, HEAD_ROOM + this.#size), plainLines)
    } else {
      const { folder, readBuffers } = this.#place
      const { name, sum } = await this.#file.finish()
      const content = freshContent(folder.path(name), { size: this.#size, sum }, readBuffers, this.#file.fresh)
      this.#content = { ...content, plainLines }
    }
    owners.set(this.#content, this)
    return this.#content
  }

  async discard(): Promise<void> {
    if (this.#adopted || this.#discarded) return
    this.#discarded = true
    await this.#file?.discard()
  }

  /** The spool's `put` takes the content over. */
  adopt(): void {
    this.#adopted = true
  }

  get isAdopted(): boolean {
    return this.#adopted || this.#discarded
  }

  /** `head` and then the content; without a copy for the first who asks, where both are small. */
  withHead(head: Buffer, content: Content): Content {
    const isFirst = !this.#headTaken && content.bytes !== null && content.size > 0 && content === this.#content
    if (!isFirst || head.length > HEAD_ROOM) return prefixedContent(head, content)
    this.#headTaken = true
    this.#memory.set(head, HEAD_ROOM - head.length)
    const whole = this.#memory.subarray(HEAD_ROOM - head.length, HEAD_ROOM + this.#size)
    return memoryContent(whole, arePlainLines(head, content))
  }

  /** It is stored, and `readers` will read it to send it. */
  stored(readers: number): void {
    this.#file?.fresh.awaits(readers)
  }

  /** `put` failed: the content is the caller's again. */
  release(): void {
    this.#adopted = false
  }

  /** The file once it is on stable storage; null for content in memory. */
  stable(): Promise<StoredFile> | null {
    return this.#file === null ? null : this.#file.stable()
  }

  #remember(chunk: Buffer): true {
    const size = this.#size + chunk.length
    if (HEAD_ROOM + size > this.#memory.length) this.#grow(size)
    this.#memory.set(chunk, HEAD_ROOM + this.#size)
    this.#size = size
    return true
  }

  #grow(size: number): void {
    const larger = this.#newMemory(size)
    larger.set(this.#memory.subarray(HEAD_ROOM, HEAD_ROOM + this.#size), HEAD_ROOM)
    this.#memory = larger
  }

  /** Mostly a small message comes in one chunk, and then gets what it needs. */
  #newMemory(size: number): Buffer {
    const { inRowBytes, outgrown } = this.#place
    const length = Math.max(size, FIRST_BYTES, 2 * this.#memory.length)
    if (length * 2 <= inRowBytes) return Buffer.allocUnsafeSlow(HEAD_ROOM + length)
    return outgrown.pop() ?? Buffer.allocUnsafeSlow(HEAD_ROOM + inRowBytes)
  }

  /** The file has a copy. */
  #giveBack(): void {
    const { inRowBytes, outgrown, freed } = this.#place
    freed(this.#memory)
    if (this.#memory.length === HEAD_ROOM + inRowBytes && outgrown.length < KEEP) outgrown.push(this.#memory)
    this.#memory = NOTHING
  }

  #toFile(): FileWriter {
    if (this.#file === null) {
      this.#file = new FileWriter(this.#place, this.#memory.subarray(HEAD_ROOM, HEAD_ROOM + this.#size))
      this.#giveBack()
    }
    return this.#file
  }
}

const owners = new WeakMap<Content, SpoolWriter>()

/** The writer that made some content; undefined for content from elsewhere. */
export const writerOf = (content: Content): SpoolWriter | undefined => owners.get(content)
