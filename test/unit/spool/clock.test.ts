import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deliver, later, message, openTestSpool, outcome, START, want } from './support.ts'

const DAY = 86_400_000
const MINUTE = 60_000

test('When the clock was set back, what waits, a block and a lease end as much earlier.', async (t) => {
  const { spool, clock } = await openTestSpool(t)
  clock.advance(3 * DAY)
  const waits = await spool.put(message(['a@a.test']), [deliver('a.test', clock.now() + 2 * MINUTE)])
  await spool.put(message(['b@b.test']), [deliver('b.test')])
  await spool.block('b.test', clock.now() + 10 * MINUTE, { text: 'refused', failures: 2 })
  await spool.put(message(['c@c.test']), [deliver('c.test')])
  await spool.lease(want(clock.now() + 5 * MINUTE))
  clock.advance(-3 * DAY)

  assert.equal(await spool.clockWentBack(3 * DAY), 1)
  assert.deepEqual(await spool.lease(want(clock.now() + MINUTE)), [])
  assert.equal(await spool.nextDue(), START + 2 * MINUTE)
  clock.advance(2 * MINUTE)
  const [first] = await spool.lease(want(clock.now() + 30 * MINUTE))
  assert.equal(first?.queueId, waits.queueId)
  clock.advance(4 * MINUTE)
  const lapsed = await spool.lease(want(clock.now() + 30 * MINUTE))
  assert.deepEqual(
    lapsed.map(({ destination }) => destination),
    ['c.test'],
  )
  clock.advance(5 * MINUTE)
  const unblocked = await spool.lease(want(clock.now() + 30 * MINUTE))
  assert.deepEqual(
    unblocked.map(({ destination }) => destination),
    ['b.test'],
  )
})

test('A spool that was closed while the clock was ahead lets nothing wait for that time, however little ahead it was.', async (t) => {
  const opened = await openTestSpool(t)
  const { clock } = opened
  clock.advance(20 * MINUTE)
  const { queueId } = await opened.spool.put(message(['a@a.test']), [deliver('a.test', clock.now())])
  await opened.spool.lease(want(clock.now() + MINUTE))
  await opened.spool.settle([outcome(queueId, { 0: later(clock.now() + MINUTE) })])
  await opened.spool.block('a.test', clock.now() + MINUTE, { text: 'refused', failures: 1 })
  clock.advance(-20 * MINUTE)
  const spool = await opened.reopen()
  const leases = await spool.lease(want(clock.now() + MINUTE))
  assert.deepEqual(
    leases.map((lease) => lease.queueId),
    [queueId],
  )
})

test('A start with the clock as it was leaves each its time.', async (t) => {
  const opened = await openTestSpool(t)
  await opened.spool.put(message(['a@a.test']), [deliver('a.test', START + 20 * MINUTE)])
  const spool = await opened.reopen()
  assert.equal(await spool.nextDue(), START + 20 * MINUTE)
})
