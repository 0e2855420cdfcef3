import { constants } from 'node:fs'
import { type FileHandle, mkdir, open, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { formatQueueId, idGenerator } from '../../mail/queue-id.ts'
import { type DirectWrites, NewFile } from './new-file.ts'

/** The folder of content files, one folder a day inside, so that none grows without end. */
export class ContentFolder {
  readonly #path: string
  readonly #now: () => number
  readonly #nextName: () => number
  readonly #writes: DirectWrites = { work: constants.O_DIRECT !== undefined }
  readonly #days = new Map<string, Promise<FolderSync>>()

  /** `lastId`: names start above it; any number that no former name was made of will do. */
  constructor(path: string, now: () => number, lastId: number) {
    this.#path = path
    this.#now = now
    this.#nextName = idGenerator(now, lastId)
  }

  path(name: string): string {
    return join(this.#path, name)
  }

  async create(): Promise<NewFile> {
    const day = new Date(this.#now()).toISOString().slice(0, 10)
    await this.#day(day)
    const name = `${day}/${formatQueueId(this.#nextName())}`
    return NewFile.create(name, this.path(name), this.#writes)
  }

  /** Makes the file's name as durable as its bytes. */
  async sync(name: string): Promise<void> {
    const folder = await this.#day(name.slice(0, name.indexOf('/')))
    await folder.sync()
  }

  /** Removes a file. One that is gone is no error. */
  async remove(name: string): Promise<void> {
    await unlink(this.path(name)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error
    })
  }

  async close(): Promise<void> {
    const folders = await Promise.allSettled(this.#days.values())
    await Promise.all(folders.map((folder) => folder.status === 'fulfilled' && folder.value.close()))
    this.#days.clear()
  }

  #day(day: string): Promise<FolderSync> {
    const known = this.#days.get(day)
    if (known !== undefined) return known
    const made = this.#makeDay(day)
    this.#days.set(day, made)
    made.catch(() => this.#days.delete(day))
    return made
  }

  async #makeDay(day: string): Promise<FolderSync> {
    const path = join(this.#path, day)
    await mkdir(path, { recursive: true, mode: 0o700 })
    const parent = await open(this.#path, 'r')
    await parent.sync().finally(() => parent.close())
    return new FolderSync(await open(path, 'r'))
  }
}

/** Syncs a folder for many at once: who asks while a sync runs shares the next one. */
class FolderSync {
  readonly #handle: FileHandle
  #running: Promise<void> | null = null
  #next: Promise<void> | null = null

  constructor(handle: FileHandle) {
    this.#handle = handle
  }

  sync(): Promise<void> {
    if (this.#next !== null) return this.#next
    if (this.#running === null) return this.#start()
    const next = this.#running.then(
      () => this.#start(),
      () => this.#start(),
    )
    this.#next = next
    return next
  }

  close(): Promise<void> {
    return this.#handle.close()
  }

  #start(): Promise<void> {
    this.#next = null
    const run = this.#handle.sync().finally(() => {
      if (this.#running === run) this.#running = null
    })
    this.#running = run
    return run
  }
}
