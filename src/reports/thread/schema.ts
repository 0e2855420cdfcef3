import type { Migration } from '../../db/migrate.ts'

/** `PosR` in ASCII. */
export const REPORTS_APPLICATION_ID = 0x506f7352

const first = `
-- What we saw, by UTC day (days since 1970), until it is in a report
CREATE TABLE tls_count (
  day INTEGER NOT NULL,
  domain TEXT NOT NULL,
  policy TEXT NOT NULL,         -- JSON
  failure TEXT NOT NULL,        -- empty: sessions that succeeded
  host TEXT NOT NULL,
  local_address TEXT NOT NULL,
  address TEXT NOT NULL,
  reason TEXT NOT NULL,
  count INTEGER NOT NULL,
  PRIMARY KEY (day, domain, policy, failure, host, local_address, address)
) STRICT, WITHOUT ROWID;
CREATE TABLE dmarc_count (
  day INTEGER NOT NULL,
  domain TEXT NOT NULL,
  facts TEXT NOT NULL,          -- JSON
  count INTEGER NOT NULL,
  PRIMARY KEY (day, domain, facts)
) STRICT, WITHOUT ROWID;
CREATE TABLE dmarc_policy (     -- as it was seen last on that day
  day INTEGER NOT NULL,
  domain TEXT NOT NULL,
  published TEXT NOT NULL,
  PRIMARY KEY (day, domain)
) STRICT, WITHOUT ROWID;
CREATE TABLE overflow (
  kind TEXT NOT NULL,
  day INTEGER NOT NULL,
  count INTEGER NOT NULL,
  PRIMARY KEY (kind, day)
) STRICT, WITHOUT ROWID;

-- Reports that we owe or have sent
CREATE TABLE outgoing (
  kind TEXT NOT NULL,
  day INTEGER NOT NULL,
  domain TEXT NOT NULL,
  state TEXT NOT NULL,          -- pending, sent, nobody, failed
  attempts INTEGER NOT NULL,
  next_at INTEGER,
  detail TEXT NOT NULL,
  PRIMARY KEY (kind, day, domain)
) STRICT, WITHOUT ROWID;
CREATE TABLE destination (
  kind TEXT NOT NULL,
  day INTEGER NOT NULL,
  domain TEXT NOT NULL,
  uri TEXT NOT NULL,
  state TEXT NOT NULL,          -- sending, sent, refused, retry
  detail TEXT NOT NULL,
  PRIMARY KEY (kind, day, domain, uri)
) STRICT, WITHOUT ROWID;

-- Reports that we got
CREATE TABLE received (
  id INTEGER PRIMARY KEY,
  kind TEXT NOT NULL,
  organisation TEXT NOT NULL,
  report_id TEXT NOT NULL,
  sender TEXT NOT NULL,
  received_at INTEGER NOT NULL,
  begins INTEGER NOT NULL,
  ends INTEGER NOT NULL,
  domains TEXT NOT NULL,        -- JSON
  proven INTEGER,
  proof TEXT NOT NULL,
  good INTEGER NOT NULL,
  bad INTEGER NOT NULL,
  body TEXT NOT NULL,           -- JSON
  UNIQUE (kind, organisation, report_id, sender)
) STRICT;
CREATE INDEX received_at ON received (received_at);
CREATE TABLE received_tls (
  report INTEGER NOT NULL,
  domain TEXT NOT NULL,
  policy TEXT NOT NULL,
  failure TEXT NOT NULL,        -- empty: sessions that succeeded
  host TEXT NOT NULL,
  sending_mta TEXT NOT NULL,
  count INTEGER NOT NULL
) STRICT;
CREATE INDEX received_tls_report ON received_tls (report);
CREATE TABLE received_dmarc (
  report INTEGER NOT NULL,
  source_ip TEXT NOT NULL,
  header_from TEXT NOT NULL,
  domain TEXT NOT NULL,
  disposition TEXT NOT NULL,
  dkim INTEGER NOT NULL,
  spf INTEGER NOT NULL,
  count INTEGER NOT NULL
) STRICT;
CREATE INDEX received_dmarc_report ON received_dmarc (report);
-- What should have been a report and was not
CREATE TABLE damaged (
  id INTEGER PRIMARY KEY,
  kind TEXT NOT NULL,
  at INTEGER NOT NULL,
  sender TEXT NOT NULL,
  why TEXT NOT NULL
) STRICT;
CREATE INDEX damaged_at ON damaged (at);
`

export const migrations: readonly Migration[] = [{ version: 1, up: (db) => db.exec(first) }]
