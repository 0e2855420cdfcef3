import type { Alarms } from '../alarms.ts'
import type { Log } from '../log.ts'
import { formatQueueId } from '../mail/queue-id.ts'
import type { WriterReady } from './wire.ts'

/** The keys of the spool's alarms. Each stands until the next start, which finds for itself whether its cause is gone. */
const ALARM = { broken: 'spool broken', disk: 'spool disk', index: 'spool index', kept: 'spool kept' } as const

/** What the spool says to the daemon's log and to operators, each trouble once. */
export class SpoolTeller {
  readonly #log: Log
  readonly #alarms: Alarms
  #isDiskTold = false

  constructor(log: Log, alarms: Alarms) {
    this.#log = log
    this.#alarms = alarms
  }

  opened({ lapsed, orphans, kept, mended, damaged }: WriterReady): void {
    this.#log.info({ lapsed, orphans: orphans.length, damaged: damaged.length }, 'the spool is open')
    if (mended) {
      this.#log.error({}, "the spool's indexes were damaged and have been made anew")
      this.#alarms.raise(
        ALARM.index,
        "The spool's indexes did not say what its table says and have been made anew. No message is affected, but the disk or the memory may be failing: look at the kernel's log",
      )
    }
    if (kept > 0) {
      this.#log.warn({ files: kept }, 'content that no message names stays, because messages are damaged')
      this.#alarms.raise(
        ALARM.kept,
        `${kept} files of content belong to no message that can be read, and stay because messages are damaged. Look with: postern spool check`,
        { files: kept },
      )
    }
    this.damaged(damaged)
  }

  damaged(damaged: WriterReady['damaged']): void {
    for (const { id, found } of damaged) {
      this.#log.error({ id: formatQueueId(id), found }, 'a message in the spool is damaged and was set aside')
    }
  }

  /** A call to the disk failed; `code` is SQLite's or the system's. What it was for was refused, or done again. */
  diskFailed(code: string): void {
    if (!this.#isDiskTold) this.#log.error({ code }, 'a call to the disk under the spool failed')
    this.#isDiskTold = true
    const what = /FSYNC/i.test(code) ? 'could not write what was to be safe (a failed sync)' : 'failed a call'
    this.#alarms.raise(
      ALARM.disk,
      `The disk under the spool ${what}: ${code}. Nothing acknowledged depended on it, but it will fail again: look at the kernel's log, make a backup, replace the disk`,
      { code },
    )
  }

  /** No mail is taken until the next start. */
  broken(why: Readonly<Record<string, unknown>>): void {
    const remedy = why.remedy === undefined ? 'it is started anew' : why.remedy
    this.#alarms.raise(ALARM.broken, `The spool takes no mail (${why.code}): ${remedy}`, why)
  }
}
