import { statfs } from 'node:fs/promises'
import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import type { SpoolRoom } from './contract.ts'
import type { SpoolTeller } from './tell.ts'

/** Errors that mean: the disk, or our share of it, is used up. */
const FULL: ReadonlySet<unknown> = new Set(['SQLITE_FULL', 'ENOSPC', 'EDQUOT'])
/** The database thread is gone: nothing will mend that but a restart. */
const BROKEN = 'GONE'

type Teller = Pick<SpoolTeller, 'broken' | 'diskFailed'>

/** Knows, without waiting, whether there is room for new mail. */
export class RoomWatch {
  readonly #path: string
  readonly #reserveBytes: number
  readonly #everyMs: number
  readonly #clock: Clock
  readonly #log: Log
  readonly #teller: Teller
  #room: SpoolRoom = 'open'
  #freeBytes = 0
  #cancel: (() => void) | null = null
  #stopped = false

  constructor(watch: {
    path: string
    reserveBytes: number
    everyMs: number
    clock: Clock
    log: Log
    teller: Teller
  }) {
    this.#path = watch.path
    this.#reserveBytes = watch.reserveBytes
    this.#everyMs = watch.everyMs
    this.#clock = watch.clock
    this.#log = watch.log
    this.#teller = watch.teller
  }

  get room(): SpoolRoom {
    return this.#room
  }

  get freeBytes(): number {
    return this.#freeBytes
  }

  /** Looks now, and again and again until stopped. */
  async start(): Promise<void> {
    await this.#look()
    if (this.#stopped) return
    this.#cancel = this.#clock.after(this.#everyMs, () => void this.start())
  }

  stop(): void {
    this.#stopped = true
    this.#cancel?.()
  }

  /** Learns from a failed write; the next look may open the room again. */
  failed(error: unknown): void {
    const code = codeOf(error)
    if (code === BROKEN) this.#set('broken', { code })
    else if (FULL.has(code)) this.#set('full', { code })
    else if (isDamage(code)) this.#set('broken', { code, remedy: 'stop the daemon and run: postern spool repair' })
    else if (isOfTheDisk(code)) this.#teller.diskFailed(code)
  }

  async #look(): Promise<void> {
    try {
      const { bavail, bsize } = await statfs(this.#path)
      this.#freeBytes = bavail * bsize
      this.#set(this.#freeBytes < this.#reserveBytes ? 'full' : 'open', { freeBytes: this.#freeBytes })
    } catch (error) {
      this.#set('full', { code: codeOf(error) })
    }
  }

  #set(room: SpoolRoom, why: Readonly<Record<string, unknown>>): void {
    if (this.#room === room || this.#room === 'broken') return
    this.#room = room
    if (room === 'broken') this.#teller.broken(why)
    if (room === 'open') this.#log.info(why, 'the spool takes mail again')
    else this.#log.error(why, `the spool is ${room} and takes no mail`)
  }
}

/** Nothing more is written to a damaged file than what became of the messages in it. */
const isDamage = (code: unknown): boolean => typeof code === 'string' && /^SQLITE_(CORRUPT|NOTADB)/.test(code)

/** A sync, a write or a read of the disk failed: it may be done again, and may fail again. */
const isOfTheDisk = (code: unknown): code is string =>
  typeof code === 'string' && /^(SQLITE_IOERR|EIO$|EROFS$)/.test(code)

const codeOf = (error: unknown): unknown => (error as { code?: unknown } | null)?.code
