import type { MessagePort } from 'node:worker_threads'
import type { CrashPoint } from '../../db/crash.ts'
import type { Connection } from '../../db/database.ts'
import { OUTBOX_STRIDE, type OutboxAck, type OutboxBatch } from '../../db/outbox.ts'
import type { JournalGap } from '../wire.ts'
import type { Chain } from './chain.ts'
import { SearchIndex } from './index.ts'

interface Source {
  readonly id: number
  /** Up to this number its entries are here. */
  seq: number
}

interface IntakeOptions {
  readonly gatherMs: number
  readonly gatherEntries: number
  readonly segmentMessages: number
  readonly crash: CrashPoint
}

/** Where entries come from that the ledger writes itself. No spool has this number. */
const OWN_SOURCE = 0

const RETRY_MS = 1000

/**
 * Takes entries from spools' journals: gathers them for a moment, commits them together, and only
 * then acknowledges them. What cannot be committed now is kept and tried again.
 */
export class Intake {
  readonly #db: Connection
  readonly #options: IntakeOptions
  readonly #sql
  #index: SearchIndex
  #sources: Map<number, Source>
  #waiting: { port: MessagePort; batch: OutboxBatch }[] = []
  #count = 0
  #timer: NodeJS.Timeout | null = null
  readonly #ports = new Set<MessagePort>()
  readonly #chain: Chain
  /** What memory holds may not be what is stored. */
  #stale = false
  #trouble: string | null = null
  #gap: JournalGap | null = null
  /** Sources with entries that are not committed yet. */
  readonly #grown = new Set<Source>()

  constructor(db: Connection, chain: Chain, options: IntakeOptions) {
    this.#db = db
    this.#chain = chain
    this.#options = options
    this.#sql = {
      source: db.prepare('INSERT INTO source (number, seq) VALUES (?, 0)'),
      seq: db.prepare('UPDATE source SET seq = ? WHERE id = ?'),
      begin: db.prepare('BEGIN'),
      commit: db.prepare('COMMIT'),
      rollback: db.prepare('ROLLBACK'),
    }
    this.#index = new SearchIndex(db, options.segmentMessages)
    this.#sources = readSources(db)
  }

  get index(): SearchIndex {
    return this.#index
  }

  connect(port: MessagePort): void {
    this.#ports.add(port)
    port.on('message', (batch: OutboxBatch) => this.#take(port, batch))
    port.on('close', () => this.#ports.delete(port))
  }

  /** Commits what waits. Never throws: on failure it waits on. Outside a transaction only. */
  commit(): void {
    this.#stopTimer()
    if (this.#waiting.length === 0) return
    try {
      if (this.#stale) this.#readAnew()
      this.#sql.begin.run()
      for (const { batch } of this.#waiting) this.#insert(batch)
      this.#save()
      this.#options.crash('ledger.commit.before')
      this.#sql.commit.run()
    } catch (error) {
      this.#recover(error)
      return
    }
    this.#trouble = null
    this.#options.crash('ledger.commit.after')
    this.#acknowledge()
  }

  /** Why the last commit failed, in words; null if it did not. */
  get trouble(): string | null {
    return this.#trouble
  }

  /** What a source never told, or this file has lost: the latest, once. */
  takeGap(): JournalGap | null {
    const told = this.#gap
    this.#gap = null
    return told
  }

  /** A transaction that was not its own was undone. */
  forget(): void {
    this.#stale = true
  }

  /** Writes an entry of the ledger's own, at once. For the start: throws where it cannot. */
  note(at: number, event: string, data: string): void {
    const seq = (this.#sources.get(OWN_SOURCE)?.seq ?? 0) + 1
    this.#sql.begin.run()
    this.#insert({ source: OWN_SOURCE, entries: [seq, at, 0, event, data] })
    this.#save()
    this.#sql.commit.run()
  }

  close(): void {
    this.commit()
    this.#stopTimer()
    for (const port of this.#ports) port.close()
  }

  #take(port: MessagePort, batch: OutboxBatch): void {
    this.#waiting.push({ port, batch })
    this.#count += batch.entries.length / OUTBOX_STRIDE
    if (this.#count >= this.#options.gatherEntries) this.commit()
    else this.#startTimer(this.#options.gatherMs)
  }

  #insert({ source: number, entries }: OutboxBatch): void {
    const source = this.#source(number)
    let lastEntry = 0
    for (let i = 0; i < entries.length; i += OUTBOX_STRIDE) {
      const entry = entryAt(number, entries, i)
      // A second arrival of what was committed but not yet acknowledged
      if (entry.seq <= source.seq) continue
      if (entry.seq > source.seq + 1) this.#gap = { source: number, from: source.seq + 1, to: entry.seq - 1 }
      lastEntry = this.#chain.append(source.id, entry)
      source.seq = entry.seq
      if (entry.event === 'received') this.#index.add(entry.queueId, entry.data)
    }
    if (lastEntry === 0) return
    this.#grown.add(source)
    if (this.#index.isFull) this.#index.close(lastEntry)
  }

  /** The last thing before the commit. */
  #save(): void {
    for (const { seq, id } of this.#grown) this.#sql.seq.run(seq, id)
    this.#grown.clear()
    this.#chain.save()
  }

  #source(number: number): Source {
    const known = this.#sources.get(number)
    if (known !== undefined) return known
    const made = { id: Number(this.#sql.source.run(number).lastInsertRowid), seq: 0 }
    this.#sources.set(number, made)
    return made
  }

  #acknowledge(): void {
    // Each wakes the spool's thread: one for all of a port's batches, which come from one source
    const sources = new Map(this.#waiting.map(({ port, batch }) => [port, batch.source]))
    for (const [port, source] of sources) {
      const ack: OutboxAck = { acknowledged: this.#sources.get(source)?.seq ?? 0 }
      port.postMessage(ack)
    }
    this.#waiting = []
    this.#count = 0
  }

  #recover(error: unknown): void {
    this.#trouble = error instanceof Error ? error.message : String(error)
    this.#stale = true
    this.#startTimer(RETRY_MS)
    try {
      if (this.#db.inTransaction) this.#sql.rollback.run()
      this.#readAnew()
    } catch {
      // Damaged beyond reading: tried again before the next commit
    }
  }

  /** What memory holds of a failed transaction is read anew. */
  #readAnew(): void {
    this.#chain.reload()
    this.#index = new SearchIndex(this.#db, this.#options.segmentMessages)
    this.#sources = readSources(this.#db)
    this.#grown.clear()
    this.#stale = false
  }

  // The thread's own timer: a test's clock cannot reach here, and nothing depends on its length
  #startTimer(ms: number): void {
    this.#timer ??= setTimeout(() => this.commit(), ms)
  }

  #stopTimer(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
  }
}

/** What is hashed must be what SQLite stores: lone surrogates have no UTF-8. */
const entryAt = (source: number, entries: readonly unknown[], i: number) => ({
  source,
  seq: entries[i] as number,
  at: entries[i + 1] as number,
  queueId: entries[i + 2] as number,
  event: (entries[i + 3] as string).toWellFormed(),
  data: (entries[i + 4] as string).toWellFormed(),
})

function readSources(db: Connection): Map<number, Source> {
  const rows = db.prepare('SELECT number, id, seq FROM source').all() as { number: number; id: number; seq: number }[]
  return new Map(rows.map(({ number, id, seq }) => [number, { id, seq }]))
}
