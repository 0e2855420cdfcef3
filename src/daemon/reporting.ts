import type { Planner } from '../accept/ports.ts'
import type { Clock } from '../clock.ts'
import type { Config } from '../config/index.ts'
import type { Deliver } from '../deliver/deliver.ts'
import type { WorkerPool } from '../inspect/pool/pool.ts'
import type { Log } from '../log.ts'
import type { Metrics } from '../metrics.ts'
import type { Resolver } from '../net/dns.ts'
import type { Reports } from '../reports/contract.ts'
import { openReports } from '../reports/open.ts'
import type { Spool } from '../spool/contract.ts'
import { createOwnMail, type OwnMail } from './own-mail.ts'
import { reportsOptions, withReports } from './reports.ts'

interface Seams {
  readonly log: Log
  readonly metrics: Metrics
  readonly clock: Clock
  readonly resolver: Resolver
}

interface Rooms {
  readonly spool: Pick<Spool, 'put' | 'newId'>
  readonly deliver: Pick<Deliver, 'plan' | 'take'>
  readonly pool: WorkerPool
}

/** The room of reports with what carries them, as the daemon starts, reloads and stops it. */
export class Reporting {
  readonly reports: Reports
  readonly #seams: Seams
  #ownMail: OwnMail | null = null

  private constructor(reports: Reports, seams: Seams) {
    this.reports = reports
    this.#seams = seams
  }

  static async open(config: Config, seams: Seams): Promise<Reporting> {
    return new Reporting(await openReports(reportsOptions(config), seams), seams)
  }

  /** Begins to send. The planner sends mail with reports for us here; `ownMail` carries whatever the daemon writes. */
  start(config: Config, { spool, deliver, pool }: Rooms): { readonly planner: Planner; readonly ownMail: OwnMail } {
    const planner = withReports(deliver, this.reports)
    const ownMail = createOwnMail(config, this.#seams, { spool, planner, pool, resolver: this.#seams.resolver })
    this.#ownMail = ownMail
    this.reports.start((mail) => ownMail.send(mail))
    return { planner, ownMail }
  }

  update(config: Config): void {
    this.reports.update(reportsOptions(config))
    this.#ownMail?.update(config)
  }

  async close(): Promise<void> {
    await this.reports.close()
    await this.#ownMail?.close()
  }
}
