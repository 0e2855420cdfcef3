import type { Connection } from '../../db/database.ts'
import type { OutgoingOverview, OutgoingReport, ReportKind } from '../contract.ts'
import { dayOf } from '../day.ts'
import type { Due, DueKey, ReportOps } from '../wire.ts'

interface OutgoingRow {
  readonly day: number
  readonly domain: string
  readonly state: OutgoingReport['state']
  readonly attempts: number
  readonly next_at: number | null
  readonly detail: string
}

interface DestinationRow {
  readonly uri: string
  readonly state: string
  readonly detail: string
}

const SHOWN = 500
const COUNTS = { tls: 'tls_count', dmarc: 'dmarc_count' } as const

// Sums of one domain and day: what is good, and what is bad
const SUMS = {
  tls: "sum(CASE WHEN failure = '' THEN count ELSE 0 END) AS good, sum(CASE WHEN failure = '' THEN 0 ELSE count END) AS bad",
  dmarc: `sum(CASE WHEN facts ->> 'dkimAligned' OR facts ->> 'spfAligned' THEN count ELSE 0 END) AS good,
    sum(CASE WHEN facts ->> 'dkimAligned' OR facts ->> 'spfAligned' THEN 0 ELSE count END) AS bad`,
} as const

/** The tables of reports that we owe, and of those that went out. */
export class Outgoing {
  readonly #db: Connection
  readonly #sql

  constructor(db: Connection) {
    this.#db = db
    this.#sql = {
      due: db.prepare<[ReportKind, number, number], OutgoingRow>(
        "SELECT * FROM outgoing WHERE kind = ? AND state = 'pending' AND next_at <= ? ORDER BY next_at LIMIT ?",
      ),
      destinations: db.prepare<[ReportKind, number, string], DestinationRow>(
        'SELECT uri, state, detail FROM destination WHERE kind = ? AND day = ? AND domain = ? ORDER BY uri',
      ),
      destination: db.prepare('INSERT OR REPLACE INTO destination VALUES (?, ?, ?, ?, ?, ?)'),
      settle: db.prepare(
        `UPDATE outgoing SET state = ?, next_at = ?, detail = ?, attempts = attempts + 1
         WHERE kind = ? AND day = ? AND domain = ?`,
      ),
    }
  }

  open({ kind, from, before }: ReportOps['open']['args'], now: number): null {
    this.#db
      .prepare(
        `INSERT OR IGNORE INTO outgoing
         SELECT DISTINCT ?, day, domain, 'pending', 0, ?, '' FROM ${COUNTS[kind]} WHERE day >= ? AND day < ?`,
      )
      .run(kind, now, from, before)
    return null
  }

  due({ kind, limit }: ReportOps['due']['args'], now: number): readonly Due[] {
    return this.#sql.due.all(kind, now, limit).map(({ day, domain, attempts }) => ({
      kind,
      day,
      domain,
      attempts,
      destinations: Object.fromEntries(
        this.#sql.destinations.all(kind, day, domain).map(({ uri, state }) => [uri, state]),
      ),
    }))
  }

  destination({ kind, day, domain, uri, state, detail }: ReportOps['destination']['args']): null {
    this.#sql.destination.run(kind, day, domain, uri, state, detail)
    return null
  }

  settle({ kind, day, domain, state, nextAt, detail }: ReportOps['settle']['args']): null {
    this.#sql.settle.run(state, nextAt, detail, kind, day, domain)
    return null
  }

  overview({ kind, since }: ReportOps['outgoing']['args']): OutgoingOverview {
    const from = dayOf(since)
    const reports = this.#db
      .prepare<[ReportKind, number, number], OutgoingRow>(
        'SELECT * FROM outgoing WHERE kind = ? AND day >= ? ORDER BY day DESC, domain LIMIT ?',
      )
      .all(kind, from, SHOWN)
    return {
      reports: reports.map(({ next_at, day, domain, state, attempts, detail }) => {
        const key: DueKey = { kind, day, domain }
        return { day, domain, state, attempts, nextAt: next_at, detail, destinations: this.#destinationsOf(key) }
      }),
      collecting: this.#collecting(kind),
      overflow: this.#db
        .prepare<[ReportKind, number], { day: number; count: number }>(
          'SELECT day, count FROM overflow WHERE kind = ? AND day >= ? ORDER BY day DESC',
        )
        .all(kind, from),
    }
  }

  #destinationsOf({ kind, day, domain }: DueKey): readonly DestinationRow[] {
    return this.#sql.destinations.all(kind, day, domain)
  }

  #collecting(kind: ReportKind): OutgoingOverview['collecting'] {
    return this.#db
      .prepare<[ReportKind, number], OutgoingOverview['collecting'][number]>(
        `SELECT c.day, c.domain, ${SUMS[kind]} FROM ${COUNTS[kind]} c
         WHERE NOT EXISTS (SELECT 1 FROM outgoing o WHERE o.kind = ? AND o.day = c.day AND o.domain = c.domain)
         GROUP BY c.day, c.domain ORDER BY c.day DESC, good + bad DESC LIMIT ?`,
      )
      .all(kind, SHOWN)
  }
}
