import type { Clock } from '../clock.ts'
import { every } from '../db/every.ts'
import type { Log } from '../log.ts'
import type { Address } from '../mail/address.ts'
import type { Metrics } from '../metrics.ts'
import type { Resolver } from '../net/dns.ts'
import { Collector } from './collector.ts'
import type { DmarcReport, ReportKind, Reports, ReportsOperator, SendMail, TlsReport } from './contract.ts'
import { ReportsDatabase } from './database.ts'
import { Intake } from './incoming/intake.ts'
import { isSent, type ReportsOptions } from './options.ts'
import { postReport } from './outgoing/post.ts'
import { Sender, type SenderPorts } from './outgoing/sender.ts'

export interface ReportsSeams {
  readonly clock: Clock
  readonly log: Log
  readonly metrics: Metrics
  readonly resolver: Resolver
  /** For tests. */
  readonly post?: SenderPorts['post']
}

/** How long what was counted may be in memory alone: a crash loses that much. */
const FLUSH_MS = 60_000
const SEND_MS = 60_000
/** After a start: what fell due while nobody ran. */
const FIRST_SEND_MS = 2_000
const PRUNE_MS = 3_600_000

/** Opens the room. Rejects with DatabaseRefused, where it is used at all, if newer code wrote its database. */
export async function openReports(options: ReportsOptions, seams: ReportsSeams): Promise<Reports> {
  const room = new ReportsRoom(options, seams)
  if (isUsed(options)) await room.open()
  return room
}

const isUsed = (options: ReportsOptions): boolean =>
  isSent(options, 'tls') || isSent(options, 'dmarc') || options.tls.receive !== null || options.dmarc.receive !== null

class ReportsRoom implements Reports {
  readonly store: Intake
  readonly operator: ReportsOperator
  readonly #seams: ReportsSeams
  readonly #database: ReportsDatabase
  readonly #collector: Collector
  readonly #stops: (() => void)[] = []
  #options: ReportsOptions
  #sender: Sender | null = null
  #running: Promise<unknown> = Promise.resolve()

  constructor(options: ReportsOptions, seams: ReportsSeams) {
    const { clock, log } = seams
    this.#options = options
    this.#seams = seams
    this.#database = new ReportsDatabase(options.path, {
      now: () => clock.now(),
      onDeath: (error) => log.error({ err: error }, 'the database of reports is gone; it is opened again when needed'),
    })
    const current = () => this.#options
    this.#collector = new Collector(current)
    this.store = new Intake({ ...seams, database: this.#database, options: current })
    this.operator = operatorOf(this.#database, this.store, this, current)
    this.#stops.push(
      every(clock, FLUSH_MS, () => this.flush()),
      every(clock, PRUNE_MS, () => this.#prune()),
    )
  }

  get tlsResults() {
    return this.#collector.tlsResults
  }

  get dmarcObservations() {
    return this.#collector.dmarcObservations
  }

  open(): Promise<void> {
    return this.#database.open()
  }

  receives(address: Address): boolean {
    return this.store.kindFor(address) !== null
  }

  start(mail: SendMail): void {
    const sender = new Sender({
      post: postReport,
      ...this.#seams,
      database: this.#database,
      options: () => this.#options,
      mail,
    })
    this.#sender = sender
    const work = () => {
      // one after the other, as two at a time would send twice
      this.#running = this.#running.then(() => this.#send(sender))
      return this.#running
    }
    const { clock } = this.#seams
    this.#stops.push(
      clock.after(FIRST_SEND_MS, () => void work()),
      every(clock, SEND_MS, work),
    )
  }

  async #send(sender: Sender): Promise<void> {
    try {
      await this.flush()
      await sender.run()
    } catch (error) {
      this.#seams.log.error({ err: error }, 'reports could not be sent; it is tried again')
    }
  }

  update(options: ReportsOptions): void {
    this.#options = { ...options, path: this.#options.path }
  }

  /** Writes down what was counted. Never rejects: what cannot be written stays in memory. */
  async flush(): Promise<void> {
    const { tls, dmarc } = this.#collector
    if (tls.isEmpty && dmarc.isEmpty) return
    const { rowsPerDay, gathered } = this.#options.limits
    const taken = { tls: tls.take(), dmarc: dmarc.take() }
    const over = (kind: ReportKind) => [...taken[kind].overflow].map(([day, count]) => [kind, day, count] as const)
    const overflow = [...over('tls'), ...over('dmarc')]
    try {
      await this.#database.call('count', { tls: taken.tls.rows, dmarc: taken.dmarc.rows, overflow, rowsPerDay })
    } catch (error) {
      taken.tls.restore(gathered)
      taken.dmarc.restore(gathered)
      this.#seams.log.error({ err: error }, 'statistics for reports could not be written; it is tried again')
    }
  }

  async #prune(): Promise<void> {
    if (this.#database.isOpen) await this.#database.call('prune', { keepMs: this.#options.keepMs })
  }

  async close(): Promise<void> {
    for (const stop of this.#stops) stop()
    this.#sender?.stop()
    await this.#running
    await this.flush()
    await this.#database.close()
  }
}

function operatorOf(
  database: ReportsDatabase,
  intake: Intake,
  room: { flush(): Promise<void> },
  options: () => ReportsOptions,
): ReportsOperator {
  return {
    list: (kind, page) => database.call('list', { kind, ...page }),
    async show(kind, id) {
      const found = await database.call('show', { kind, id })
      // our own JSON, as the thread wrote it
      return found === null ? null : { ...found.about, report: JSON.parse(found.body) as TlsReport | DmarcReport }
    },
    tlsSummary: (since) => database.call('tlsSummary', { since }),
    dmarcSummary: (since) => database.call('dmarcSummary', { since }),
    async outgoing(kind, since) {
      await room.flush()
      return database.call('outgoing', { kind, since })
    },
    async import(kind, bytes) {
      const args = { kind, bare: true, authservId: null, limits: options().limits }
      const found = await database.call('ingest', args, [bytes])
      intake.note(kind, found, null)
      return found
    },
  }
}
