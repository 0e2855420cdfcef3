import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import Sqlite from 'better-sqlite3'
import { openLedger } from '../../../src/ledger/open.ts'
import { migrations } from '../../../src/ledger/thread/schema.ts'
import { verifyLedger } from '../../../src/ledger/verify/verify.ts'
import type { Log } from '../../../src/log.ts'
import { noMetrics } from '../../../src/metrics.ts'
import { type Scope, temporaryFolder } from '../../support/folder.ts'
import { eventually, START, TestClock } from '../spool/support.ts'
import { FIRST, numberOf, queueId, Teller } from './support.ts'
import { fileOf, filled } from './verify-support.ts'

const PAGE = 8192

/** Opens a ledger whose log is kept. */
async function openLogged(scope: Scope, path: string) {
  const lines: { level: string; fields: object; message: string }[] = []
  const level = (name: string) => (fields: object, message: string) => void lines.push({ level: name, fields, message })
  const log: Log = { debug: level('debug'), info: level('info'), warn: level('warn'), error: level('error') }
  const clock = new TestClock()
  const ledger = await openLedger({ path, gatherMs: 1 }, { log, metrics: noMetrics, clock })
  scope.after(() => ledger.close())
  const errors = () => lines.filter((line) => line.level === 'error').map(({ message }) => message)
  return { ledger, clock, errors, lines }
}

for (const [title, place] of [
  ['its head', 0],
  ['its list of tables', 110],
] as const) {
  test(`A ledger that is damaged in ${title} is kept aside, and a new chain begins that says so.`, async (t) => {
    const opened = await filled(t, 30)
    await opened.ledger.close()
    const bytes = readFileSync(fileOf(opened))
    bytes.fill(0xa5, place, place + 90)
    writeFileSync(fileOf(opened), bytes)
    const { ledger, errors } = await openLogged(t, opened.path)
    assert.match(errors().join(), /The ledger was damaged and a new one begun/)
    const aside = readdirSync(opened.path).filter((name) => /\.damaged-\w+$/.test(name))
    assert.equal(aside.length, 1)
    assert.deepEqual(readFileSync(join(opened.path, aside[0] ?? '')), bytes)
    const teller = new Teller(ledger)
    teller.tellAgain(31, { message: 40 })
    await eventually(() => teller.acknowledged === 31)
    const { messages } = await ledger.trace({}, FIRST)
    assert.deepEqual(
      messages.map((message) => message.queueId),
      [queueId(40)],
    )
    teller.close()
    await ledger.close()
    const report = verifyLedger({ path: fileOf(opened) })
    assert.deepEqual([report.problems, report.entries], [[], 2])
    const db = new Sqlite(fileOf(opened), { readonly: true })
    assert.equal(db.prepare('SELECT event FROM entry WHERE id = 1').pluck().get(), 'break')
    db.close()
  })
}

test('A new chain names the end of the one that was damaged, where that can be read.', async (t) => {
  const opened = await filled(t, 30)
  await opened.ledger.close()
  const { head } = verifyLedger({ path: fileOf(opened) })
  const db = new Sqlite(fileOf(opened))
  db.unsafeMode(true)
  db.pragma('writable_schema=ON')
  // The table of sources points to a page of another kind
  db.exec(
    "UPDATE sqlite_schema SET rootpage = (SELECT rootpage FROM sqlite_schema WHERE name = 'chain') WHERE name = 'source'",
  )
  db.close()
  const { ledger, errors } = await openLogged(t, opened.path)
  assert.equal(errors().length, 1)
  await ledger.close()
  const after = new Sqlite(fileOf(opened), { readonly: true })
  const { facts } = JSON.parse(String(after.prepare('SELECT data FROM entry WHERE id = 1').pluck().get()))
  assert.deepEqual([facts.head.entry, facts.head.hash], [30, head?.hash])
  after.close()
})

test('A ledger that was changed from outside is told at the next start, and goes on.', async (t) => {
  const opened = await filled(t, 30)
  await opened.ledger.close()
  const db = new Sqlite(fileOf(opened))
  db.exec('DELETE FROM entry WHERE id > 27')
  db.close()
  const { ledger, errors } = await openLogged(t, opened.path)
  assert.match(errors().join(), /entries after 27, up to the head of the chain, are missing/)
  const teller = new Teller(ledger)
  teller.tellAgain(31, { message: 40 })
  await eventually(() => teller.acknowledged === 31)
  teller.close()
  await ledger.close()
  const { problems } = verifyLedger({ path: fileOf(opened) })
  assert.deepEqual([problems[0]?.what, problems[0]?.text], ['missing', 'entries 28 to 30 are missing'])
})

test('While the ledger cannot be written, entries wait, it says so once, and then all are there.', async (t) => {
  const path = temporaryFolder(t, 'ledger')
  const { ledger, clock, errors, lines } = await openLogged(t, path)
  const blocker = new Sqlite(join(path, 'ledger.db'))
  blocker.exec("CREATE TRIGGER no BEFORE INSERT ON entry BEGIN SELECT raise(ABORT, 'no more'); END")
  const teller = new Teller(ledger)
  teller.tell({ message: 1 })
  await eventually(() => {
    clock.advance(1000)
    return errors().length > 0
  })
  for (let i = 0; i < 5; i++) clock.advance(1000)
  await ledger.summary()
  assert.match(errors().join(), /^The ledger cannot be written: no more\. Mail goes on/)
  assert.equal(teller.acknowledged, 0)
  blocker.exec('DROP TRIGGER no')
  blocker.close()
  await eventually(() => {
    clock.advance(1000)
    return teller.acknowledged === 1 && lines.some(({ message }) => message === 'the ledger can be written again')
  })
  assert.equal(errors().length, 1)
  teller.close()
  await ledger.close()
  assert.deepEqual(verifyLedger({ path: join(path, 'ledger.db') }).problems, [])
})

test('Entries from before the chain stay readable, and the chain begins after them.', async (t) => {
  const path = temporaryFolder(t, 'ledger')
  const old = new Sqlite(join(path, 'ledger.db'))
  old.pragma(`page_size=${PAGE}`)
  old.pragma('application_id=0x506f734c')
  migrations[0]?.up(old)
  old.pragma('user_version=1')
  old.exec('INSERT INTO source VALUES (1, 1, 3)')
  const insert = old.prepare("INSERT INTO entry VALUES (?, 1, ?, ?, ?, 'received', '{}')")
  for (const n of [1, 2, 3]) insert.run(n, n, START, numberOf(n))
  old.close()
  const { ledger } = await openLogged(t, path)
  const teller = new Teller(ledger)
  teller.tellAgain(4, { message: 4 }, { message: 5 })
  await eventually(() => teller.acknowledged === 5)
  const { messages } = await ledger.trace({}, FIRST)
  assert.equal(messages.length, 5)
  teller.close()
  await ledger.close()
  const report = verifyLedger({ path: join(path, 'ledger.db') })
  assert.deepEqual([report.problems, report.unchained, report.after, report.entries], [[], 3, 3, 2])
})
