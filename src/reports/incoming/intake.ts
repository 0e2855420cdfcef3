import type { Log } from '../../log.ts'
import { type Address, addressKey } from '../../mail/address.ts'
import { readAll } from '../../mail/content.ts'
import { reply } from '../../mail/reply.ts'
import type { Metrics } from '../../metrics.ts'
import { type Ingested, isReportKind, type ReportKind, type ReportStore } from '../contract.ts'
import type { ReportsDatabase } from '../database.ts'
import type { ReportsOptions } from '../options.ts'

export interface IntakePorts {
  readonly database: ReportsDatabase
  readonly options: () => ReportsOptions
  readonly log: Log
  readonly metrics: Metrics
}

type Stored = Parameters<ReportStore['deliver']>[0]
type Answer = Awaited<ReturnType<ReportStore['deliver']>>[number]

/** What the trace says of it: only what was kept was read. */
const taken = (words: string): Answer => ({ is: 'delivered', reply: reply(250, '2.1.5', words) })
const READ = 'Read as a report'
const NOBODY: Answer = { is: 'failed', reply: reply(550, '5.1.1', 'No reports are taken here') }
const LATER: Answer = { is: 'deferred', reply: reply(451, '4.3.0', 'The report cannot be stored at the moment') }

/**
 * Takes mail to the addresses for reports. Whatever is wrong with it, it is taken and noted: nobody would read
 * a bounce. Only where the database does not answer, it is to come again.
 */
export class Intake implements ReportStore {
  readonly #ports: IntakePorts

  constructor(ports: IntakePorts) {
    this.#ports = ports
  }

  async deliver(message: Stored): Promise<readonly Answer[]> {
    const kinds = message.envelope.rcptTo.map(({ address }) => this.kindFor(address))
    const answers = new Map<ReportKind | null, Answer>([[null, NOBODY]])
    for (const kind of new Set(kinds)) if (kind !== null) answers.set(kind, await this.#take(message, kind))
    return kinds.map((kind) => answers.get(kind) ?? LATER)
  }

  /** Which reports are read at an address; null: none. */
  kindFor(address: Address): ReportKind | null {
    const { tls, dmarc } = this.#ports.options()
    const key = addressKey(address)
    const found = Object.entries({ tls, dmarc }).find(
      ([, { receive }]) => receive !== null && addressKey(receive) === key,
    )
    const name = found?.[0] ?? ''
    return isReportKind(name) ? name : null
  }

  async #take({ content, queueId }: Stored, kind: ReportKind): Promise<Answer> {
    const { options, log } = this.#ports
    const { limits, authservId } = options()
    if (content.size > limits.messageBytes) {
      log.warn({ kind, queueId, bytes: content.size }, 'a report is larger than what is read')
      return taken(`Taken and not read as a report: it is larger than ${limits.messageBytes} bytes`)
    }
    try {
      const bytes = await readAll(content, limits.messageBytes)
      const found = await this.#ports.database.call('ingest', { kind, bare: false, authservId, limits }, [bytes])
      this.note(kind, found, queueId)
      return taken('why' in found ? `Taken and not kept as a report: ${found.why}` : READ)
    } catch (error) {
      log.error({ kind, queueId, err: error }, 'a report could not be stored')
      return LATER
    }
  }

  /** What came of it, for the log and for counting. */
  note(kind: ReportKind, found: Ingested, queueId: string | null): void {
    const { log, metrics } = this.#ports
    metrics.count('postern_reports_received_total', { kind, outcome: found.is })
    if ('id' in found) log.info({ kind, queueId, id: found.id, outcome: found.is }, 'a report was received')
    else log.warn({ kind, queueId, why: found.why, outcome: found.is }, 'what should be a report was not kept')
  }
}
