import { startThread, type ThreadClient } from '../db/client.ts'
import type { ReportOps } from './wire.ts'

export interface DatabaseSeams {
  readonly now: () => number
  readonly onDeath: (error: Error) => void
}

const NO_BLOBS: readonly Uint8Array[] = []

/**
 * The database of the room in its thread, which is started when it is first needed: a relay that neither sends nor
 * receives reports does not pay for it.
 */
export class ReportsDatabase {
  readonly #path: string
  readonly #seams: DatabaseSeams
  #client: Promise<ThreadClient<ReportOps>> | null = null
  #closed = false

  constructor(path: string, seams: DatabaseSeams) {
    this.#path = path
    this.#seams = seams
  }

  /** Resolves when it is open. Rejects with DatabaseRefused if newer code wrote it. */
  async open(): Promise<void> {
    await this.#open()
  }

  /** Whether it was needed yet. */
  get isOpen(): boolean {
    return this.#client !== null
  }

  async call<K extends keyof ReportOps & string>(
    op: K,
    args: ReportOps[K]['args'],
    blobs = NO_BLOBS,
  ): Promise<ReportOps[K]['result']> {
    return (await this.#open()).call(op, args, blobs)
  }

  async close(): Promise<void> {
    this.#closed = true
    const client = await this.#client?.catch(() => null)
    await client?.close()
  }

  #open(): Promise<ThreadClient<ReportOps>> {
    if (this.#client !== null) return this.#client
    if (this.#closed) return Promise.reject(new Error('the reports are closed'))
    this.#client = this.#start()
    // the next call tries again
    this.#client.catch(() => {
      this.#client = null
    })
    return this.#client
  }

  async #start(): Promise<ThreadClient<ReportOps>> {
    const place = { base: import.meta.url, name: './thread/reports', data: { path: this.#path } }
    const { client } = await startThread<ReportOps, null>(place, {
      now: this.#seams.now,
      onDeath: (error) => {
        this.#client = null
        this.#seams.onDeath(error)
      },
    })
    return client
  }
}
