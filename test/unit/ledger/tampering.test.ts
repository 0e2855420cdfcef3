import assert from 'node:assert/strict'
import { copyFileSync } from 'node:fs'
import { test } from 'node:test'
import Sqlite from 'better-sqlite3'
import { openLedger } from '../../../src/ledger/open.ts'
import { verifyLedger } from '../../../src/ledger/verify/verify.ts'
import { silentLog } from '../../../src/log.ts'
import { noMetrics } from '../../../src/metrics.ts'
import type { Scope } from '../../support/folder.ts'
import { eventually, START, TestClock } from '../spool/support.ts'
import { FIRST, openTestLedger, queueId, Teller } from './support.ts'
import { type Database, fileOf, filled, filledFile, Harm, newKey } from './verify-support.ts'

const ENTRIES = 45
const DAY = 86_400_000

const kinds = ({ problems }: ReturnType<Harm['verify']>) => [...new Set(problems.map(({ what }) => what))]

/** What somebody without the key does who wants the oldest to be forgotten: as if the chain began later. */
function beginAt(db: Database, entry: number): void {
  db.prepare('DELETE FROM entry WHERE id <= ?').run(entry)
  db.prepare('DELETE FROM checkpoint WHERE entry < ?').run(entry)
  db.prepare(
    `UPDATE chain SET entry = c.entry, count = 0, hash = c.hash FROM checkpoint c
     WHERE name = 'anchor' AND c.entry = ?`,
  ).run(entry)
  db.prepare('DELETE FROM checkpoint WHERE entry = ?').run(entry)
}

for (const id of [0, -5]) {
  test(`A message that was put in as number ${id}, before the beginning of the chain, is told.`, async (t) => {
    const harm = new Harm(t, await filledFile(t, ENTRIES))
    const put = 'INSERT INTO entry SELECT ?, source, 99, at, queue_id, event, data, NULL FROM entry WHERE id = 1'
    assert.deepEqual(kinds(harm.verify((db) => db.prepare(put).run(id))), ['inserted'])
  })
}

test('Dropped entries are told, though the anchor was made a beginning, which nobody signs.', async (t) => {
  const { pem, publicKey } = newKey()
  const harm = new Harm(t, await filledFile(t, ENTRIES, { key: pem }), { keys: [publicKey] })
  const report = harm.verify((db) => beginAt(db, 20))
  assert.match(report.problems.map(({ text }) => text).join(), /do not agree on how many entries/)
})

test('A head that says that there was never an entry does not make signatures superfluous.', async (t) => {
  const { pem, publicKey } = newKey()
  const harm = new Harm(t, await filledFile(t, ENTRIES, { key: pem }), { keys: [publicKey] })
  const report = harm.verify((db) => {
    db.prepare('DELETE FROM checkpoint').run()
    db.prepare("UPDATE chain SET count = 0 WHERE name = 'head'").run()
    db.prepare("UPDATE chain SET count = -entry WHERE name = 'anchor'").run()
  })
  assert.ok(kinds(report).includes('signature'), JSON.stringify(report.problems))
})

for (const [title, sql] of [
  ['head', "UPDATE chain SET count = count + 1 WHERE name = 'head'"],
  ['anchor', "UPDATE chain SET count = count - 3 WHERE name = 'anchor'"],
  ['checkpoint', 'UPDATE checkpoint SET count = count + 256 WHERE entry = 20'],
] as const) {
  test(`A count that was altered in the ${title} is told without signatures too.`, async (t) => {
    const harm = new Harm(t, await filledFile(t, ENTRIES))
    assert.deepEqual(kinds(harm.verify((db) => db.exec(sql))), ['chain'])
  })
}

/** Everything is over its retention, and gone. */
async function emptied(t: Scope, key: string) {
  const opened = await filled(t, 12, { retentionMs: DAY, key })
  opened.clock.advance(3 * DAY)
  await eventually(async () => {
    opened.clock.advance(1000)
    return (await opened.ledger.summary()).entries === 0
  })
  await opened.ledger.close()
  return fileOf(opened)
}

test('A ledger of which retention took everything is whole by its signed anchor, and not without.', async (t) => {
  const { pem, publicKey } = newKey()
  const harm = new Harm(t, await emptied(t, pem), { keys: [publicKey] })
  assert.deepEqual(harm.verify(() => {}).problems, [])
  const unsigned = harm.verify((db) => {
    db.exec("DELETE FROM checkpoint; UPDATE chain SET key = NULL, signature = NULL WHERE name = 'anchor'")
  })
  assert.deepEqual(kinds(unsigned), ['signature'])
})

for (const [title, sql] of [
  [
    'keys were taken out',
    'DELETE FROM lookup WHERE segment = 2 AND queue_id = (SELECT max(queue_id) FROM lookup WHERE segment = 2)',
  ],
  ['the stretch of messages was made narrower', 'UPDATE segment SET first_id = last_id WHERE id = 2'],
  ['a stretch was taken out', 'DELETE FROM segment WHERE id = 1'],
  [
    'the last stretch was made to reach beyond the end',
    'UPDATE segment SET last_entry = 1000000 WHERE id = (SELECT max(id) FROM segment)',
  ],
] as const) {
  test(`A message that a trace by address does not find, because ${title}, is told.`, async (t) => {
    const original = await filledFile(t, ENTRIES, { segmentMessages: 4 })
    const harm = new Harm(t, original)
    assert.deepEqual(harm.verify(() => {}).problems, [])
    assert.deepEqual(kinds(harm.verify((db) => db.exec(sql))), ['index'])
  })
}

test('An entry that is missing in the index of queue ids, so that no trace shows it, is told.', async (t) => {
  const harm = new Harm(t, await filledFile(t, ENTRIES))
  const report = harm.verify((db) => {
    db.exec('DROP INDEX entry_queue_id; CREATE INDEX entry_queue_id ON entry (queue_id) WHERE id <> 17')
    db.unsafeMode(true)
    db.pragma('writable_schema=ON')
    db.exec(
      "UPDATE sqlite_schema SET sql = 'CREATE INDEX entry_queue_id ON entry (queue_id)' WHERE name = 'entry_queue_id'",
    )
  })
  assert.deepEqual(
    report.problems.map(({ what, entry }) => [what, entry]),
    [['index', 17]],
  )
})

/** Opens a ledger, and gives what it raises. */
async function raised(t: Scope, path: string, clock = new TestClock()) {
  const alarms = new Map<string, string>()
  const seams = {
    log: silentLog,
    metrics: noMetrics,
    clock,
    alarms: { raise: (key: string, text: string) => void alarms.set(key, text), clear() {} },
  }
  const ledger = await openLedger({ path, gatherMs: 1, checkpointEntries: 10 }, seams)
  t.after(() => ledger.close())
  return { alarms, ledger, clock }
}

test('Checkpoints that were taken out, so that the next would vouch for a forged chain, raise an alarm at the start.', async (t) => {
  const opened = await filled(t, ENTRIES)
  await opened.ledger.close()
  const db = new Sqlite(fileOf(opened))
  db.exec('DELETE FROM checkpoint WHERE entry > 30')
  db.close()
  const { alarms } = await raised(t, opened.path)
  assert.match(alarms.get('ledger chain') ?? '', /no checkpoint after entry 30/)
})

test('An older copy of the ledger raises an alarm with the first entry that does not follow.', async (t) => {
  const opened = await filled(t, 30)
  await opened.ledger.close()
  const older = `${fileOf(opened)}.older`
  copyFileSync(fileOf(opened), older)
  const ledger = await opened.reopen()
  const teller = new Teller(ledger)
  teller.tellAgain(31, { message: 50 }, { message: 51 })
  await eventually(() => teller.acknowledged === 32)
  teller.close()
  await ledger.close()
  copyFileSync(older, fileOf(opened))
  const now = await raised(t, opened.path)
  assert.deepEqual([...now.alarms], [])
  const goesOn = new Teller(now.ledger)
  goesOn.tellAgain(33, { message: 52 })
  await eventually(() => goesOn.acknowledged === 33)
  await eventually(() => {
    now.clock.advance(1000)
    return now.alarms.has('ledger gap')
  })
  assert.match(now.alarms.get('ledger gap') ?? '', /lacks the entries 31 to 32/)
  goesOn.close()
})

test('An entry that a wrong clock dated long ago takes no younger ones with it when the oldest is over.', async (t) => {
  const opened = await openTestLedger(t, { retentionMs: DAY })
  const teller = new Teller(opened.ledger)
  const young = START + DAY
  teller.tell({ message: 1 }, { message: 2, at: young }, { message: 3, at: START - 9 * DAY }, { message: 4, at: young })
  await eventually(() => teller.acknowledged === 4)
  opened.clock.advance(DAY + 120_000)
  await eventually(async () => {
    opened.clock.advance(1000)
    return (await opened.ledger.summary()).entries < 4
  })
  const { messages } = await opened.ledger.trace({}, FIRST)
  assert.deepEqual(
    messages.map((message) => message.queueId),
    [4, 3, 2].map(queueId),
  )
  teller.close()
})

test('Checkpoints go on after the clock was set back.', async (t) => {
  const opened = await filled(t, 12)
  await opened.ledger.close()
  const before = verifyLedger({ path: fileOf(opened) }).checkpoints.count
  const clock = new TestClock()
  clock.advance(-30 * DAY)
  const { ledger } = await raised(t, opened.path, clock)
  const teller = new Teller(ledger)
  teller.tellAgain(13, { message: 60 })
  await eventually(() => teller.acknowledged === 13)
  await eventually(() => {
    clock.advance(1000)
    return verifyLedger({ path: fileOf(opened) }).checkpoints.count > before
  })
  teller.close()
})
