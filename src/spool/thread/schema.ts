import type { Migration } from '../../db/migrate.ts'

/** `Post` in ASCII. */
export const SPOOL_APPLICATION_ID = 0x506f7374

const first = `
CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE message (
  id INTEGER PRIMARY KEY,      -- the queue id: ordered by time of receipt
  received_at INTEGER NOT NULL,
  client TEXT NOT NULL,
  mail_from TEXT,              -- null: the null reverse-path
  envid TEXT,
  flags INTEGER NOT NULL,
  size INTEGER NOT NULL,       -- bytes of the content, without the prefix
  message_id TEXT,
  prefix BLOB NOT NULL
) STRICT;

-- Apart from message, so that reading the queue does not wade through bodies
CREATE TABLE content (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
CREATE TABLE content_file (id INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT;

CREATE TABLE recipient (
  message_id INTEGER NOT NULL,
  n INTEGER NOT NULL,          -- index in the envelope as it was accepted
  address TEXT NOT NULL,
  orcpt TEXT,
  notify INTEGER,
  destination INTEGER NOT NULL,
  own TEXT,                    -- name of the destination before an operator's reroute
  state INTEGER NOT NULL,      -- 0 pending, 1 leased, 2 held
  due_at INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  noticed INTEGER NOT NULL,    -- 1: its delay notice was sent or waived
  last_reply TEXT,
  hold TEXT,
  hold_until INTEGER,
  PRIMARY KEY (message_id, n)
) STRICT, WITHOUT ROWID;

-- Only what waits is in an index: what is delivered at once never enters one
CREATE INDEX recipient_due ON recipient (destination, due_at) WHERE state = 0;
CREATE INDEX recipient_hold ON recipient (hold_until) WHERE state = 2;

CREATE TABLE destination (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  blocked_until INTEGER NOT NULL DEFAULT 0,
  failures INTEGER NOT NULL DEFAULT 0,
  reason TEXT
) STRICT;

CREATE TABLE journal (
  seq INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  queue_id INTEGER NOT NULL,
  event TEXT NOT NULL,
  data TEXT NOT NULL
) STRICT;

CREATE TABLE damaged (
  id INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  found TEXT NOT NULL,
  message TEXT,
  recipients TEXT,
  prefix BLOB,
  bytes BLOB,
  file TEXT
) STRICT;
`

// Checksums (checksum.ts). Rows of before have none, and are believed
const sums = `
ALTER TABLE message ADD COLUMN content_sum INTEGER;
ALTER TABLE message ADD COLUMN sum INTEGER;
ALTER TABLE recipient ADD COLUMN sum INTEGER;
`

// Holds take no time from a message: since when it is held, and until when it is tried after its release
const chances = `
ALTER TABLE recipient ADD COLUMN held_at INTEGER;
ALTER TABLE recipient ADD COLUMN tried_until INTEGER;
CREATE INDEX recipient_released ON recipient (tried_until) WHERE state = 0 AND tried_until IS NOT NULL;
`

export const migrations: readonly Migration[] = [
  { version: 1, up: (db) => db.exec(first) },
  { version: 2, up: (db) => db.exec(sums) },
  { version: 3, up: (db) => db.exec(chances) },
]
