import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Happening, HappeningQuery, Ledger } from '../../../src/ledger/contract.ts'
import { eventually, START } from '../spool/support.ts'
import { FIRST, ids, openTestLedger, queueId, Teller } from './support.ts'

const MINUTE = 60_000
const at = (minute: number): number => START + minute * MINUTE

async function open(t: Parameters<typeof openTestLedger>[0]) {
  const { ledger } = await openTestLedger(t)
  const teller = new Teller(ledger)
  t.after(() => teller.close())
  const holds = [{ reason: 'spam, 7 points', owner: 'plugin:spam', until: at(999), recipients: [1] }]
  teller.tell(
    { message: 1, at: at(1), to: ['a@b.test', 'c@b.test'] },
    { message: 2, at: at(2), state: 'held', to: ['x@b.test', 'y@b.test'], facts: { holds } },
    { message: 1, at: at(3), event: 'attempt', state: 'relayed', facts: { host: 'mx.b.test' } },
    { message: 3, at: at(4) },
    {
      message: 3,
      at: at(5),
      event: 'hold',
      state: 'held',
      facts: { by: 'ann', hold: { reason: 'look at it', owner: 'operator:ann' } },
    },
    { message: 2, at: at(6), event: 'release', to: ['x@b.test'], facts: { by: 'bob' } },
    { message: 2, at: at(7), event: 'attempt', state: 'delivered', to: ['x@b.test'], facts: { host: 'store' } },
  )
  await eventually(() => teller.acknowledged === 7)
  return ledger
}

async function all(ledger: Ledger, query: HappeningQuery, limit: number): Promise<Happening[]> {
  const found: Happening[] = []
  for (let after: string | null = null; ; ) {
    const page = await ledger.happenings(query, { after, limit })
    found.push(...page.happenings)
    after = page.next
    if (after === null) return found
  }
}

test('What was held between two times is told with its reason, its owner, and what became of it.', async (t) => {
  const ledger = await open(t)
  const held = await all(ledger, { what: 'held', from: at(0), to: at(10) }, 1)
  assert.deepEqual(
    held.map(({ queueId, recipient, event, reason, owner, state, host }) => [
      queueId,
      recipient,
      event,
      reason,
      owner,
      state,
      host,
    ]),
    [
      [queueId(2), 'x@b.test', 'received', null, null, 'delivered', 'store'],
      [queueId(2), 'y@b.test', 'received', 'spam, 7 points', 'plugin:spam', 'held', null],
      [queueId(3), 'a@b.test', 'hold', 'look at it', 'operator:ann', 'held', null],
    ],
  )
  assert.deepEqual([held[0]?.receivedAt, held[0]?.at, held[0]?.stateAt, held[0]?.size], [at(2), at(2), at(7), 100])
})

test('The beginning of the time belongs to it and its end does not.', async (t) => {
  const ledger = await open(t)
  const times = async (from: number, to: number) =>
    (await all(ledger, { what: 'held', from, to }, 100)).map((one) => one.at)
  assert.deepEqual(await times(at(2), at(5)), [at(2), at(2)])
  assert.deepEqual(await times(at(2) + 1, at(5) + 1), [at(5)])
  assert.deepEqual(await times(at(20), at(30)), [])
})

test('Each kind of happening is found, and filters choose the messages.', async (t) => {
  const ledger = await open(t)
  const count = async (what: HappeningQuery['what'], message = {}) =>
    (await all(ledger, { what, from: 0, to: at(99), message }, 100)).length
  assert.deepEqual(
    await Promise.all(
      (['received', 'relayed', 'released', 'delivered', 'failed', 'removed'] as const).map((what) => count(what)),
    ),
    [5, 1, 1, 1, 0, 0],
  )
  assert.equal(await count('received', { recipient: 'C@b.test' }), 2, 'all recipients of the message')
  assert.equal(await count('held', { client: 'nobody' }), 0)
})

test('As told of a delay count only those of whom the sender was told.', async (t) => {
  const { ledger } = await openTestLedger(t)
  const teller = new Teller(ledger)
  const to = ['a@b.test', 'c@b.test']
  teller.tell(
    { message: 1, at: at(1), to },
    { message: 1, at: at(2), event: 'notice', to, facts: { told: true, untold: [1] } },
    { message: 2, at: at(3), event: 'notice', to, facts: { told: false } },
  )
  await eventually(() => teller.acknowledged === 3)
  const told = await all(ledger, { what: 'notified', from: 0, to: at(99) }, 100)
  assert.deepEqual(
    told.map((one) => [one.queueId, one.recipient]),
    [[queueId(1), 'a@b.test']],
  )
  teller.close()
})

test('Messages are found by where a recipient stands now.', async (t) => {
  const ledger = await open(t)
  assert.deepEqual(await ids(ledger, { state: 'held' }), [3, 2].map(queueId))
  assert.deepEqual(await ids(ledger, { state: 'held', recipient: 'X@b.test' }), [])
  assert.deepEqual(await ids(ledger, { state: 'delivered', recipient: 'X@b.test' }), [queueId(2)])
  assert.deepEqual(await ids(ledger, { state: 'pending', domain: 'b.test' }), [queueId(1)], 'one of two was relayed')
})

test('A time is found by halving, wherever it lies, over entries with many of the same time.', async (t) => {
  const { ledger } = await openTestLedger(t)
  const teller = new Teller(ledger)
  const hour = 60 * MINUTE
  for (let i = 0; i < 300; i++) teller.tell({ message: i, at: START + Math.floor(i / 30) * hour })
  await eventually(() => teller.acknowledged === 300)
  for (let h = 0; h < 10; h++) {
    const query = { what: 'received', from: START + h * hour, to: START + h * hour + 1 } as const
    assert.equal((await all(ledger, query, 7)).length, 30, `hour ${h}`)
  }
  assert.deepEqual((await ledger.happenings({ what: 'held', from: 0, to: START + 99 * hour }, FIRST)).happenings, [])
  teller.close()
})
