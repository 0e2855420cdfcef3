import type { MessagePort } from 'node:worker_threads'
import type { Connection } from '../../db/database.ts'
import { OUTBOX_STRIDE, type OutboxAck, type OutboxBatch } from '../../db/outbox.ts'

type Event = 'received' | 'attempt' | 'notice' | 'hold' | 'release' | 'reroute' | 'retry' | 'remove' | 'discard'

// Entries on their way to a ledger that has not taken them yet; beyond, it catches up from the table
const WINDOW = 8192
const CATCH_UP = 1024
const DELETE_AT_LEAST = 512

/**
 * The outbox of what happened. An entry is written in the commit of the change that it tells of,
 * goes to the ledger's thread after that commit, and is deleted after the ledger's.
 */
export class Journal {
  readonly #source: number
  readonly #sql
  #port: MessagePort | null = null
  /** The highest number given, committed, sent, taken by the ledger, and deleted. */
  #given: number
  #committed: number
  #sent: number
  #taken: number
  #deleted: number
  #fresh: unknown[] = []

  /** `after`: what the ledger has already, of a journal that was longer once. */
  constructor(db: Connection, source: number, after = 0) {
    this.#source = source
    this.#sql = {
      insert: db.prepare('INSERT INTO journal VALUES (?, ?, ?, ?, ?)'),
      remove: db.prepare('DELETE FROM journal WHERE seq <= ?'),
      after: db.prepare('SELECT * FROM journal WHERE seq > ? ORDER BY seq LIMIT ?').raw(),
    }
    const [first, last] = db
      .prepare('SELECT (SELECT min(seq) FROM journal), (SELECT max(seq) FROM journal)')
      .raw()
      .get() as (number | null)[]
    this.#given = this.#committed = Math.max(last ?? 0, after)
    this.#sent = this.#taken = Math.max((first ?? 1) - 1, after)
    this.#deleted = (first ?? 1) - 1
  }

  /** Inside a transaction. `data` is JSON: the recipients and the facts. */
  append(at: number, id: number, event: Event, data: string): void {
    const seq = ++this.#given
    this.#sql.insert.run(seq, at, id, event, data)
    if (this.#port !== null) this.#fresh.push(seq, at, id, event, data)
  }

  /** Entries that the ledger has not taken. */
  get backlog(): number {
    return this.#committed - this.#taken
  }

  connect(port: MessagePort): void {
    this.#port?.close()
    this.#port = port
    this.#sent = this.#taken
    this.#fresh = []
    port.on('message', (ack: OutboxAck) => this.#acknowledge(ack.acknowledged))
    port.on('close', () => this.#disconnect(port))
    this.#catchUp()
  }

  /** Inside a transaction that happens anyway: drops what the ledger has. Nearly always keeps the last entry, whose number goes on. */
  sweep(atLeast = DELETE_AT_LEAST): boolean {
    const upTo = Math.min(this.#taken, this.#committed - 1)
    if (upTo - this.#deleted < atLeast) return false
    this.#sql.remove.run(upTo)
    this.#deleted = upTo
    return true
  }

  committed(): void {
    const isNext = this.#sent === this.#committed
    this.#committed = this.#given
    if (this.#fresh.length === 0) return
    const entries = this.#fresh
    this.#fresh = []
    if (isNext && this.#sent - this.#taken < WINDOW) this.#send(entries)
  }

  rolledBack(): void {
    this.#given = this.#committed
    this.#fresh = []
  }

  close(): void {
    this.#port?.close()
  }

  #send(entries: readonly unknown[]): void {
    const batch: OutboxBatch = { source: this.#source, entries }
    this.#port?.postMessage(batch)
    this.#sent = entries[entries.length - OUTBOX_STRIDE] as number
  }

  #acknowledge(seq: number): void {
    this.#taken = Math.max(this.#taken, Math.min(seq, this.#sent))
    this.#catchUp()
  }

  #catchUp(): void {
    while (this.#sent < this.#committed && this.#sent - this.#taken < WINDOW) {
      const rows = this.#sql.after.all(this.#sent, CATCH_UP) as unknown[][]
      if (rows.length === 0) return
      this.#send(rows.flat())
    }
  }

  #disconnect(port: MessagePort): void {
    if (this.#port !== port) return
    this.#port = null
    this.#fresh = []
    this.#sent = this.#taken
  }
}

/** The data of an entry. `facts` is JSON already. */
export const entryData = (recipients: readonly EntryRecipient[], facts: string): string =>
  `{"recipients":${JSON.stringify(recipients)},"facts":${facts}}`

export interface EntryRecipient {
  readonly index: number
  readonly address: string
  readonly state: string
  readonly reply?: string
}
