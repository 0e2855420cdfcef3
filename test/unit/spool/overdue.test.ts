import assert from 'node:assert/strict'
import { join } from 'node:path'
import test from 'node:test'
import Database from 'better-sqlite3'
import type { OpenSpool } from '../../../src/spool/open.ts'
import { LeaseTimes } from '../../../src/spool/thread/lease-times.ts'
import { deliver, hold, later, message, openTestSpool, outcome, START, want } from './support.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** What is late by more than an hour. */
const look = (spool: OpenSpool, now: number, more: object = {}) =>
  spool.look({
    now,
    before: now - HOUR,
    expiredBefore: now - HOUR - 5 * DAY,
    noticeBefore: now - HOUR - 4 * HOUR,
    most: 1000,
    ...more,
  })

test('Nothing is late in an empty spool, nor of what was just put.', async (t) => {
  const { spool } = await openTestSpool(t)
  const nothing = { pending: null, leases: null, holds: null, expired: null, notices: null, damaged: null }
  assert.deepEqual(await look(spool, START), { ...nothing, journal: null, backlogs: [] })
  await spool.put(message(['a@a.test', 'b@b.test']), [
    deliver('a.test'),
    { do: 'hold', destination: 'b.test', hold: hold(START + HOUR) },
  ])
  assert.deepEqual(await look(spool, START + HOUR), { ...nothing, journal: null, backlogs: [] })
})

test('What is due and free to go is late after its time, counted from when its destination was free.', async (t) => {
  const { spool } = await openTestSpool(t)
  const { queueId } = await spool.put(message(['a@a.test']), [deliver('a.test', START + MINUTE)])
  await spool.put(message(['b@a.test']), [deliver('a.test', START + 2 * MINUTE)])
  const late = { count: 2, queueId, destination: 'a.test', since: START + MINUTE }
  assert.equal((await look(spool, START + MINUTE + HOUR)).pending, null, 'at the edge')
  assert.deepEqual((await look(spool, START + MINUTE + HOUR + 1)).pending, { ...late, count: 1 })
  assert.deepEqual((await look(spool, START + 2 * HOUR)).pending, late)
  await spool.block('a.test', START + 3 * HOUR, { text: 'refused', failures: 1 })
  assert.equal((await look(spool, START + 2 * HOUR)).pending, null)
  assert.equal((await look(spool, START + 4 * HOUR)).pending, null)
  assert.deepEqual((await look(spool, START + 4 * HOUR + 1)).pending, { ...late, since: START + 3 * HOUR })
})

test('What is being attempted is not late, and is shown with the end of its lease.', async (t) => {
  const { spool } = await openTestSpool(t)
  const { queueId } = await spool.put(message(['a@a.test', 'b@b.test']), [
    deliver('a.test'),
    deliver('b.test', START + DAY),
  ])
  await spool.lease(want(START + 2 * HOUR))
  assert.equal((await look(spool, START + 90 * MINUTE)).pending, null)
  const ends = (await spool.show(queueId))?.recipients.map(({ state, leasedUntil }) => [state, leasedUntil])
  assert.deepEqual(ends, [
    ['leased', START + 2 * HOUR],
    ['pending', undefined],
  ])
  const [listed] = (await spool.list({}, { after: null, limit: 10 })).entries
  assert.equal(listed?.recipients[0]?.leasedUntil, START + 2 * HOUR)
})

test('Leases that should have lapsed are found, and the look changes nothing.', () => {
  const leases = new LeaseTimes()
  leases.set(1, 0, START)
  leases.set(1, 1, START + 2)
  leases.set(2, 0, START + 1)
  assert.deepEqual(leases.overdue(START, 10), [])
  assert.deepEqual(leases.overdue(START + 2, 10), [
    [1, 0, START],
    [2, 0, START + 1],
  ])
  assert.deepEqual(leases.overdue(START + 2, 1), [[1, 0, START]])
  assert.equal(leases.lapsed(START + 2).length, 3)
})

test('A hold whose deadline has passed, and mail that is too old, are found by the oldest.', async (t) => {
  const { spool, clock } = await openTestSpool(t)
  const held = await spool.put(message(['b@b.test']), [{ do: 'hold', destination: 'b.test', hold: hold(START + HOUR) }])
  const old = await spool.put(message(['a@a.test']), [deliver('a.test', START + 20 * DAY)])
  clock.advance(DAY)
  await spool.put(message(['c@a.test'], 10, { receivedAt: START + DAY }), [deliver('a.test', START + 20 * DAY)])
  const found = await look(spool, START + 5 * DAY + 2 * HOUR)
  assert.deepEqual(found.holds, { count: 1, queueId: held.queueId, destination: 'b.test', since: START + HOUR })
  assert.deepEqual(found.expired, { count: 1, queueId: old.queueId, destination: 'a.test', since: START })
  assert.equal((await look(spool, START + 5 * DAY + HOUR)).expired, null, 'at the edge')
})

test('A sender who should have been told of a delay is found until told; where none is told, nobody is.', async (t) => {
  const { spool } = await openTestSpool(t)
  const { queueId } = await spool.put(message(['a@a.test']), [deliver('a.test', START + DAY)])
  const now = START + 6 * HOUR
  assert.equal((await look(spool, now)).notices?.queueId, queueId)
  assert.equal((await look(spool, now, { noticeBefore: null })).notices, null)
  const [lease] = await spool.undelayed(now, 10)
  assert.equal(lease?.queueId, queueId)
  await spool.settle([outcome(queueId, { 0: { is: 'noticed' } })])
  assert.equal((await look(spool, now)).notices, null)
})

test('Entries that no ledger takes are found by the oldest.', async (t) => {
  const { spool } = await openTestSpool(t)
  for (let i = 0; i < 4; i++) await spool.put(message(['a@a.test']), [deliver('a.test', START + DAY)])
  assert.equal((await look(spool, START + HOUR)).journal, null)
  assert.deepEqual((await look(spool, START + HOUR + 1)).journal, { entries: 3, since: START })
})

test('What waits for destinations that are blocked is added up by the reason, up to a bound.', async (t) => {
  const { spool } = await openTestSpool(t)
  const ids = []
  for (const to of ['a.test', 'a.test', 'a.test', 'b.test', 'c.test', 'free.test']) {
    ids.push((await spool.put(message([`x@${to}`]), [deliver(to)])).queueId)
  }
  for (const to of ['a.test', 'b.test']) await spool.block(to, START + HOUR, { text: 'mx.test: refused', failures: 1 })
  await spool.block('c.test', START + HOUR, { text: 'no answer', failures: 1 })
  const both = { reason: 'mx.test: refused', destinations: 2, queueId: ids[0], destination: 'a.test' }
  const other = { reason: 'no answer', destinations: 1, recipients: 1, queueId: ids[4], destination: 'c.test' }
  assert.deepEqual((await look(spool, START)).backlogs, [{ ...both, recipients: 4 }, other])
  assert.deepEqual((await look(spool, START, { most: 2 })).backlogs, [{ ...both, recipients: 3 }, other])
  assert.deepEqual((await look(spool, START + HOUR)).backlogs, [], 'blocked no longer')
})

test('Rows that were set aside are found.', async (t) => {
  const opened = await openTestSpool(t)
  const { queueId } = await opened.spool.put(message(['a@a.test']), [deliver('a.test', START)])
  await opened.spool.close()
  const db = new Database(join(opened.path, 'spool.db'))
  db.exec("UPDATE message SET client = 'altered'")
  db.close()
  const spool = await opened.reopen()
  await spool.lease(want(START + HOUR))
  assert.deepEqual((await look(spool, START)).damaged, { count: 1, queueId })
})

test('A deferral that counts as attempted keeps its cause and its owner.', async (t) => {
  const { spool } = await openTestSpool(t)
  const { queueId } = await spool.put(message(['a@a.test']), [deliver('a.test')])
  await spool.lease(want(START + HOUR))
  await spool.settle([outcome(queueId, { 0: later(START + HOUR) })])
  const shown = (await spool.show(queueId))?.recipients[0]
  assert.deepEqual([shown?.owner, shown?.attempts, shown?.nextAttemptAt], ['delivery', 1, START + HOUR])
})
