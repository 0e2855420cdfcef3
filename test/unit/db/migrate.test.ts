import assert from 'node:assert/strict'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { checkpoint, type DatabaseOptions, openDatabase, openReadOnly, shrink } from '../../../src/db/database.ts'
import { FolderInUse, lockFolder } from '../../../src/db/lock.ts'
import type { Migration } from '../../../src/db/migrate.ts'
import { type Scope, temporaryFolder } from '../../support/folder.ts'

const first: Migration = { version: 1, up: (db) => db.exec('CREATE TABLE a (x INTEGER)') }
const second: Migration = { version: 2, up: (db) => db.exec('ALTER TABLE a ADD COLUMN y INTEGER') }
const failing: Migration = { version: 2, up: (db) => db.exec('CREATE TABLE b (x); CREATE TABLE a (x)') }

const options = (
  t: Scope,
  migrations: readonly Migration[],
  path = join(temporaryFolder(t, 'db'), 'test.db'),
): DatabaseOptions => ({
  path,
  applicationId: 0x1234,
  migrations,
  cacheBytes: 1_000_000,
  walBytes: 1_000_000,
})

const columns = (path: string): unknown[] => {
  const db = openReadOnly(path, 100_000)
  const names = db.prepare('SELECT name FROM pragma_table_info(?)').pluck().all('a')
  db.close()
  return names
}

test('An older file is brought up to date, with what is in it.', (t) => {
  const old = options(t, [first])
  const before = openDatabase(old)
  before.exec('INSERT INTO a VALUES (7)')
  before.close()
  const db = openDatabase({ ...old, migrations: [first, second] })
  assert.deepEqual(db.prepare('SELECT * FROM a').all(), [{ x: 7, y: null }])
  db.close()
})

test('A file of newer code is refused, in words that say what to do, and is left as it is.', (t) => {
  const newer = options(t, [first, second])
  openDatabase(newer).close()
  assert.throws(() => openDatabase({ ...newer, migrations: [first] }), {
    name: 'DatabaseRefused',
    message: /newer version .* format is 2, this version knows up to 1/,
  })
  assert.deepEqual(columns(newer.path), ['x', 'y'])
})

test('A step that fails leaves the file as it was.', (t) => {
  const old = options(t, [first])
  openDatabase(old).close()
  assert.throws(() => openDatabase({ ...old, migrations: [first, failing] }), /already exists/)
  const db = openDatabase({ ...old, migrations: [first, second] })
  assert.equal(db.prepare("SELECT count(*) FROM sqlite_schema WHERE name = 'b'").pluck().get(), 0)
  db.close()
})

test('A database of another kind is refused.', (t) => {
  const other = options(t, [first])
  openDatabase(other).close()
  assert.throws(() => openDatabase({ ...other, applicationId: 0x4321 }), { name: 'DatabaseRefused' })
})

test('Steps that are out of order are a mistake in the code.', (t) => {
  assert.throws(() => openDatabase(options(t, [second])), RangeError)
})

test('A folder is taken by one at a time.', (t) => {
  const path = join(temporaryFolder(t, 'lock'), 'lock')
  const lock = lockFolder(path)
  assert.throws(() => lockFolder(path), FolderInUse)
  lock.close()
  lockFolder(path).close()
})

test('Every commit waits for the disk.', (t) => {
  const db = openDatabase(options(t, [first]))
  assert.equal(db.pragma('synchronous', { simple: true }), 2)
  assert.equal(db.pragma('journal_mode', { simple: true }), 'wal')
  db.close()
})

test('A file that has emptied gives its space back, a little at a time.', (t) => {
  const all = options(t, [first])
  const db = openDatabase(all)
  db.exec('CREATE TABLE b (x BLOB)')
  const insert = db.prepare('INSERT INTO b VALUES (zeroblob(100000))')
  for (let i = 0; i < 50; i++) insert.run()
  db.exec('DELETE FROM b')
  checkpoint(db)
  assert.ok(statSync(all.path).size > 5_000_000)
  assert.equal(shrink(db, 0, -1), true, 'no time, so it is not done')
  assert.equal(shrink(db, 1_000_000, 60_000), false)
  checkpoint(db)
  const kept = statSync(all.path).size
  assert.ok(kept > 1_000_000 && kept < 1_200_000, `${kept}`)
  db.close()
})

test('A database can be read by its owner only, and so can its log.', (t) => {
  const all = options(t, [first])
  const db = openDatabase(all)
  db.exec('INSERT INTO a VALUES (1)')
  for (const suffix of ['', '-wal', '-shm']) assert.equal(statSync(all.path + suffix).mode & 0o777, 0o600, suffix)
  db.close()
})
