import type { Alarms } from '../alarms.ts'
import type { Log } from '../log.ts'
import type { LedgerNews, LedgerReady } from './wire.ts'

const ALARM = { chain: 'ledger chain', writing: 'ledger' } as const

/**
 * What the ledger says to the daemon's log: the chain's points, so that a copy of them lies where
 * who can change the ledger cannot; and what is wrong with it, once.
 */
export class Teller {
  readonly #log: Log
  readonly #alarms: Alarms
  #trouble: string | null = null

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
    const text = `The ledger was damaged and a new one begun (${replaced.why}). The old one is kept as ${replaced.file}`
    this.#alarm(ALARM.chain, `${text}; look with: postern ledger verify --file ${replaced.file}`, { ...replaced })
  }

  tell({ checkpoint, pruned, trouble }: LedgerNews): void {
    if (checkpoint !== null) this.#log.info({ ...checkpoint }, 'ledger checkpoint')
    if (pruned !== null) this.#log.debug({ ...pruned }, 'entries of the ledger whose retention is over were dropped')
    if (trouble !== null) this.trouble(trouble)
    else this.#well()
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
