import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { QueueFilter, Spool } from '../../../src/spool/contract.ts'
import { address, deliver, hold, message, openTestSpool, START, want } from './support.ts'

const HOUR = 3_600_000
const ALL = { after: null, limit: 1000 }

/** One message an hour: a pending, a leased and a held one from royal, a pending bounce. */
async function fill(spool: Spool, clock: { advance(ms: number): void; now(): number }) {
  const next = () => {
    clock.advance(HOUR)
    return { receivedAt: clock.now() }
  }
  const far = START + 100 * HOUR
  const pending = await spool.put(message(['ann@a.test', 'bob@b.test'], 10, next()), [
    deliver('a.test', far),
    deliver('b.test', far),
  ])
  const leased = await spool.put(message(['cat@a.test'], 10, next()), [deliver('relay:7', START, far)])
  const held = await spool.put(message(['Dan@Sub.a.test'], 10, { ...next(), client: 'lab' }), [
    { do: 'hold', destination: 'a.test', hold: hold(far) },
  ])
  const bounce = message(['ward@royal.example.test'], 10, { ...next(), client: 'postern' })
  const { queueId } = await spool.put({ ...bounce, envelope: { ...bounce.envelope, mailFrom: null } }, [
    deliver('royal.example.test', far),
  ])
  return { pending: pending.queueId, leased: leased.queueId, held: held.queueId, bounce: queueId }
}

const found = async (spool: Spool, filter: QueueFilter) => {
  const { entries } = await spool.list(filter, ALL)
  return entries.flatMap(({ recipients }) => recipients.map((each) => each.address))
}

test('Each filter selects recipients, and several together what matches all of them.', async (t) => {
  const { spool, clock } = await openTestSpool(t)
  const ids = await fill(spool, clock)
  const all = ['ann@a.test', 'bob@b.test', 'cat@a.test', 'Dan@sub.a.test', 'ward@royal.example.test']
  const cases: [QueueFilter, string[]][] = [
    [{}, all],
    [{ state: 'pending' }, ['ann@a.test', 'bob@b.test', 'ward@royal.example.test']],
    [{ state: 'leased' }, ['cat@a.test']],
    [{ state: 'held' }, ['Dan@sub.a.test']],
    [{ domain: 'A.test' }, ['ann@a.test', 'cat@a.test']],
    [{ destination: 'a.test' }, ['ann@a.test', 'Dan@sub.a.test']],
    [{ destination: 'nowhere.test' }, []],
    [{ client: 'lab' }, ['Dan@sub.a.test']],
    [{ sender: '<>' }, ['ward@royal.example.test']],
    [{ sender: 'WARD@royal.example.test' }, all.slice(0, 4)],
    [{ recipient: 'dan@SUB.a.test' }, ['Dan@sub.a.test']],
    [{ queueIds: [ids.leased, ids.pending] }, all.slice(0, 3)],
    [{ queueIds: [] }, []],
    [{ before: START + 3 * HOUR }, all.slice(0, 3)],
    [{ after: START + 2 * HOUR }, all.slice(3)],
    [{ client: 'royal', state: 'pending', domain: 'b.test', after: START, before: START + 2 * HOUR }, ['bob@b.test']],
    [{ client: 'royal', state: 'held' }, []],
  ]
  for (const [filter, expected] of cases) {
    assert.deepEqual(await found(spool, filter), expected, JSON.stringify(filter))
  }
})

test('Pages follow each other without gap or repetition.', async (t) => {
  const { spool } = await openTestSpool(t)
  const stored = await Promise.all(
    Array.from({ length: 25 }, () => spool.put(message(['a@a.test']), [deliver('a.test')])),
  )
  const seen: string[] = []
  const sizes: number[] = []
  for (let after: string | null = null; ; ) {
    const page = await spool.list({}, { after, limit: 10 })
    seen.push(...page.entries.map(({ queueId }) => queueId))
    sizes.push(page.entries.length)
    if (page.next === null) break
    after = page.next
  }
  assert.deepEqual(
    seen,
    stored.map(({ queueId }) => queueId),
  )
  assert.deepEqual(sizes.slice(0, 3), [10, 10, 5])
})

test('What is shown of a message says why it waits and until when.', async (t) => {
  const { spool, clock } = await openTestSpool(t)
  const ids = await fill(spool, clock)
  await spool.block('a.test', START + 200 * HOUR, { text: '10.1.2.3:25: connection refused', failures: 4 })
  const shown = await spool.show(ids.pending)
  assert.deepEqual(shown, {
    queueId: ids.pending,
    receivedAt: START + HOUR,
    client: 'royal',
    sender: 'ward@royal.example.test',
    size: 33,
    messageId: '<1@royal.example.test>',
    recipients: [
      {
        index: 0,
        address: 'ann@a.test',
        destination: 'a.test',
        state: 'pending',
        nextAttemptAt: START + 200 * HOUR,
        attempts: 0,
        lastReply: null,
        cause: '10.1.2.3:25: connection refused',
        owner: 'delivery',
        hold: null,
      },
      {
        index: 1,
        address: 'bob@b.test',
        destination: 'b.test',
        state: 'pending',
        nextAttemptAt: START + 100 * HOUR,
        attempts: 0,
        lastReply: null,
        cause: null,
        owner: 'delivery',
        hold: null,
      },
    ],
  })
  const held = (await spool.show(ids.held))?.recipients[0]
  assert.deepEqual([held?.cause, held?.nextAttemptAt, held?.hold], ['looks odd', null, hold(START + 100 * HOUR)])
})

test('Retry makes recipients due now and lets their destination be attempted.', async (t) => {
  const { spool, clock } = await openTestSpool(t)
  await fill(spool, clock)
  await spool.block('a.test', START + 200 * HOUR, { text: 'refused', failures: 4 })
  assert.deepEqual(await spool.act({ do: 'retry' }, { destination: 'a.test' }, 'ann'), { changed: 1, busy: 0 })
  const leases = await spool.lease(want(START + 100 * HOUR))
  assert.deepEqual(
    leases.map(({ destination }) => destination),
    ['a.test'],
  )
})

test('What is leased is left alone by every action and counted.', async (t) => {
  const { spool, clock } = await openTestSpool(t)
  await fill(spool, clock)
  const far = START + 100 * HOUR
  const actions = [{ do: 'remove' }, { do: 'reroute', destination: 'x.test' }, { do: 'hold', hold: hold(far) }] as const
  for (const action of actions) {
    assert.deepEqual(await spool.act(action, { domain: 'a.test', state: 'leased' }, 'ann'), { changed: 0, busy: 1 })
  }
})

test('Reroute moves what waits to another destination and back to its own, over a restart.', async (t) => {
  const opened = await openTestSpool(t)
  const ids = await fill(opened.spool, opened.clock)
  const destinations = async (spool: Spool) =>
    (await spool.show(ids.pending))?.recipients.map((each) => each.destination)
  await opened.spool.act({ do: 'reroute', destination: 'b.test' }, { queueIds: [ids.pending] }, 'ann')
  await opened.spool.act({ do: 'reroute', destination: 'x.test' }, { queueIds: [ids.pending] }, 'ann')
  assert.deepEqual(await destinations(opened.spool), ['x.test', 'x.test'])
  assert.equal(await opened.spool.nextDue(), opened.clock.now(), 'and it is due at once')
  const spool = await opened.reopen()
  assert.deepEqual(await spool.act({ do: 'reroute', destination: null }, { queueIds: [ids.pending] }, 'ann'), {
    changed: 2,
    busy: 0,
  })
  assert.deepEqual(await destinations(spool), ['a.test', 'b.test'])
})

test('Remove takes a message away with its content; release and hold change what is held.', async (t) => {
  const { spool, clock } = await openTestSpool(t)
  const ids = await fill(spool, clock)
  assert.deepEqual(await spool.act({ do: 'remove' }, { queueIds: [ids.pending] }, 'ann'), { changed: 2, busy: 0 })
  assert.equal(await spool.show(ids.pending), null)
  assert.equal(await spool.content(ids.pending), null)
  assert.deepEqual(await spool.act({ do: 'release' }, {}, 'ann'), { changed: 1, busy: 1 })
  assert.deepEqual(await spool.act({ do: 'hold', hold: hold(START + 9 * HOUR) }, { client: 'postern' }, 'ann'), {
    changed: 1,
    busy: 0,
  })
  assert.deepEqual((await spool.summary()).states, { pending: 1, leased: 1, held: 1 })
})

test('An action on thousands goes in steps and misses none.', async (t) => {
  const { spool } = await openTestSpool(t)
  await Promise.all(
    Array.from({ length: 3000 }, (_, i) => spool.put(message([`a@${i % 7}.test`], 10), [deliver(`${i % 7}.test`)])),
  )
  assert.deepEqual(await spool.act({ do: 'hold', hold: hold(START + HOUR) }, {}, 'ann'), { changed: 3000, busy: 0 })
  assert.deepEqual(await spool.act({ do: 'remove' }, { state: 'held' }, 'ann'), { changed: 3000, busy: 0 })
  assert.deepEqual((await spool.summary()).states, { pending: 0, leased: 0, held: 0 })
})

test('An address with characters of LIKE or SQL in it selects itself only.', async (t) => {
  const { spool } = await openTestSpool(t)
  const odd = `"%_'; DROP TABLE message"@a.test`
  await spool.put(message([odd]), [deliver('a.test')])
  await spool.put(message(['x@a.test']), [deliver('a.test')])
  assert.deepEqual(await found(spool, { recipient: odd }), [odd])
  assert.deepEqual(await found(spool, { recipient: '%@a.test' }), [])
  assert.equal(address(odd).domain, 'a.test')
})
