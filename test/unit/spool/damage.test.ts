import assert from 'node:assert/strict'
import { readdirSync, rmSync, truncateSync } from 'node:fs'
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
    title: 'an address that is none',
    sql: "UPDATE recipient SET address = 'bad' WHERE address = 'bad@bad.test'",
    found: /address/,
    atStart: false,
  },
  {
    title: 'a sender that is none',
    sql: "UPDATE message SET mail_from = 'a@b@' WHERE size = 77",
    found: /address/,
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
    assert.deepEqual([states, count], [{ pending: 0, leased: 1, held: 0 }, 1])
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
