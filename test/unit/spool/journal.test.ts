import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { MessageChannel } from 'node:worker_threads'
import Database from 'better-sqlite3'
import type { OutboxBatch } from '../../../src/db/outbox.ts'
import { parseQueueId } from '../../../src/mail/queue-id.ts'
import type { Spool } from '../../../src/spool/contract.ts'
import type { OpenSpool } from '../../../src/spool/open.ts'
import { deliver, eventually, FAILED, hold, later, message, openTestSpool, outcome, RELAYED, START } from './support.ts'

const HOUR = 3_600_000

interface Entry {
  readonly seq: number
  readonly at: number
  readonly id: number
  readonly event: string
  readonly data: { recipients: { address: string; state: string; reply?: string }[]; facts: Record<string, unknown> }
}

/** A ledger that only collects. It acknowledges when told to. */
function collect(spool: OpenSpool) {
  const { port1, port2 } = new MessageChannel()
  const entries: Entry[] = []
  const sources = new Set<number>()
  port1.on('message', ({ source, entries: list }: OutboxBatch) => {
    sources.add(source)
    for (let i = 0; i < list.length; i += 5) {
      const [seq, at, id, event, data] = list.slice(i, i + 5) as [number, number, number, string, string]
      entries.push({ seq, at, id, event, data: JSON.parse(data) })
    }
  })
  spool.connectJournal(port2)
  return {
    entries,
    sources,
    acknowledge: () => port1.postMessage({ acknowledged: entries.at(-1)?.seq ?? 0 }),
    close: () => port1.close(),
  }
}

const put = (spool: Spool) => spool.put(message(['a@a.test']), [deliver('a.test', START, START + HOUR)])

test('Every change is journalled in order, with who did it and what was said.', async (t) => {
  const { spool } = await openTestSpool(t)
  const ledger = collect(spool)
  const facts = { helo: 'mx.royal.example.test' }
  const { queueId } = await spool.put(message(['a@a.test', 'b@b.test', 'c@c.test'], 100, { facts }), [
    deliver('a.test', START, START + HOUR),
    { do: 'hold', destination: 'b.test', hold: hold(START + HOUR) },
    { do: 'discard', reason: 'listed' },
  ])
  const reply = { code: 450, enhanced: '4.2.1', lines: ['later'] }
  const state = { is: 'pending', dueAt: START, reply, attempted: true } as const
  await spool.settle([{ ...outcome(queueId, { 0: state }), facts: { host: 'mx.a.test' } }])
  await spool.act({ do: 'retry' }, {}, 'ann')
  await spool.act({ do: 'release' }, {}, 'ann')
  await spool.act({ do: 'reroute', destination: 'other.test' }, { recipient: 'B@b.test' }, 'bob')
  await spool.act({ do: 'hold', hold: hold(START + HOUR) }, { domain: 'a.test' }, 'bob')
  await spool.settle([outcome(queueId, { 1: { is: 'noticed' } }), outcome(queueId, { 1: FAILED })])
  await spool.act({ do: 'remove' }, {}, 'ann')
  await eventually(() => ledger.entries.length === 10)
  assert.deepEqual(
    ledger.entries.map(({ event, data }) => [event, ...data.recipients.map((each) => `${each.address} ${each.state}`)]),
    [
      ['received', 'a@a.test pending', 'b@b.test held', 'c@c.test discarded'],
      ['discard', 'c@c.test discarded'],
      ['attempt', 'a@a.test pending'],
      ['retry', 'a@a.test pending'],
      ['release', 'b@b.test pending'],
      ['reroute', 'b@b.test pending'],
      ['hold', 'a@a.test held'],
      ['notice', 'b@b.test pending'],
      ['attempt', 'b@b.test failed'],
      ['remove', 'a@a.test removed'],
    ],
  )
  const [received, discarded, attempt, retry, , reroute, held] = ledger.entries
  const { client, sender, size, messageId, helo } = received?.data.facts ?? {}
  assert.deepEqual(
    [client, sender, size, messageId, helo],
    ['royal', 'ward@royal.example.test', 123, '<1@royal.example.test>', facts.helo],
  )
  assert.equal(discarded?.data.recipients[0]?.reply, 'listed')
  assert.deepEqual(
    [attempt?.data.recipients[0]?.reply, attempt?.data.facts],
    ['450 4.2.1 later', { host: 'mx.a.test' }],
  )
  assert.deepEqual(retry?.data.facts, { by: 'ann' })
  assert.deepEqual(reroute?.data.facts, { by: 'bob', destination: 'other.test' })
  assert.deepEqual(held?.data.facts, { by: 'bob', hold: hold(START + HOUR) })
  assert.deepEqual(new Set(ledger.entries.map(({ id }) => id)), new Set([parseQueueId(queueId)]))
  assert.deepEqual(
    ledger.entries.map(({ seq }) => seq),
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
  )
  ledger.close()
})

test('What nobody took waits on disk, also over a restart, and comes in order.', async (t) => {
  const opened = await openTestSpool(t)
  for (let i = 0; i < 3; i++) await put(opened.spool)
  const spool = await opened.reopen()
  const ledger = collect(spool)
  await put(spool)
  await eventually(() => ledger.entries.length === 4)
  assert.deepEqual(
    ledger.entries.map(({ seq }) => seq),
    [1, 2, 3, 4],
  )
  ledger.close()
})

test('What was not acknowledged comes again, under the same number; what was, does not.', async (t) => {
  const opened = await openTestSpool(t)
  const first = collect(opened.spool)
  await put(opened.spool)
  await put(opened.spool)
  await eventually(() => first.entries.length === 2)
  first.acknowledge()
  await put(opened.spool)
  await put(opened.spool)
  await eventually(() => first.entries.length === 4)
  first.close()
  const second = collect(opened.spool)
  await eventually(() => second.entries.length === 2)
  assert.deepEqual(
    second.entries.map(({ seq }) => seq),
    [3, 4],
  )
  assert.deepEqual(second.sources, first.sources)
  second.close()
})

test('What the ledger has is deleted, and numbers go on above it for ever.', async (t) => {
  const opened = await openTestSpool(t)
  const ledger = collect(opened.spool)
  for (let i = 0; i < 10; i++) await put(opened.spool)
  await eventually(() => ledger.entries.length === 10)
  ledger.acknowledge()
  const count = () => {
    const db = new Database(join(opened.path, 'spool.db'), { readonly: true })
    const found = db.prepare('SELECT count(*) FROM journal').pluck().get()
    db.close()
    return found
  }
  // Deleted when the thread is idle; the last stays, because its number is needed
  await eventually(() => count() === 1)
  ledger.close()
  const spool = await opened.reopen()
  const again = collect(spool)
  await put(spool)
  await eventually(() => again.entries.at(-1)?.seq === 11)
  again.close()
})

test('A ledger that is far behind catches up without anything being lost or held in memory.', async (t) => {
  const opened = await openTestSpool(t)
  const { spool } = opened
  for (let round = 0; round < 10; round++) {
    const stored = await Promise.all(Array.from({ length: 500 }, () => put(spool)))
    await spool.settle(stored.map(({ queueId }) => outcome(queueId, { 0: RELAYED })))
  }
  const ledger = collect(spool)
  const acknowledging = setInterval(() => ledger.acknowledge(), 5)
  for (let i = 0; i < 50; i++) await put(spool)
  await eventually(() => ledger.entries.length >= 10_050)
  clearInterval(acknowledging)
  assert.deepEqual(
    ledger.entries.map(({ seq }) => seq),
    Array.from({ length: 10_050 }, (_, i) => i + 1),
  )
  ledger.close()
})

test('A hold that is released at its deadline is journalled as a release.', async (t) => {
  const { spool } = await openTestSpool(t)
  const ledger = collect(spool)
  const plan = { do: 'hold', destination: 'a.test', hold: hold(START, 'release') } as const
  const { queueId } = await spool.put(message(['a@a.test']), [plan])
  await spool.overdueHolds(1)
  await spool.settle([outcome(queueId, { 0: later(START, false) })])
  await eventually(() => ledger.entries.length === 2)
  assert.equal(ledger.entries[1]?.event, 'release')
  ledger.close()
})
