import assert from 'node:assert/strict'
import test from 'node:test'
import type { QueueLook } from '../../../src/watch/contract.ts'
import { HOUR, MINUTE, NOTHING_LATE, startWatch } from './support.ts'

const START = Date.UTC(2026, 10, 2, 9)
const late = (count = 3) => ({ count, queueId: 'ID1', destination: 'royal.test', since: START - HOUR })

const SORTS: readonly (readonly [name: string, seen: Partial<QueueLook>, text: RegExp])[] = [
  [
    'a recipient that is due',
    { pending: late() },
    /^3 recipients are due and not attempted: ID1 for royal\.test since/,
  ],
  ['a lease that does not lapse', { leases: late(1) }, /^1 attempt has not ended in time/],
  ['a hold past its deadline', { holds: late() }, /^3 holds are past the deadline.*postern queue show ID1/],
  ['mail past its lifetime', { expired: late(1000) }, /^1000 or more recipients are older than mail is tried for/],
  ['a sender who was not told', { notices: late() }, /^3 senders were not told of a delay/],
  ['a ledger that is behind', { journal: { entries: 5, since: START } }, /^the ledger is behind: 5 entries wait/],
]

for (const [name, seen, text] of SORTS) {
  test(`The watchdog tells of ${name}, and when it is over.`, async (t) => {
    let look: QueueLook = NOTHING_LATE
    const { watch, pass, lines, gauges } = await startWatch(t, { sees: () => look })
    await pass(2 * HOUR)
    assert.deepEqual(lines, [])
    look = { ...NOTHING_LATE, ...seen }
    await pass(MINUTE)
    assert.match(watch.standing()[0]?.text ?? '', text)
    assert.equal(gauges.get('overdue'), 1)
    look = NOTHING_LATE
    await pass(MINUTE)
    assert.deepEqual(watch.standing(), [])
  })
}

test('After a start there is time to catch up with what came due meanwhile; what is damaged is told at once.', async (t) => {
  const look: QueueLook = { ...NOTHING_LATE, pending: late(), damaged: { count: 1, queueId: 'ID9' } }
  const { watch, pass } = await startWatch(t, { sees: () => look })
  await pass(59 * MINUTE)
  assert.deepEqual(
    watch.standing().map(({ key }) => key),
    ['overdue damaged'],
  )
  await pass(2 * MINUTE)
  assert.deepEqual(
    watch.standing().map(({ key }) => key),
    ['overdue damaged', 'overdue pending'],
  )
})

test('A spool that does not answer is told once, and clears nothing.', async (t) => {
  let broken = false
  const sees = (): QueueLook => {
    if (broken) throw new Error('it does not answer')
    return { ...NOTHING_LATE, damaged: { count: 1, queueId: 'ID9' } }
  }
  const { watch, pass, lines } = await startWatch(t, { sees })
  await pass(MINUTE)
  broken = true
  await pass(10 * MINUTE)
  assert.equal(watch.standing().length, 1)
  assert.equal(lines.filter(({ text }) => /cannot look at the queue/.test(text)).length, 1)
})
