import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readAll } from '../../../src/mail/content.ts'
import { deliver, later, message, openTestSpool, outcome, RELAYED, START, want } from './support.ts'

const HOUR = 3_600_000

test('A message is stored with its lease, delivered from memory and gone once settled.', async (t) => {
  const { spool } = await openTestSpool(t)
  const { queueId, leases } = await spool.put(message(['a@b.test']), [deliver('b.test', START, START + HOUR)])
  assert.equal(leases.length, 1)
  assert.deepEqual((await spool.summary()).states, { pending: 0, leased: 1, held: 0 })
  await spool.settle([outcome(queueId, { 0: RELAYED })])
  assert.deepEqual((await spool.summary()).states, { pending: 0, leased: 0, held: 0 })
  assert.equal(await spool.show(queueId), null)
})

test('A large message for two destinations survives a stop and leaves with its last recipient.', async (t) => {
  const opened = await openTestSpool(t)
  const { queueId } = await opened.spool.put(message(['a@b.test', 'c@d.test'], 200_000), [
    deliver('b.test'),
    deliver('d.test'),
  ])
  const first = await opened.spool.lease(want(START + HOUR, { limit: 1 }))
  assert.deepEqual(
    first.map(({ indexes }) => indexes),
    [[0]],
  )
  await opened.spool.settle([outcome(queueId, { 0: RELAYED, 1: later(START + 1000) })])
  const spool = await opened.reopen()
  assert.equal(await spool.nextDue(), START + 1000)
  opened.clock.advance(1000)
  const [lease] = await spool.lease(want(START + HOUR))
  assert.ok(lease)
  assert.deepEqual([lease.destination, lease.indexes, lease.attempts], ['d.test', [1], [1]])
  const bytes = await readAll(lease.content, 1_000_000)
  assert.equal(bytes.toString(), `Received: from a.test\r\n${'x'.repeat(200_000)}`)
  await spool.settle([outcome(queueId, { 1: RELAYED })])
  assert.equal(await spool.nextDue(), null)
  assert.equal(await spool.show(queueId), null)
})
