import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deliver, FAILED, hold, later, message, openTestSpool, outcome, START, want } from './support.ts'

const HOUR = 3_600_000
const MINUTE = 60_000
const NOTICED = { is: 'noticed' } as const

test('Only what waits longer than its lifetime is given for a bounce, each message and destination in one lease.', async (t) => {
  const { spool, clock } = await openTestSpool(t)
  const old = await spool.put(message(['a@a.test', 'b@a.test', 'c@c.test']), [
    deliver('a.test', START + 9 * HOUR),
    deliver('a.test', START + 9 * HOUR),
    deliver('c.test', START + 9 * HOUR),
  ])
  clock.advance(HOUR)
  await spool.put(message(['a@a.test'], 10, { receivedAt: clock.now() }), [deliver('a.test')])
  const leases = await spool.expired(START + HOUR, 10)
  assert.deepEqual(
    leases.map(({ queueId, destination, indexes }) => [queueId, destination, indexes]),
    [
      [old.queueId, 'a.test', [0, 1]],
      [old.queueId, 'c.test', [2]],
    ],
  )
  assert.deepEqual(await spool.expired(START + HOUR, 10), [], 'they are leased')
  await spool.settle([outcome(old.queueId, { 0: FAILED, 1: FAILED, 2: FAILED })])
  assert.deepEqual(await spool.expired(START + HOUR, 10), [])
})

test('A blocked destination does not keep its messages from growing old, a hold does.', async (t) => {
  const { spool, clock } = await openTestSpool(t)
  await spool.block('a.test', START + 100 * HOUR, { text: 'refused', failures: 9 })
  await spool.put(message(['a@a.test']), [deliver('a.test')])
  await spool.put(message(['b@b.test']), [{ do: 'hold', destination: 'b.test', hold: hold(START + 99 * HOUR) }])
  clock.advance(10 * HOUR)
  assert.deepEqual(
    (await spool.expired(clock.now(), 10)).map(({ destination }) => destination),
    ['a.test'],
  )
})

test('A delay notice is due once for each recipient, over restarts.', async (t) => {
  const opened = await openTestSpool(t)
  const { clock } = opened
  const { queueId } = await opened.spool.put(message(['a@a.test', 'b@b.test']), [
    deliver('a.test', START + 9 * HOUR),
    deliver('b.test', START + 9 * HOUR),
  ])
  assert.deepEqual(await opened.spool.undelayed(START, 10), [])
  clock.advance(4 * HOUR)
  const due = await opened.spool.undelayed(START + 1, 10)
  assert.deepEqual(
    due.map(({ indexes }) => indexes),
    [[0], [1]],
  )
  assert.deepEqual(await opened.spool.undelayed(START + 1, 10), [])
  const notice = {
    message: message(['ward@royal.example.test'], 10, { receivedAt: clock.now() }),
    plans: [deliver('r.test')],
  }
  await opened.spool.settle([outcome(queueId, { 0: NOTICED }, [notice])])
  await opened.spool.settle([outcome(queueId, { 0: NOTICED }, [notice])])
  assert.deepEqual((await opened.spool.summary()).states, { pending: 2, leased: 1, held: 0 }, 'one notice, not two')

  const spool = await opened.reopen()
  const again = await spool.undelayed(START + 1, 10)
  assert.deepEqual(
    again.map(({ indexes }) => indexes),
    [[1]],
    'the one whose notice was not settled',
  )
  await spool.settle([outcome(queueId, { 1: NOTICED })])
  assert.deepEqual(await spool.undelayed(START + 1, 10), [])
  assert.equal((await spool.show(queueId))?.recipients[0]?.nextAttemptAt, START + 9 * HOUR, 'its schedule is as before')
})

test('A recipient that is being tried when notices are looked for gets its notice later.', async (t) => {
  const { spool, clock } = await openTestSpool(t)
  const busy = await spool.put(message(['a@a.test']), [deliver('a.test', START, START + 6 * HOUR)])
  const idle = await spool.put(message(['b@b.test']), [deliver('b.test', START + 9 * HOUR)])
  clock.advance(5 * HOUR)
  const ids = async () => (await spool.undelayed(START + HOUR, 10)).map(({ queueId }) => queueId)
  assert.deepEqual(await ids(), [idle.queueId])
  await spool.settle([outcome(idle.queueId, { 0: NOTICED }), outcome(busy.queueId, { 0: later(START + 9 * HOUR) })])
  assert.deepEqual(await ids(), [busy.queueId])
})

test('Messages that come after a look for notices are found by the next one.', async (t) => {
  const { spool, clock } = await openTestSpool(t)
  clock.advance(HOUR)
  assert.deepEqual(await spool.undelayed(clock.now(), 10), [])
  const { queueId } = await spool.put(message(['a@a.test'], 10, { receivedAt: clock.now() }), [deliver('a.test')])
  clock.advance(MINUTE)
  assert.deepEqual(
    (await spool.undelayed(clock.now(), 10)).map((lease) => lease.queueId),
    [queueId],
  )
})

test('Bounded calls give the rest the next time.', async (t) => {
  const { spool, clock } = await openTestSpool(t)
  for (let i = 0; i < 5; i++) await spool.put(message(['a@a.test']), [deliver('a.test')])
  clock.advance(HOUR)
  const sizes = [
    await spool.undelayed(clock.now(), 2),
    await spool.undelayed(clock.now(), 2),
    await spool.expired(clock.now(), 9),
  ]
  assert.deepEqual(
    sizes.map((leases) => leases.length),
    [2, 2, 1],
  )
})

test('A lease for housekeeping lapses like any other.', async (t) => {
  const { spool, clock } = await openTestSpool(t, { housekeepingLeaseMs: MINUTE })
  await spool.put(message(['a@a.test']), [deliver('a.test')])
  clock.advance(HOUR)
  assert.equal((await spool.expired(clock.now(), 9)).length, 1)
  assert.equal((await spool.lease(want(clock.now() + HOUR))).length, 0)
  clock.advance(MINUTE)
  assert.equal((await spool.lease(want(clock.now() + HOUR))).length, 1)
})
