import type { Connection } from '../../db/database.ts'
import type { DmarcReport, Ingested, ReceivedReport, ReportKind, TlsReport } from '../contract.ts'
import { DAY_MS } from '../day.ts'
import type { FoundReport } from '../incoming/find.ts'
import type { ReportOps } from '../wire.ts'

interface ReceivedRow {
  readonly id: number
  readonly organisation: string
  readonly report_id: string
  readonly sender: string
  readonly received_at: number
  readonly begins: number
  readonly ends: number
  readonly domains: string
  readonly proven: number | null
  readonly proof: string
  readonly good: number
  readonly bad: number
}

const COLUMNS = 'id, organisation, report_id, sender, received_at, begins, ends, domains, proven, proof, good, bad'
// The latest say enough about what goes wrong
const DAMAGED_KEPT = 1000

/** The tables of reports that others sent us. */
export class Received {
  readonly #db: Connection
  readonly #sql

  constructor(db: Connection) {
    this.#db = db
    this.#sql = {
      known: db
        .prepare<[ReportKind, string, string, string], number>(
          'SELECT id FROM received WHERE kind = ? AND organisation = ? AND report_id = ? AND sender = ?',
        )
        .pluck(),
      today: db.prepare<[number], { reports: number; bytes: number | null; forged: number }>(
        // octet_length looks at no body, as length would: each of a day's, for each report that comes
        `SELECT count(*) AS reports, sum(octet_length(body)) AS bytes,
                count(*) FILTER (WHERE proven = 0) AS forged FROM received WHERE received_at > ?`,
      ),
      insert: db.prepare(
        `INSERT INTO received (kind, organisation, report_id, sender, received_at, begins, ends, domains, proven,
         proof, good, bad, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      ),
      tls: db.prepare('INSERT INTO received_tls VALUES (?, ?, ?, ?, ?, ?, ?)'),
      dmarc: db.prepare('INSERT INTO received_dmarc VALUES (?, ?, ?, ?, ?, ?, ?, ?)'),
      damaged: db.prepare('INSERT INTO damaged (kind, at, sender, why) VALUES (?, ?, ?, ?)'),
      forget: db.prepare('DELETE FROM damaged WHERE id <= (SELECT max(id) FROM damaged) - ?'),
    }
  }

  /** Notes what could not be read. */
  damaged(kind: ReportKind, sender: string, why: string, now: number): Ingested {
    this.#sql.damaged.run(kind, now, sender, why)
    this.#sql.forget.run(DAMAGED_KEPT)
    return { is: 'damaged', why }
  }

  /** Inside a transaction. */
  keep(found: FoundReport, limits: ReportOps['ingest']['args']['limits'], now: number): Ingested {
    const { kind, report, sender } = found
    const { organisation, reportId } = report
    const known = this.#sql.known.get(kind, organisation, reportId, sender)
    if (known !== undefined) return { is: 'known', id: known, organisation, reportId }
    const body = JSON.stringify(report)
    const { reports = 0, bytes = 0, forged = 0 } = this.#sql.today.get(now - DAY_MS) ?? {}
    // Whoever floods us with forged ones must not keep the true ones out
    const isFull = reports >= limits.receivedPerDay || (found.proven === false && forged >= limits.receivedPerDay / 2)
    if (isFull) return { is: 'dropped', why: 'more reports in a day than are kept' }
    const share = found.proven === false ? limits.receivedBytesPerDay / 2 : limits.receivedBytesPerDay
    if ((bytes ?? 0) + Buffer.byteLength(body) > share)
      return { is: 'dropped', why: 'reports of a day are larger than what is kept' }
    const id = this.#insert(found, body, now)
    if (found.kind === 'tls') this.#tlsRows(id, found.report)
    else this.#dmarcRows(id, found.report)
    return { is: 'stored', id, organisation, reportId }
  }

  #insert(found: FoundReport, body: string, now: number): number {
    const { kind, report, sender, proven, proof } = found
    const { organisation, reportId, begins, ends } = report
    const domains = JSON.stringify(found.domains)
    const flag = proven === null ? null : Number(proven)
    const values = [
      kind,
      organisation,
      reportId,
      sender,
      now,
      begins,
      ends,
      domains,
      flag,
      proof,
      found.good,
      found.bad,
      body,
    ]
    return Number(this.#sql.insert.run(...values).lastInsertRowid)
  }

  #tlsRows(id: number, { policies }: TlsReport): void {
    for (const { domain, type, successful, failures } of policies) {
      if (successful > 0) this.#sql.tls.run(id, domain, type, '', '', '', successful)
      for (const each of failures) {
        this.#sql.tls.run(id, domain, type, each.type, each.host, each.sendingMta, each.sessions)
      }
    }
  }

  #dmarcRows(id: number, { rows, published }: DmarcReport): void {
    for (const { sourceIp, headerFrom, disposition, dkimAligned, spfAligned, count } of rows) {
      const flags = [Number(dkimAligned), Number(spfAligned)]
      this.#sql.dmarc.run(id, sourceIp, headerFrom, published.domain, disposition, ...flags, count)
    }
  }

  list({ kind, before, limit }: ReportOps['list']['args']): readonly ReceivedReport[] {
    const sql = `SELECT ${COLUMNS} FROM received WHERE kind = ? AND id < ? ORDER BY id DESC LIMIT ?`
    const rows = this.#db.prepare<unknown[], ReceivedRow>(sql).all(kind, before ?? Number.MAX_SAFE_INTEGER, limit)
    return rows.map(toReceived)
  }

  show({ kind, id }: ReportOps['show']['args']): ReportOps['show']['result'] {
    const sql = `SELECT ${COLUMNS}, body FROM received WHERE kind = ? AND id = ?`
    const row = this.#db.prepare<unknown[], ReceivedRow & { body: string }>(sql).get(kind, id)
    return row === undefined ? null : { about: toReceived(row), body: row.body }
  }
}

function toReceived({ report_id, received_at, proven, domains, ...row }: ReceivedRow): ReceivedReport {
  const { id, organisation, sender, begins, ends, proof, good, bad } = row
  return {
    id,
    organisation,
    reportId: report_id,
    sender,
    receivedAt: received_at,
    begins,
    ends,
    domains: JSON.parse(domains) as string[],
    proven: proven === null ? null : proven === 1,
    proof,
    good,
    bad,
  }
}
