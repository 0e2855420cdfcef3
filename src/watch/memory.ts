import { open, readFile, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Log } from '../log.ts'
import { LONGEST, MOST_ALARMS } from './options.ts'

/** An alarm as it outlives a restart. Times in milliseconds since 1970. */
export interface RememberedAlarm {
  readonly key: string
  readonly text: string
  readonly since: number
  /** When it was last told by mail. */
  readonly mailedAt: number | null
}

/** What outlives a restart. */
export interface Remembered {
  readonly alarms: readonly RememberedAlarm[]
  /** Alarms that are over, and when they were last mailed. */
  readonly rested: readonly (readonly [key: string, at: number])[]
  /** Those of them that operators were told of, but not that they are over. */
  readonly over: readonly RememberedAlarm[]
  /** When mails went out in the last hour. */
  readonly sent: readonly number[]
}

const NOTHING: Remembered = { alarms: [], rested: [], over: [], sent: [] }
const MODE = 0o600
const LARGEST = 16 * 2 ** 20

/** A small JSON file in the state folder: written beside, synced, and put in its place, so that it is whole whenever we die. */
export class AlarmMemory {
  readonly #path: string
  readonly #log: Log
  #next: (() => Remembered) | null = null
  #writing: Promise<void> = Promise.resolve()
  #isWriting = false
  #failed = false

  constructor(path: string, log: Log) {
    this.#path = path
    this.#log = log
  }

  /** What was remembered; nothing if there is no such file or it cannot be understood: alarms are raised again where they are true. */
  async read(): Promise<Remembered> {
    try {
      const bytes = await readFile(this.#path)
      if (bytes.length > LARGEST) throw new Error(`${bytes.length} bytes are too many`)
      return understood(JSON.parse(bytes.toString()))
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'ENOENT') {
        this.#log.warn({ error }, 'what alarms stood before cannot be read: they are told anew')
      }
      return NOTHING
    }
  }

  /** `state` is asked when it is written: a storm of changes is one file. Never waits and never fails: a disk that cannot be written must not keep an alarm from being told. */
  save(state: () => Remembered): void {
    this.#next = state
    if (!this.#isWriting) this.#writing = this.#write()
  }

  /** Resolves when the last state that was saved is written, or could not be. */
  async settled(): Promise<void> {
    await this.#writing
  }

  async #write(): Promise<void> {
    this.#isWriting = true
    while (this.#next !== null) {
      const state = this.#next
      this.#next = null
      await this.#replace(JSON.stringify(state())).then(
        () => this.#tell(null),
        (error: Error) => this.#tell(error),
      )
    }
    this.#isWriting = false
  }

  async #replace(text: string): Promise<void> {
    const beside = `${this.#path}.new`
    const file = await open(beside, 'w', MODE)
    try {
      await file.writeFile(text)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(beside, this.#path)
    const folder = await open(dirname(this.#path), 'r')
    await folder.sync().finally(() => folder.close())
  }

  #tell(error: Error | null): void {
    if (error !== null && !this.#failed) this.#log.warn({ error }, 'alarms cannot be kept over a restart')
    this.#failed = error !== null
  }
}

function understood(found: unknown): Remembered {
  const { alarms, rested, over, sent } = { ...NOTHING, ...(found as Partial<Remembered>) }
  return {
    alarms: alarms.filter(isAlarm).slice(0, MOST_ALARMS),
    rested: rested.filter(([key, at]) => isText(key) && Number.isSafeInteger(at)).slice(0, MOST_ALARMS),
    over: over.filter(isAlarm).slice(0, MOST_ALARMS),
    sent: sent.filter(Number.isSafeInteger).slice(-MOST_ALARMS),
  }
}

const isText = (found: unknown): boolean => typeof found === 'string' && found.length <= LONGEST

const isAlarm = ({ key, text, since, mailedAt }: RememberedAlarm): boolean =>
  isText(key) && isText(text) && Number.isSafeInteger(since) && (mailedAt === null || Number.isSafeInteger(mailedAt))
