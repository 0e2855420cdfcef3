import type { Connection } from '../../db/database.ts'
import type { DmarcSummary, ReportKind, TlsSummary } from '../contract.ts'

// What a person can look through
const SHOWN = 200

// Reports that are known to be forged do not count
const COUNTS = 'r.received_at >= ? AND r.proven IS NOT 0'

const heads = (db: Connection, kind: ReportKind, since: number) => {
  const reports = db
    .prepare<[ReportKind, number], number>(`SELECT count(*) FROM received r WHERE kind = ? AND ${COUNTS}`)
    .pluck()
  const unproven = db
    .prepare<[ReportKind, number], number>(
      'SELECT count(*) FROM received WHERE kind = ? AND received_at >= ? AND proven = 0',
    )
    .pluck()
  const damaged = db
    .prepare<[ReportKind, number], number>('SELECT count(*) FROM damaged WHERE kind = ? AND at >= ?')
    .pluck()
  return {
    reports: reports.get(kind, since) ?? 0,
    unproven: unproven.get(kind, since) ?? 0,
    damaged: damaged.get(kind, since) ?? 0,
  }
}

const TLS = `FROM received r JOIN received_tls t ON t.report = r.id WHERE ${COUNTS}`
const GOOD_BAD = "sum(iif(failure = '', count, 0)) AS good, sum(iif(failure = '', 0, count)) AS bad"

export function tlsSummary(db: Connection, since: number): TlsSummary {
  const all = <Row>(sql: string): Row[] => db.prepare<[number], Row>(`${sql} LIMIT ${SHOWN}`).all(since)
  return {
    ...heads(db, 'tls', since),
    domains: all(`SELECT domain, policy, ${GOOD_BAD} ${TLS} GROUP BY domain, policy ORDER BY bad DESC, good DESC`),
    organisations: all(`SELECT organisation, ${GOOD_BAD} ${TLS} GROUP BY organisation ORDER BY bad DESC, good DESC`),
    failures: all(
      `SELECT domain, failure, host, sending_mta AS sendingMta, organisation, sum(count) AS sessions ${TLS}
       AND failure <> '' GROUP BY domain, failure, host, sending_mta, organisation ORDER BY sessions DESC`,
    ),
  }
}

const DMARC = `FROM received r JOIN received_dmarc d ON d.report = r.id WHERE ${COUNTS}`
const ALIGNED = 'sum(iif(dkim OR spf, count, 0)) AS aligned, sum(iif(dkim OR spf, 0, count)) AS unaligned'

export function dmarcSummary(db: Connection, since: number): DmarcSummary {
  const all = <Row>(sql: string): Row[] => db.prepare<[number], Row>(`${sql} LIMIT ${SHOWN}`).all(since)
  return {
    ...heads(db, 'dmarc', since),
    domains: all(`SELECT domain, ${ALIGNED} ${DMARC} GROUP BY domain ORDER BY unaligned DESC, aligned DESC`),
    sources: all(
      `SELECT source_ip AS sourceIp, header_from AS headerFrom, sum(iif(dkim, count, 0)) AS dkim,
       sum(iif(spf, count, 0)) AS spf, ${ALIGNED}, sum(iif(disposition = 'none', 0, count)) AS refused
       ${DMARC} GROUP BY source_ip, header_from ORDER BY unaligned DESC, aligned DESC`,
    ),
  }
}
