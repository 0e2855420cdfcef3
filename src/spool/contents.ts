import { join } from 'node:path'
import type { Content } from '../mail/content.ts'
import { ContentBuffers } from './content/buffers.ts'
import { fileContent, type Whole } from './content/file.ts'
import type { ContentPlace } from './content/file-writer.ts'
import { ContentFolder } from './content/folder.ts'
import { FreshMemory } from './content/fresh.ts'
import { SpoolWriter, writerOf } from './content/writer.ts'
import type { StoredFile } from './encode.ts'
import type { SpoolSettings } from './options.ts'

/** Content made ready for `put`: its bytes, or the file that is on stable storage. */
export interface Ready {
  readonly bytes: Buffer | null
  readonly file: StoredFile | null
  /** What leases read from. */
  readonly content: Content
  /** `put` failed: what was taken over or copied is given back or removed. */
  undo(): Promise<void>
}

// What some sixty messages fill meanwhile
const FILLING_BYTES = 16 * 1024 * 1024

const NO_UNDO = async () => {}

/** The spool's content outside the database. */
export class Contents {
  readonly #place: ContentPlace

  constructor(settings: SpoolSettings, now: () => number, lastId: number, onError: (error: unknown) => void) {
    const { freed = () => {} } = settings
    const buffers = new ContentBuffers(settings.writeBufferBytes, settings.freshBytes + FILLING_BYTES, freed)
    this.#place = {
      freed,
      folder: new ContentFolder(join(settings.path, 'content'), now, lastId),
      buffers,
      fresh: new FreshMemory(settings.freshBytes, buffers, now),
      readBuffers: new ContentBuffers(settings.readBufferBytes, settings.readBufferBytes, freed),
      inRowBytes: settings.contentInRowBytes,
      outgrown: [],
      onError,
    }
  }

  receive(): SpoolWriter {
    return new SpoolWriter(this.#place)
  }

  readonly path = (file: string): string => this.#place.folder.path(file)

  /** What a file holds, or should. */
  readonly read = (file: string, whole: Whole): Content => fileContent(this.path(file), whole, this.#place.readBuffers)

  /** Without waiting where content lies in memory, so that `put` can join the batch of this turn. */
  prepare(content: Content): Ready | Promise<Ready> {
    if (content.bytes !== null && content.size <= this.#place.inRowBytes) {
      writerOf(content)?.adopt()
      return { bytes: content.bytes, file: null, content, undo: NO_UNDO }
    }
    const writer = writerOf(content)
    if (writer === undefined || writer.isAdopted) return this.#copy(content)
    return this.#adopt(writer, content)
  }

  /** Removes content files that no row names any more. */
  async remove(files: readonly string[]): Promise<void> {
    for (const file of files) await this.#place.folder.remove(file)
  }

  /** Called once a second: memory that large messages no longer need goes back. */
  rest(): void {
    this.#place.fresh.rest()
    this.#place.buffers.rest()
    this.#place.readBuffers.rest()
  }

  close(): Promise<void> {
    return this.#place.folder.close()
  }

  async #adopt(writer: SpoolWriter, content: Content): Promise<Ready> {
    writer.adopt()
    const undo = async () => writer.release()
    try {
      return { bytes: null, file: await writer.stable(), content, undo }
    } catch (error) {
      await undo()
      throw error
    }
  }

  async #copy(content: Content): Promise<Ready> {
    const writer = this.receive()
    try {
      for await (const chunk of content.stream()) {
        const more = writer.write(chunk)
        if (more !== true) await more
      }
      const copy = await writer.finish()
      const ready = await this.prepare(copy)
      return { ...ready, undo: () => this.#drop(writer) }
    } catch (error) {
      await this.#drop(writer)
      throw error
    }
  }

  async #drop(writer: SpoolWriter): Promise<void> {
    writer.release()
    await writer.discard()
  }
}
