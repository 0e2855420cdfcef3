import type { Connection } from '../../db/database.ts'
import type { ReportKind } from '../contract.ts'
import type { Counted } from '../tally.ts'
import type { DmarcRow, DueKey, ReportOps, TlsRow } from '../wire.ts'

/** The tables of what is counted for reports to come. */
export class Counts {
  readonly #sql
  readonly #db: Connection

  constructor(db: Connection) {
    this.#db = db
    const days = (table: string) => db.prepare<[number], number>(`SELECT count(*) FROM ${table} WHERE day = ?`).pluck()
    this.#sql = {
      tlsMore: db.prepare(
        `UPDATE tls_count SET count = count + ? WHERE day = ? AND domain = ? AND policy = ? AND failure = ?
         AND host = ? AND local_address = ? AND address = ?`,
      ),
      tlsNew: db.prepare('INSERT INTO tls_count VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)'),
      dmarcMore: db.prepare('UPDATE dmarc_count SET count = count + ? WHERE day = ? AND domain = ? AND facts = ?'),
      dmarcNew: db.prepare('INSERT INTO dmarc_count VALUES (?, ?, ?, ?)'),
      policy: db.prepare('INSERT OR REPLACE INTO dmarc_policy VALUES (?, ?, ?)'),
      over: db.prepare(
        'INSERT INTO overflow VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET count = count + excluded.count',
      ),
      rowsOf: { tls: days('tls_count'), dmarc: days('dmarc_count') },
    }
  }

  add({ tls, dmarc, overflow, rowsPerDay }: ReportOps['count']['args']): null {
    for (const counted of tls) this.#addTls(counted, rowsPerDay)
    for (const counted of dmarc) this.#addDmarc(counted, rowsPerDay)
    for (const [kind, day, count] of overflow) this.#sql.over.run(kind, day, count)
    return null
  }

  #addTls({ row, count }: Counted<TlsRow>, rowsPerDay: number): void {
    const { day, domain, policy, failure, host, localAddress, address, reason } = row
    const known = this.#sql.tlsMore.run(count, day, domain, policy, failure, host, localAddress, address)
    if (known.changes > 0) return
    if (!this.#hasRoom('tls', day, rowsPerDay)) this.#sql.over.run('tls', day, count)
    else this.#sql.tlsNew.run(day, domain, policy, failure, host, localAddress, address, reason, count)
  }

  #addDmarc({ row, count }: Counted<DmarcRow>, rowsPerDay: number): void {
    const { day, domain, published, facts } = row
    if (this.#sql.dmarcMore.run(count, day, domain, facts).changes === 0) {
      if (!this.#hasRoom('dmarc', day, rowsPerDay)) {
        this.#sql.over.run('dmarc', day, count)
        return
      }
      this.#sql.dmarcNew.run(day, domain, facts, count)
    }
    this.#sql.policy.run(day, domain, published)
  }

  // new rows are few, and the day's stand side by side
  #hasRoom(kind: ReportKind, day: number, rowsPerDay: number): boolean {
    return (this.#sql.rowsOf[kind].get(day) ?? 0) < rowsPerDay
  }

  /** The most frequent rows of one report to be. */
  tlsRows({ day, domain, limit }: DueKey & { limit: number }): readonly Counted<TlsRow>[] {
    const rows = this.#db
      .prepare<[number, string, number], Omit<TlsRow, 'localAddress'> & { local_address: string; count: number }>(
        // sessions that succeeded first: without them the sums are wrong
        "SELECT * FROM tls_count WHERE day = ? AND domain = ? ORDER BY failure = '' DESC, count DESC LIMIT ?",
      )
      .all(day, domain, limit)
    return rows.map(({ count, local_address, ...row }) => ({ row: { ...row, localAddress: local_address }, count }))
  }

  dmarcRows({ day, domain, limit }: DueKey & { limit: number }): ReportOps['dmarcRows']['result'] {
    const published = this.#db
      .prepare<[number, string], string>('SELECT published FROM dmarc_policy WHERE day = ? AND domain = ?')
      .pluck()
      .get(day, domain)
    const rows = this.#db
      .prepare<[number, string, number], { facts: string; count: number }>(
        'SELECT facts, count FROM dmarc_count WHERE day = ? AND domain = ? ORDER BY count DESC LIMIT ?',
      )
      .all(day, domain, limit)
    return { published: published ?? null, rows: rows.map(({ facts, count }) => ({ row: { facts }, count })) }
  }
}
