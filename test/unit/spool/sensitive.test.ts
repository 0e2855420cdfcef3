import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deliver, later, message, openTestSpool, outcome, START, want } from './support.ts'

const HOUR = 3_600_000

test('A sensitive message stays one, across attempts and a stop, for delivery and for operators.', async (t) => {
  const opened = await openTestSpool(t)
  const plain = message(['a@b.test'])
  const marked = { ...plain, envelope: { ...plain.envelope, sensitive: true } as const }
  const { queueId, leases } = await opened.spool.put(marked, [deliver('b.test', START, START + HOUR)])
  assert.deepEqual(
    leases.map(({ envelope }) => envelope.sensitive),
    [true],
  )
  await opened.spool.settle([outcome(queueId, { 0: later(START) })])
  const spool = await opened.reopen()
  assert.equal((await spool.show(queueId))?.sensitive, true)
  const [lease] = await spool.lease(want(START + HOUR))
  assert.equal(lease?.envelope.sensitive, true)
})

test('A message that is not sensitive is not called so anywhere, as in the rows of older versions.', async (t) => {
  const { spool } = await openTestSpool(t)
  const { queueId, leases } = await spool.put(message(['a@b.test']), [deliver('b.test', START, START + HOUR)])
  assert.equal(leases[0] !== undefined && 'sensitive' in leases[0].envelope, false)
  const entry = await spool.show(queueId)
  assert.equal(entry !== null && 'sensitive' in entry, false)
})
