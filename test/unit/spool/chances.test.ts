import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import Database from 'better-sqlite3'
import type { Hold } from '../../../src/spool/contract.ts'
import { deliver, FAILED, hold, later, message, openTestSpool, outcome, START, want } from './support.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const chance = { lifetimeMs: 5 * DAY, atLeastMs: DAY }
const byOperator: Hold = { ...hold(START + 300 * DAY), owner: 'operator:anna', reason: 'ask the ward first' }

const altered = (path: string, sql: string) => {
  const db = new Database(join(path, 'spool.db'))
  db.exec(sql)
  db.close()
}

test('What is released is tried for as long as was left when it was held, over restarts, and then given up.', async (t) => {
  const opened = await openTestSpool(t)
  const { clock } = opened
  await opened.spool.put(message(['a@a.test', 'b@b.test']), [deliver('a.test'), deliver('b.test')])
  clock.advance(2 * DAY)
  await opened.spool.act({ do: 'hold', hold: byOperator }, { recipient: 'a@a.test' }, 'anna')
  clock.advance(7 * DAY)
  await opened.spool.act({ do: 'hold', hold: byOperator }, { recipient: 'a@a.test' }, 'a second hold is the same hold')
  assert.equal((await opened.spool.expired(clock.now() - 5 * DAY, 10)).length, 1, 'b@b.test was never held')
  await opened.spool.act({ do: 'release', chance }, {}, 'anna')
  const spool = await opened.reopen()
  const released = clock.now()
  const [entry] = (await spool.list({ recipient: 'a@a.test' }, { after: null, limit: 1 })).entries
  assert.equal(entry?.recipients[0]?.triedUntil, released + 3 * DAY)
  assert.deepEqual(
    new Map((await spool.lease(want(released + HOUR))).map(({ destination, triedUntil }) => [destination, triedUntil])),
    new Map([
      ['a.test', [released + 3 * DAY]],
      ['b.test', undefined],
    ]),
  )
  clock.advance(3 * DAY - 1)
  const ofA = async () =>
    (await spool.expired(clock.now() - 5 * DAY, 10)).filter(({ destination }) => destination === 'a.test')
  assert.deepEqual(await ofA(), [])
  clock.advance(1)
  assert.equal((await ofA()).length, 1)
})

test('What is older than its lifetime has at least what the operator set.', async (t) => {
  const { spool, clock } = await openTestSpool(t)
  await spool.put(message(['a@a.test']), [deliver('a.test')])
  clock.advance(5 * DAY - HOUR)
  await spool.act({ do: 'hold', hold: byOperator }, {}, 'anna')
  clock.advance(7 * DAY)
  await spool.act({ do: 'release', chance }, {}, 'anna')
  const [lease] = await spool.lease(want(clock.now() + HOUR))
  assert.deepEqual(lease?.triedUntil, [clock.now() + DAY])
})

test('A hold that is over gives the same chance, and the record says until when.', async (t) => {
  const { spool, clock, path } = await openTestSpool(t)
  const first = hold(START + 6 * DAY, 'release')
  await spool.put(message(['a@a.test']), [{ do: 'hold', destination: 'a.test', hold: first }])
  clock.advance(6 * DAY)
  const [found] = await spool.overdueHolds(10)
  assert.ok(found)
  const done = outcome(found.lease.queueId, { 0: later(clock.now(), false) })
  await spool.settle([{ ...done, seen: { hold: found.hold, chance } }])
  const [lease] = await spool.lease(want(clock.now() + HOUR))
  assert.deepEqual(lease?.triedUntil, [clock.now() + 5 * DAY], 'it was held from the first')
  const db = new Database(join(path, 'spool.db'), { readonly: true })
  const data = db.prepare("SELECT data FROM journal WHERE event = 'release'").pluck().get() as string
  db.close()
  assert.deepEqual(JSON.parse(data).facts, { triedUntil: clock.now() + 5 * DAY })
})

test('A time until which to try that the disk altered is not believed; a row from before there were such times is.', async (t) => {
  const opened = await openTestSpool(t)
  await opened.spool.put(message(['a@a.test']), [deliver('a.test')])
  await opened.spool.act({ do: 'hold', hold: byOperator }, {}, 'anna')
  await opened.spool.act({ do: 'release', chance }, {}, 'anna')
  await opened.spool.put(message(['b@b.test']), [deliver('b.test')])
  await opened.spool.close()
  altered(opened.path, "UPDATE recipient SET tried_until = tried_until + 1 WHERE address = 'a@a.test'")
  altered(
    opened.path,
    `DROP INDEX IF EXISTS recipient_released; CREATE INDEX recipient_released ON recipient (tried_until)
     WHERE state = 0 AND tried_until IS NOT NULL`,
  )
  const spool = await opened.reopen()
  const leases = await spool.lease(want(START + HOUR))
  assert.deepEqual(
    leases.map(({ destination }) => destination),
    ['b.test'],
  )
  assert.match((await spool.damaged())[0]?.found ?? '', /does not match its checksum/)
})

test('A spool of the version before opens, and what it holds has the age that it has.', async (t) => {
  const opened = await openTestSpool(t)
  await opened.spool.put(message(['a@a.test']), [deliver('a.test')])
  await opened.spool.put(message(['b@b.test']), [{ do: 'hold', destination: 'b.test', hold: byOperator }])
  await opened.spool.close()
  altered(
    opened.path,
    `DROP INDEX recipient_released; ALTER TABLE recipient DROP COLUMN held_at;
     ALTER TABLE recipient DROP COLUMN tried_until; PRAGMA user_version = 2`,
  )
  const spool = await opened.reopen()
  opened.clock.advance(6 * DAY)
  assert.equal((await spool.expired(opened.clock.now() - 5 * DAY, 10)).length, 1)
  await spool.act({ do: 'release', chance }, { recipient: 'b@b.test' }, 'anna')
  const [lease] = await spool.lease(want(opened.clock.now() + HOUR))
  assert.deepEqual(lease?.triedUntil, [opened.clock.now() + DAY])
})

test('What lies held or was released is not looked through again, and is found when it is its turn.', async (t) => {
  const { spool, clock } = await openTestSpool(t)
  for (const name of ['a', 'b', 'c'])
    await spool.put(message([`${name}@x.test`]), [deliver('x.test', START + 90 * DAY)])
  await spool.act({ do: 'hold', hold: byOperator }, {}, 'anna')
  clock.advance(9 * DAY)
  const expired = async () =>
    (await spool.expired(clock.now() - 5 * DAY, 10)).map(({ envelope }) => envelope.rcptTo[0]?.address.local)
  assert.deepEqual(await expired(), [])
  await spool.act({ do: 'release' }, { recipient: 'b@x.test' }, 'without a chance')
  await spool.act({ do: 'release', chance }, { recipient: 'c@x.test' }, 'anna')
  assert.deepEqual(await expired(), ['b'])
  clock.advance(5 * DAY)
  assert.deepEqual(await expired(), ['b', 'c'], 'the lease of b has lapsed')
})

test('A decision about a hold counts for no other hold, nor for what was released meanwhile.', async (t) => {
  const { spool, clock } = await openTestSpool(t)
  const first = hold(START + HOUR)
  const plan = { do: 'hold', destination: 'a.test', hold: first } as const
  const { queueId } = await spool.put(message(['a@a.test', 'b@a.test']), [plan, plan])
  clock.advance(HOUR)
  assert.equal((await spool.overdueHolds(10)).length, 2)
  clock.advance(HOUR)
  await spool.act({ do: 'hold', hold: byOperator }, { recipient: 'a@a.test' }, 'anna')
  await spool.act({ do: 'release' }, { recipient: 'b@a.test' }, 'anna')
  const seen = { hold: first }
  const notice = { message: message(['ward@royal.example.test']), plans: [deliver('royal.example.test')] }
  await spool.settle([
    { ...outcome(queueId, { 0: { is: 'held', hold: first } }), seen },
    { ...outcome(queueId, { 0: FAILED }, [notice]), seen },
    { ...outcome(queueId, { 1: FAILED }, [notice]), seen },
  ])
  const entry = await spool.show(queueId)
  assert.deepEqual(
    entry?.recipients.map(({ state, hold }) => [state, hold?.reason]),
    [
      ['held', byOperator.reason],
      ['pending', undefined],
    ],
  )
  assert.equal(
    (await spool.list({ sender: 'ward@royal.example.test' }, { after: null, limit: 9 })).entries.length,
    1,
    'no notice',
  )
})

test('A decision about a hold that stands counts although its lease has lapsed.', async (t) => {
  const { spool, clock } = await openTestSpool(t)
  const first = hold(START + HOUR, 'release')
  await spool.put(message(['a@a.test']), [{ do: 'hold', destination: 'a.test', hold: first }])
  clock.advance(HOUR)
  const [found] = await spool.overdueHolds(10)
  assert.ok(found)
  clock.advance(HOUR)
  await spool.settle([
    { ...outcome(found.lease.queueId, { 0: later(clock.now()) }), seen: { hold: found.hold, chance } },
  ])
  assert.equal((await spool.summary()).states.pending, 1)
})
