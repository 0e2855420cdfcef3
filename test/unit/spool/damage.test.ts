import assert from 'node:assert/strict'
import { closeSync, openSync, readdirSync, rmSync, truncateSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import Database from 'better-sqlite3'
import { deliver, hold, message, type Opened, openTestSpool, START, want } from './support.ts'

const HOUR = 3_600_000

/** Changes the database behind the spool's back, while it is closed. */
async function tamper(opened: Opened, sql: string, ...values: unknown[]) {
  await opened.spool.close()
  const db = new Database(join(opened.path, 'spool.db'))
  db.prepare(sql).run(...values)
  db.close()
  return opened.reopen()
}

const cases: readonly { title: string; sql: string; found: RegExp; atStart: boolean }[] = [
  {
    title: 'an unknown state',
    sql: "UPDATE recipient SET state = 9 WHERE address = 'bad@bad.test'",
    found: /unknown state 9/,
    atStart: true,
  },
  {
    title: 'an unknown destination',
    sql: "UPDATE recipient SET destination = 99 WHERE address = 'bad@bad.test'",
    found: /destination/,
    atStart: true,
  },
  {
    title: 'no recipients',
    sql: "DELETE FROM recipient WHERE address = 'bad@bad.test'",
    found: /without recipients/,
    atStart: true,
  },
  {
    title: 'another address than was stored',
    sql: "UPDATE recipient SET address = 'bad' WHERE address = 'bad@bad.test'",
    found: /recipient that does not match/,
    atStart: false,
  },
  {
    title: 'another sender than was stored',
    sql: "UPDATE message SET mail_from = 'a@b@' WHERE size = 77",
    found: /row that does not match/,
    atStart: false,
  },
  {
    title: 'an address that is none, of before there were checksums',
    sql: "UPDATE recipient SET address = 'bad', sum = NULL WHERE address = 'bad@bad.test'",
    found: /address/,
    atStart: false,
  },
  {
    title: 'a quarantine that was altered',
    sql: "UPDATE recipient SET hold = '{}' WHERE address = 'bad@bad.test'",
    found: /held and not held/,
    atStart: false,
  },
  {
    title: 'content with one bit of it flipped',
    sql: "UPDATE content SET bytes = cast('y' || substr(bytes, 2) AS BLOB) WHERE length(bytes) = 77",
    found: /content that does not match its checksum/,
    atStart: false,
  },
  {
    title: 'another destination than was stored',
    sql: "UPDATE recipient SET destination = (SELECT max(id) FROM destination) WHERE address = 'bad@bad.test'",
    found: /recipient that does not match/,
    atStart: false,
  },
  { title: 'no content', sql: 'DELETE FROM content WHERE length(bytes) = 77', found: /no content/, atStart: false },
  {
    title: 'content that is too short',
    sql: "UPDATE content SET bytes = x'00' WHERE length(bytes) = 77",
    found: /content of 1 bytes where 77/,
    atStart: false,
  },
]

for (const { title, sql, found, atStart } of cases) {
  test(`A message with ${title} is set aside, reported, and stops nothing else.`, async (t) => {
    const opened = await openTestSpool(t)
    const bad = await opened.spool.put(message(['bad@bad.test'], 77), [deliver('bad.test')])
    const good = await opened.spool.put(message(['a@bad.test'], 10), [deliver('bad.test')])
    const far = await opened.spool.put(message(['a@far.test'], 10), [deliver('far.test', START + 10 * HOUR)])
    const spool = await tamper(opened, sql)
    if (atStart) assert.equal((await spool.damaged()).length, 1)
    const leases = await spool.lease(want(START + HOUR))
    assert.deepEqual(
      leases.map(({ queueId }) => queueId),
      [good.queueId],
    )
    const damaged = await spool.damaged()
    assert.equal(damaged[0]?.queueId, bad.queueId)
    assert.match(damaged[0]?.found ?? '', found)
    const { states, damaged: count } = await spool.summary()
    assert.deepEqual([states, count], [{ pending: 1, leased: 1, held: 0 }, 1], far.queueId)
    assert.equal(await spool.show(bad.queueId), null)
    const again = await opened.reopen()
    assert.equal((await again.damaged()).length, 1, 'it stays set aside')
  })
}

test('A message whose file is gone or cut short is set aside; what is left of the file is kept.', async (t) => {
  const opened = await openTestSpool(t, { contentInRowBytes: 10 })
  const put = () => opened.spool.put(message(['a@a.test'], 5000), [deliver('a.test')])
  await put()
  await put()
  const good = await put()
  const folder = join(opened.path, 'content', '2026-11-22')
  const [gone = '', short = ''] = readdirSync(folder).sort()
  rmSync(join(folder, gone))
  truncateSync(join(folder, short), 10)
  const leases = await opened.spool.lease(want(START + HOUR))
  assert.deepEqual(
    leases.map(({ queueId }) => queueId),
    [good.queueId],
  )
  const spool = await opened.reopen()
  assert.equal((await spool.damaged()).length, 2)
  assert.equal((await spool.lease(want(START + HOUR))).length, 1)
  assert.equal(readdirSync(folder).length, 2)
})

test('A hold that cannot be read is set aside, and the next hold is dealt with.', async (t) => {
  const opened = await openTestSpool(t)
  const held = (size: number) =>
    opened.spool.put(message(['a@a.test'], size), [{ do: 'hold', destination: 'a.test', hold: hold(START) }])
  const bad = await held(77)
  const good = await held(10)
  const spool = await tamper(opened, "UPDATE recipient SET hold = '{' WHERE message_id = (SELECT min(id) FROM message)")
  const { entries } = await spool.list({}, { after: null, limit: 10 })
  assert.equal(entries.length, 2, 'and it can be listed')
  assert.deepEqual(
    (await spool.overdueHolds(10)).map(({ lease }) => lease.queueId),
    [good.queueId],
  )
  assert.deepEqual(
    (await spool.damaged()).map(({ queueId }) => queueId),
    [bad.queueId],
  )
})

test('All that is left of a damaged message is kept for people to look at.', async (t) => {
  const opened = await openTestSpool(t)
  await opened.spool.put(message(['bad@bad.test'], 77), [deliver('bad.test')])
  const spool = await tamper(opened, 'UPDATE recipient SET state = 9')
  await spool.close()
  const db = new Database(join(opened.path, 'spool.db'))
  const row = db.prepare('SELECT * FROM damaged').get() as Record<string, string | Buffer>
  db.close()
  assert.match(String(row.recipients), /bad@bad\.test/)
  assert.match(String(row.message), /ward@royal/)
  assert.equal(row.bytes?.length, 77)
  assert.match(String(row.prefix), /^Received/)
})

test('Of a content file with one bit flipped nobody gets the end, and its message is set aside.', async (t) => {
  const opened = await openTestSpool(t, { contentInRowBytes: 10 })
  const bad = await opened.spool.put(message(['a@a.test'], 200_000), [deliver('a.test')])
  const folder = join(opened.path, 'content', '2026-11-22')
  const file = openSync(join(folder, readdirSync(folder)[0] ?? ''), 'r+')
  writeSync(file, 'y', 150_000)
  closeSync(file)
  const [lease] = await opened.spool.lease(want(START + HOUR))
  let read = 0
  const readAll = async () => {
    for await (const chunk of lease?.content.stream() ?? []) read += chunk.length
  }
  await assert.rejects(readAll(), { name: 'ContentDamaged' })
  assert.ok(read < 200_000)
  const damaged = await opened.spool.damaged()
  assert.deepEqual(damaged, [{ queueId: bad.queueId, found: 'content that does not match its checksum' }])
  await opened.reopen()
  assert.equal(readdirSync(folder).length, 1, 'its file stays')
})

test('A file that no row names stays for as long as a message is damaged.', async (t) => {
  const opened = await openTestSpool(t, { contentInRowBytes: 10 })
  await opened.spool.put(message(['a@a.test'], 5000), [deliver('a.test')])
  await tamper(opened, "UPDATE content_file SET name = '2026-11-22/other'")
  await opened.spool.lease(want(START + HOUR))
  await opened.reopen()
  await opened.reopen()
  assert.equal(readdirSync(join(opened.path, 'content', '2026-11-22')).length, 1)
})

test('What is missing in an index is found at the start, and sent.', async (t) => {
  const opened = await openTestSpool(t)
  await opened.spool.put(message(['a@a.test']), [deliver('a.test')])
  await opened.spool.close()
  const db = new Database(join(opened.path, 'spool.db'))
  db.unsafeMode()
  db.pragma('writable_schema=ON')
  const { sql } = db.prepare("SELECT sql FROM sqlite_schema WHERE name = 'recipient_due'").get() as { sql: string }
  const change = db.prepare("UPDATE sqlite_schema SET sql = ? WHERE name = 'recipient_due'")
  change.run(sql.replace('state = 0', 'state = 7'))
  db.close()
  const other = new Database(join(opened.path, 'spool.db'))
  other.exec('REINDEX recipient_due')
  other.unsafeMode()
  other.pragma('writable_schema=ON')
  other.prepare("UPDATE sqlite_schema SET sql = ? WHERE name = 'recipient_due'").run(sql)
  other.close()
  const spool = await opened.reopen()
  assert.equal((await spool.lease(want(START + HOUR))).length, 1)
})

test('Times that were altered to the furthest there are hide nothing and stop no start.', async (t) => {
  const opened = await openTestSpool(t)
  for (const n of [1, 2, 3]) await opened.spool.put(message([`a${n}@a.test`]), [deliver('a.test')])
  const spool = await tamper(opened, 'UPDATE recipient SET due_at = 9223372036854775807')
  assert.equal((await spool.lease(want(START + HOUR))).length, 3)
})

for (const [title, spoil] of [
  ['is gone', (path: string) => rmSync(path)],
  ['is empty', (path: string) => truncateSync(path, 0)],
  ['is cut short', (path: string) => truncateSync(path, 8192)],
  ['is something else', (path: string) => writeFileSync(path, 'something else'.repeat(9000))],
] as const) {
  test(`A database that ${title} beside content is no new beginning: the start is refused, and says what to do.`, async (t) => {
    const opened = await openTestSpool(t, { contentInRowBytes: 10 })
    await opened.spool.put(message(['a@a.test'], 5000), [deliver('a.test')])
    await opened.spool.close()
    spoil(join(opened.path, 'spool.db'))
    await assert.rejects(opened.reopen(), { name: 'SpoolDamaged', message: /postern spool repair/ })
    assert.equal(readdirSync(join(opened.path, 'content', '2026-11-22')).length, 1)
  })
}
