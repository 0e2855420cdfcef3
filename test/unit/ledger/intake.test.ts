import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import Database from 'better-sqlite3'
import { openLedger } from '../../../src/ledger/open.ts'
import { deliver, eventually, message, openTestSpool, outcome, RELAYED, START, seams } from '../spool/support.ts'
import { FIRST, ids, openTestLedger, queueId, Teller } from './support.ts'

const DAY = 86_400_000

test('An entry is acknowledged once it is stored, and stored once however often it comes.', async (t) => {
  const opened = await openTestLedger(t)
  const teller = new Teller(opened.ledger)
  const three = [{ message: 1 }, { message: 2 }, { message: 3 }]
  teller.tell(...three)
  await eventually(() => teller.acknowledged === 3)
  teller.tellAgain(2, { message: 2 }, { message: 3 }, { message: 4 })
  await eventually(() => teller.acknowledged === 4)
  teller.close()
  const ledger = await opened.reopen()
  const again = new Teller(ledger)
  again.tell(...three)
  await eventually(() => again.acknowledged === 4)
  assert.equal((await ledger.summary()).entries, 4)
  again.close()
})

test('Two spools count their entries apart.', async (t) => {
  const { ledger } = await openTestLedger(t)
  const [one, two] = [new Teller(ledger, 1), new Teller(ledger, 2)]
  one.tell({ message: 1 }, { message: 2 })
  two.tell({ message: 3 })
  await eventually(() => one.acknowledged === 2 && two.acknowledged === 1)
  assert.deepEqual(await ids(ledger, {}), [3, 2, 1].map(queueId))
  one.close()
  two.close()
})

test('What a spool did while the ledger was away is there when it is back, each thing once.', async (t) => {
  const opened = await openTestSpool(t)
  const { spool } = opened
  const away = await openTestLedger(t)
  spool.connectJournal(away.ledger.connect())
  const put = () => spool.put(message(['a@b.test']), [deliver('b.test', START, START + DAY)])
  const first = await put()
  await eventually(async () => (await away.ledger.summary()).entries === 1)
  await away.ledger.close()
  await spool.settle([outcome(first.queueId, { 0: RELAYED })])
  const second = await put()
  const ledger = await away.reopen()
  spool.connectJournal(ledger.connect())
  await eventually(async () => (await ledger.summary()).entries === 3)
  const { messages } = await ledger.trace({ recipient: 'a@b.test' }, FIRST)
  assert.deepEqual(
    messages.map((found) => [found.queueId, found.entries.length]),
    [
      [second.queueId, 1],
      [first.queueId, 2],
    ],
  )
})

test('Entries are dropped when their retention is over, and nothing younger.', async (t) => {
  const { ledger, clock, path } = await openTestLedger(t, { retentionMs: DAY, segmentMessages: 10 })
  const teller = new Teller(ledger)
  for (let number = 1; number <= 95; number++) teller.tell({ message: number, at: START })
  clock.advance(DAY / 2)
  teller.tell({ message: 720, at: clock.now() }, { message: 5, event: 'attempt', at: clock.now() })
  await eventually(async () => (await ledger.summary()).entries === 97)
  clock.advance(DAY / 2 + 1)
  await eventually(async () => {
    clock.advance(1000)
    return (await ledger.summary()).entries === 2
  })
  assert.deepEqual(await ids(ledger, { recipient: 'a@b.test' }), [queueId(720)])
  assert.equal((await ledger.summary()).oldest, START + DAY / 2)
  const { messages } = await ledger.trace({ queueId: queueId(5) }, FIRST)
  assert.deepEqual([messages[0]?.receivedAt, messages[0]?.entries.length], [null, 1], 'a late entry outlives the rest')
  for (let i = 0; i < 30; i++) {
    clock.advance(1000)
    await ledger.summary()
  }
  teller.close()
  await ledger.close()
  const db = new Database(join(path, 'ledger.db'), { readonly: true })
  // Nine had been written; the keys of the youngest are still in memory
  assert.equal(db.prepare('SELECT count(*) FROM segment').pluck().get(), 0)
  assert.equal(db.prepare('SELECT count(*) FROM lookup').pluck().get(), 0)
  db.close()
})

test('An entry whose data nobody can read is kept as it came and hides nothing.', async (t) => {
  const { ledger } = await openTestLedger(t)
  const port = ledger.connect()
  const entries = [1, START, 4096, 'received', '{not json', 2, START, 4096, 'attempt', '[]']
  port.postMessage({ source: 1, entries })
  await eventually(async () => (await ledger.summary()).entries === 2)
  const { messages } = await ledger.trace({}, FIRST)
  assert.deepEqual(messages[0]?.entries[0]?.facts, { unreadable: '{not json' })
  assert.deepEqual(messages[0]?.entries[1], {
    at: START,
    event: 'attempt',
    recipients: [],
    facts: { unreadable: '[]' },
  })
  port.close()
})

test('A second ledger in the same folder is refused, and a closed one rejects.', async (t) => {
  const { ledger, path } = await openTestLedger(t)
  await assert.rejects(openLedger({ path }, seams), { name: 'FolderInUse' })
  await ledger.close()
  await assert.rejects(ledger.summary(), { name: 'LedgerUnavailable' })
})
