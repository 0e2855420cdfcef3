import type { Migration } from '../../db/migrate.ts'

/** `PosL` in ASCII. */
export const LEDGER_APPLICATION_ID = 0x506f734c

const first = `
-- Where entries come from, and up to which of its numbers they are here
CREATE TABLE source (id INTEGER PRIMARY KEY, number INTEGER NOT NULL UNIQUE, seq INTEGER NOT NULL) STRICT;

-- Append-only. data is the text as the spool committed it, byte for byte
CREATE TABLE entry (
  id INTEGER PRIMARY KEY,
  source INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  at INTEGER NOT NULL,
  queue_id INTEGER NOT NULL,
  event TEXT NOT NULL,
  data TEXT NOT NULL
) STRICT;
-- Queue ids grow with time, so this index too grows at its end
CREATE INDEX entry_queue_id ON entry (queue_id);

-- Search keys of a stretch of messages, written in one go and in order when the stretch is full:
-- an index over all messages would touch a page somewhere for each key of each message
CREATE TABLE segment (
  id INTEGER PRIMARY KEY,
  first_id INTEGER NOT NULL,   -- the lowest and the highest queue id in it
  last_id INTEGER NOT NULL,
  last_entry INTEGER NOT NULL  -- entries up to this are indexed
) STRICT;
CREATE TABLE lookup (
  segment INTEGER NOT NULL,
  key INTEGER NOT NULL,        -- 48 bits of hash; what is found is compared with the entry
  queue_id INTEGER NOT NULL,
  PRIMARY KEY (segment, key, queue_id)
) STRICT, WITHOUT ROWID;
`

const second = `
-- hash: SHA-256 over the entry before's hash and this entry; null in entries from before the chain
ALTER TABLE entry ADD COLUMN hash BLOB;

-- anchor: what the oldest entry follows on (the beginning, or the last entry that was dropped);
-- head: the newest entry, written with it, so that a cut end shows
CREATE TABLE chain (
  name TEXT PRIMARY KEY,
  entry INTEGER NOT NULL,
  count INTEGER NOT NULL,
  at INTEGER NOT NULL,
  hash BLOB NOT NULL,
  key TEXT,
  signature BLOB
) STRICT, WITHOUT ROWID;

CREATE TABLE checkpoint (
  entry INTEGER PRIMARY KEY,
  count INTEGER NOT NULL,
  at INTEGER NOT NULL,
  hash BLOB NOT NULL,
  key TEXT,
  signature BLOB
) STRICT;

-- Each chain begins with bytes of its own, so that none can be passed off as another
INSERT INTO chain SELECT 'anchor', ifnull(max(id), 0), 0, unixepoch() * 1000, randomblob(32), NULL, NULL FROM entry;
INSERT INTO chain SELECT 'head', entry, count, at, hash, NULL, NULL FROM chain WHERE name = 'anchor';
`

export const migrations: readonly Migration[] = [
  { version: 1, up: (db) => db.exec(first) },
  { version: 2, up: (db) => db.exec(second) },
]
