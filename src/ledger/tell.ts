import type { Alarms } from '../alarms.ts'
import type { Log } from '../log.ts'
import type { JournalGap, LedgerNews, LedgerReady } from './wire.ts'

const ALARM = { chain: 'ledger chain', gap: 'ledger gap', writing: 'ledger' } as const

/**
 * What the ledger says to the daemon's log: the chain's points, so that a copy of them lies where
 * who can change the ledger cannot; and what is wrong with it, once.
 */
export class Teller {
  readonly #log: Log
  readonly #alarms: Alarms
  #trouble: string | null = null
  /** A new chain begins in the middle of a journal, and that was told. */
  #isNew = false

  constructor(log: Log, alarms: Alarms) {
    this.#log = log
    this.#alarms = alarms
  }

  opened({ head, mismatch, replaced }: LedgerReady): void {
    this.#log.info({ entry: head.entry, count: head.count, hash: head.hash }, 'the ledger is open')
    if (mismatch !== null) {
      this.#alarm(ALARM.chain, `The ledger was changed from outside: ${mismatch}. Look with: postern ledger verify`, {})
    }
    if (replaced === null) return
    this.#isNew = true
    const text = `The ledger was damaged and a new one begun (${replaced.why}). The old one is kept as ${replaced.file}`
    this.#alarm(ALARM.chain, `${text}; look with: postern ledger verify --file ${replaced.file}`, { ...replaced })
  }

  tell({ checkpoint, pruned, trouble, gap }: LedgerNews): void {
    if (checkpoint !== null) this.#log.info({ ...checkpoint }, 'ledger checkpoint')
    if (pruned !== null) this.#log.debug({ ...pruned }, 'entries of the ledger whose retention is over were dropped')
    if (gap !== null) this.#missing(gap)
    if (trouble !== null) this.trouble(trouble)
    else this.#well()
  }

  #missing(gap: JournalGap): void {
    if (gap.from === 1 && this.#isNew) return
    const text = `The ledger lacks the entries ${gap.from} to ${gap.to} of the spool's journal: its file is an older copy or a new one, or they were taken out of the spool`
    this.#alarm(ALARM.gap, `${text}; look with: postern ledger verify --with-spool`, { ...gap })
  }

  trouble(why: string): void {
    if (this.#trouble === why) return
    this.#trouble = why
    const text = `The ledger cannot be written: ${why}. Mail goes on, and what happens to it is kept in the spool`
    this.#alarm(ALARM.writing, `${text}; src/ledger/README.md says what to do`, {})
  }

  #well(): void {
    if (this.#trouble === null) return
    this.#trouble = null
    this.#alarms.clear(ALARM.writing)
    this.#log.info({}, 'the ledger can be written again')
  }

  #alarm(key: string, text: string, facts: Readonly<Record<string, unknown>>): void {
    this.#log.error(facts, text)
    this.#alarms.raise(key, text, facts)
  }
}
