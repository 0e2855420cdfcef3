import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Spool } from '../../../src/spool/contract.ts'
import { deliver, later, message, openTestSpool, outcome, START, want } from './support.ts'

const HOUR = 3_600_000
const REFUSED = { text: '10.1.2.3:25: connection refused', failures: 3 }

const fill = (spool: Spool, destination: string, count: number) =>
  Promise.all(Array.from({ length: count }, () => spool.put(message([`a@${destination}`], 10), [deliver(destination)])))

const given = async (spool: Spool, more: object) => {
  const leases = await spool.lease(want(START + HOUR, more))
  return Object.entries(Object.groupBy(leases, ({ destination }) => destination)).map(([name, list = []]) => [
    name,
    list.length,
  ])
}

test('A long queue for one destination does not keep another waiting.', async (t) => {
  const { spool } = await openTestSpool(t)
  await fill(spool, 'busy.test', 300)
  await fill(spool, 'small.test', 2)
  assert.deepEqual((await given(spool, { limit: 10 })).sort(), [
    ['busy.test', 8],
    ['small.test', 2],
  ])
})

test('With more destinations than leases, each has its turn.', async (t) => {
  const { spool } = await openTestSpool(t)
  const names = ['a.test', 'b.test', 'c.test', 'd.test']
  for (const name of names) await fill(spool, name, 3)
  const turns = [await given(spool, { limit: 2 }), await given(spool, { limit: 2 })].flat()
  assert.deepEqual(turns.map(([name]) => name).sort(), names)
})

test('No destination gets more than its share, nor one that wants nothing, nor one that was not asked for.', async (t) => {
  const { spool } = await openTestSpool(t)
  for (const name of ['a.test', 'b.test', 'c.test']) await fill(spool, name, 5)
  assert.deepEqual((await given(spool, { perDestination: 2, except: new Set(['b.test']) })).sort(), [
    ['a.test', 2],
    ['c.test', 2],
  ])
  assert.deepEqual(await given(spool, { only: ['b.test', 'unknown.test'] }), [['b.test', 5]])
})

test('A blocked destination gets nothing until its time, whatever comes in, and over a restart.', async (t) => {
  const opened = await openTestSpool(t)
  await fill(opened.spool, 'dead.test', 3)
  await opened.spool.block('dead.test', START + HOUR, REFUSED)
  await fill(opened.spool, 'dead.test', 1)
  assert.deepEqual(await given(opened.spool, {}), [])
  assert.equal(await opened.spool.nextDue(), START + HOUR)
  const spool = await opened.reopen()
  assert.deepEqual(await given(spool, {}), [])
  const { destinations } = await spool.summary()
  assert.deepEqual([destinations[0]?.blockedUntil, destinations[0]?.reason], [START + HOUR, REFUSED.text])
  opened.clock.advance(HOUR)
  assert.deepEqual(await given(spool, {}), [['dead.test', 4]])
})

test('Unblocking makes all of it due at once.', async (t) => {
  const { spool } = await openTestSpool(t)
  await spool.block('dead.test', START + HOUR, REFUSED)
  await fill(spool, 'dead.test', 3)
  await spool.unblock('dead.test')
  assert.equal(await spool.nextDue(), START)
  assert.deepEqual(await given(spool, {}), [['dead.test', 3]])
})

test('Recipients of one message for one destination come together.', async (t) => {
  const { spool } = await openTestSpool(t)
  const to = Array.from({ length: 60 }, (_, i) => `r${i}@${i % 2 === 0 ? 'even' : 'odd'}.test`)
  await spool.put(
    message(to),
    to.map((address) => deliver(address.split('@')[1] ?? '')),
  )
  const leases = await spool.lease(want(START + HOUR))
  assert.deepEqual(leases.map(({ destination, indexes }) => [destination, indexes.length]).sort(), [
    ['even.test', 30],
    ['odd.test', 30],
  ])
  assert.deepEqual(
    leases[0]?.envelope.rcptTo.map(({ address }) => address.local),
    leases[0]?.indexes.map((index) => `r${index}`),
  )
})

test('What is tried again later does not stand in the way of what is due.', async (t) => {
  const { spool } = await openTestSpool(t)
  const stored = await fill(spool, 'a.test', 50)
  await spool.lease(want(START + HOUR))
  await spool.settle(stored.map(({ queueId }) => outcome(queueId, { 0: later(START + HOUR) })))
  assert.equal(await spool.nextDue(), START + HOUR)
  await fill(spool, 'a.test', 1)
  assert.deepEqual(await given(spool, {}), [['a.test', 1]])
})

test('A destination that nobody needs any more is forgotten.', async (t) => {
  const { spool, clock } = await openTestSpool(t)
  const [stored] = await fill(spool, 'once.test', 1)
  await spool.block('idle.test', START + 10_000, REFUSED)
  await spool.settle([outcome(stored?.queueId ?? ('' as never), { 0: { is: 'relayed', reply: null } })])
  for (let i = 0; i < 200; i++) {
    clock.advance(1000)
    await spool.nextDue()
  }
  assert.deepEqual((await spool.summary()).destinations, [])
})
