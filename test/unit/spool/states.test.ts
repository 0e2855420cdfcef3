import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { QueueId } from '../../../src/mail/queue-id.ts'
import type { QueueState, Spool } from '../../../src/spool/contract.ts'
import { deliver, FAILED, hold, later, message, openTestSpool, outcome, RELAYED, START, want } from './support.ts'

// One test for each move in the table of src/spool/README.md.

const MINUTE = 60_000
const HOUR = 3_600_000

async function stateOf(spool: Spool, queueId: QueueId, index = 0): Promise<QueueState | null> {
  const entry = await spool.show(queueId)
  return entry?.recipients.find((each) => each.index === index)?.state ?? null
}

test('Put makes a recipient pending, leased or held, or keeps nothing of one that is discarded.', async (t) => {
  const { spool } = await openTestSpool(t)
  const { queueId, leases } = await spool.put(message(['a@a.test', 'b@b.test', 'c@c.test', 'd@d.test']), [
    deliver('a.test'),
    deliver('b.test', START, START + HOUR),
    { do: 'hold', destination: 'c.test', hold: hold(START + HOUR) },
    { do: 'discard', reason: 'listed' },
  ])
  const states = await Promise.all([0, 1, 2, 3].map((index) => stateOf(spool, queueId, index)))
  assert.deepEqual(states, ['pending', 'leased', 'held', null])
  assert.deepEqual(
    leases.map(({ destination, indexes }) => [destination, indexes]),
    [['b.test', [1]]],
  )
})

test('A message whose every recipient is discarded leaves nothing behind.', async (t) => {
  const { spool } = await openTestSpool(t)
  const { queueId } = await spool.put(message(['a@a.test'], 200_000), [{ do: 'discard', reason: 'listed' }])
  assert.equal(await spool.show(queueId), null)
  assert.equal((await spool.summary()).oldest, null)
})

test('Pending becomes leased when it is due, and not before.', async (t) => {
  const { spool, clock } = await openTestSpool(t)
  const { queueId } = await spool.put(message(['a@a.test']), [deliver('a.test', START + MINUTE)])
  assert.deepEqual(await spool.lease(want(START + HOUR)), [])
  clock.advance(MINUTE)
  const [lease] = await spool.lease(want(START + HOUR))
  assert.equal(lease?.queueId, queueId)
  assert.equal(await stateOf(spool, queueId), 'leased')
  assert.deepEqual(await spool.lease(want(START + HOUR)), [], 'it is given once')
})

test('Leased lapses back to pending at its deadline, unless it was renewed.', async (t) => {
  const { spool, clock } = await openTestSpool(t)
  const one = await spool.put(message(['a@a.test']), [deliver('a.test', START, START + MINUTE)])
  const two = await spool.put(message(['b@b.test']), [deliver('b.test', START, START + MINUTE)])
  await spool.renew([{ queueId: two.queueId, indexes: [0] }], START + 3 * MINUTE)
  clock.advance(MINUTE)
  const again = await spool.lease(want(START + HOUR))
  assert.deepEqual(
    again.map(({ queueId }) => queueId),
    [one.queueId],
  )
  clock.advance(2 * MINUTE - 1)
  assert.deepEqual(await spool.lease(want(START + HOUR)), [], 'renewed: not yet')
  clock.advance(1)
  assert.equal((await spool.lease(want(START + HOUR))).length, 1)
})

test('A lease that has lapsed is not revived.', async (t) => {
  const { spool, clock } = await openTestSpool(t)
  const { queueId } = await spool.put(message(['a@a.test']), [deliver('a.test', START, START + MINUTE)])
  clock.advance(MINUTE)
  await spool.nextDue()
  clock.advance(1000)
  await spool.renew([{ queueId, indexes: [0] }], START + HOUR)
  assert.equal((await spool.lease(want(START + HOUR))).length, 1)
})

test('Leased goes back to pending with its new time, attempts and reply.', async (t) => {
  const { spool, clock } = await openTestSpool(t)
  const { queueId } = await spool.put(message(['a@a.test']), [deliver('a.test', START, START + HOUR)])
  const reply = { code: 450, enhanced: '4.2.1', lines: ['come back later'] }
  const state = { is: 'pending', dueAt: START + MINUTE, reply, attempted: true } as const
  await spool.settle([outcome(queueId, { 0: state })])
  assert.equal(await spool.nextDue(), START + MINUTE)
  clock.advance(MINUTE)
  const [lease] = await spool.lease(want(START + HOUR))
  assert.deepEqual([lease?.attempts, lease?.lastReplies], [[1], ['450 4.2.1 come back later']])
  await spool.settle([outcome(queueId, { 0: later(START + 2 * MINUTE, false) })])
  const entry = await spool.show(queueId)
  assert.equal(entry?.recipients[0]?.attempts, 1, 'what was no attempt is not counted')
  assert.equal(entry?.recipients[0]?.lastReply, '450 4.2.1 come back later')
})

test('Leased becomes final, and the message goes with its last recipient.', async (t) => {
  const { spool } = await openTestSpool(t)
  const { queueId } = await spool.put(message(['a@a.test', 'b@a.test', 'c@a.test', 'd@a.test']), [
    deliver('a.test', START, START + HOUR),
    deliver('a.test', START, START + HOUR),
    deliver('a.test', START, START + HOUR),
    deliver('a.test', START, START + HOUR),
  ])
  const discarded = { is: 'discarded', reply: null } as const
  const delivered = { is: 'delivered', reply: null } as const
  await spool.settle([outcome(queueId, { 0: RELAYED, 1: delivered, 2: discarded })])
  assert.deepEqual(
    (await spool.show(queueId))?.recipients.map(({ index }) => index),
    [3],
  )
  await spool.settle([outcome(queueId, { 3: FAILED })])
  assert.equal(await spool.show(queueId), null)
})

test('A failure and its bounce are stored together, and only once.', async (t) => {
  const { spool } = await openTestSpool(t)
  const { queueId } = await spool.put(message(['a@a.test']), [deliver('a.test', START, START + HOUR)])
  const bounce = { message: message(['ward@royal.example.test']), plans: [deliver('royal.example.test')] }
  await spool.settle([outcome(queueId, { 0: FAILED }, [bounce])])
  await spool.settle([outcome(queueId, { 0: FAILED }, [bounce])])
  const { entries } = await spool.list({}, { after: null, limit: 10 })
  assert.deepEqual(
    entries.map(({ recipients }) => recipients[0]?.address),
    ['ward@royal.example.test'],
  )
})

test('If the bounce cannot be stored, the failure is not written either.', async (t) => {
  const { spool } = await openTestSpool(t)
  const { queueId } = await spool.put(message(['a@a.test']), [deliver('a.test', START, START + HOUR)])
  const broken = { message: message(['ward@royal.example.test'], 1, { receivedAt: 0.5 }), plans: [deliver('r.test')] }
  await assert.rejects(spool.settle([outcome(queueId, { 0: FAILED }, [broken])]), { name: 'SpoolUnavailable' })
  assert.equal(await stateOf(spool, queueId), 'leased')
  assert.deepEqual((await spool.summary()).states, { pending: 0, leased: 1, held: 0 })
})

test('Leased becomes held, and held stays so over a restart.', async (t) => {
  const opened = await openTestSpool(t)
  const { queueId } = await opened.spool.put(message(['a@a.test']), [deliver('a.test', START, START + HOUR)])
  await opened.spool.settle([outcome(queueId, { 0: { is: 'held', hold: hold(START + HOUR) } })])
  const spool = await opened.reopen()
  assert.equal(await stateOf(spool, queueId), 'held')
  assert.deepEqual((await spool.show(queueId))?.recipients[0]?.hold, hold(START + HOUR))
  assert.deepEqual(await spool.lease(want(START + HOUR)), [])
  assert.equal(await spool.nextDue(), null)
})

test('A held recipient past its deadline is given out with its hold, once, and stays held until settled.', async (t) => {
  const opened = await openTestSpool(t)
  const { spool, clock } = opened
  const plan = { do: 'hold', destination: 'a.test', hold: hold(START + MINUTE, 'release') } as const
  const { queueId } = await spool.put(message(['a@a.test']), [plan])
  assert.deepEqual(await spool.overdueHolds(10), [])
  clock.advance(MINUTE)
  const [overdue] = await spool.overdueHolds(10)
  assert.deepEqual([overdue?.lease.queueId, overdue?.hold], [queueId, plan.hold])
  assert.deepEqual(await spool.overdueHolds(10), [])
  assert.equal(await stateOf(spool, queueId), 'held')
  await spool.settle([outcome(queueId, { 0: later(clock.now(), false) })])
  assert.equal((await spool.lease(want(START + HOUR))).length, 1)
})

test('A crash while a quarantine is being dealt with never releases it.', async (t) => {
  const opened = await openTestSpool(t)
  const { queueId } = await opened.spool.put(message(['a@a.test']), [
    { do: 'hold', destination: 'a.test', hold: hold(START) },
  ])
  assert.equal((await opened.spool.overdueHolds(10)).length, 1)
  const spool = await opened.reopen()
  assert.equal(await stateOf(spool, queueId), 'held')
  assert.equal((await spool.overdueHolds(10)).length, 1, 'and it is dealt with anew')
})

test('What was leased when the last run ended is pending at the start.', async (t) => {
  const opened = await openTestSpool(t)
  const { queueId } = await opened.spool.put(message(['a@a.test']), [deliver('a.test', START, START + HOUR)])
  const spool = await opened.reopen()
  assert.equal(await stateOf(spool, queueId), 'pending')
  assert.equal((await spool.lease(want(START + HOUR))).length, 1)
})

test('A late outcome of a lapsed lease is still true, but releases nothing that was held since.', async (t) => {
  const { spool, clock } = await openTestSpool(t)
  const put = () => spool.put(message(['a@a.test']), [deliver('a.test', START, START + MINUTE)])
  const [relayed, retried] = [await put(), await put()]
  clock.advance(MINUTE)
  await spool.nextDue()
  await spool.act({ do: 'hold', hold: hold(START + HOUR) }, { queueIds: [retried.queueId] }, 'ann')
  await spool.settle([outcome(relayed.queueId, { 0: RELAYED }), outcome(retried.queueId, { 0: later(START) })])
  assert.equal(await stateOf(spool, relayed.queueId), null)
  assert.equal(await stateOf(spool, retried.queueId), 'held')
})

test('Outcomes for what is unknown or already final change nothing.', async (t) => {
  const { spool } = await openTestSpool(t)
  const { queueId } = await spool.put(message(['a@a.test']), [deliver('a.test', START, START + HOUR)])
  await spool.settle([outcome(queueId, { 5: RELAYED })])
  await spool.settle([
    outcome('00000000000' as QueueId, { 0: RELAYED }),
    outcome('nonsense' as QueueId, { 0: RELAYED }),
  ])
  assert.equal(await stateOf(spool, queueId), 'leased')
  await spool.settle([outcome(queueId, { 0: RELAYED })])
  await spool.settle([outcome(queueId, { 0: later(START) })])
  assert.deepEqual((await spool.summary()).states, { pending: 0, leased: 0, held: 0 })
})

test('Everything about an envelope comes back as it was put.', async (t) => {
  const opened = await openTestSpool(t)
  const original = message(['ä.b@xn--4ca.test', '"odd one"@b.test'], 10)
  const envelope = {
    ...original.envelope,
    mailFrom: null,
    envid: 'QQ314159',
    ret: 'hdrs',
    smtputf8: true,
    requireTls: true,
    rcptTo: original.envelope.rcptTo.map((to, i) => ({
      ...to,
      orcpt: 'rfc822;x+2By@b.test',
      notify: i === 0 ? (['never'] as const) : (['success', 'failure', 'delay'] as const),
    })),
  } as const
  const plans = [deliver('b.test'), deliver('b.test')]
  await opened.spool.put({ ...original, envelope, receivedAt: START - 5 }, plans)
  const [lease] = await (await opened.reopen()).lease(want(START + HOUR))
  assert.deepEqual(lease?.envelope, envelope)
  assert.deepEqual([lease?.receivedAt, lease?.client, lease?.indexes], [START - 5, 'royal', [0, 1]])
})
