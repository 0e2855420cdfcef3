import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import Sqlite from 'better-sqlite3'
import { compareWithSpool } from '../../../src/ledger/verify/agreement.ts'
import { parseQueueId } from '../../../src/mail/queue-id.ts'
import { SpoolAudit } from '../../../src/spool/audit.ts'
import type { Scope } from '../../support/folder.ts'
import { deliver, eventually, message, openTestSpool, outcome, RELAYED, START } from '../spool/support.ts'
import { openTestLedger } from './support.ts'
import { fileOf } from './verify-support.ts'

const DAY = 86_400_000

/** A spool and its ledger: one message relayed, one that waits with one of two recipients relayed. */
async function both(t: Scope) {
  const opened = await openTestSpool(t)
  const kept = await openTestLedger(t)
  const { spool } = opened
  spool.connectJournal(kept.ledger.connect())
  const put = (to: string[]) =>
    spool.put(
      message(to),
      to.map(() => deliver('b.test', START, START + DAY)),
    )
  const gone = await put(['a@b.test'])
  const waits = await put(['a@b.test', 'c@b.test'])
  await spool.settle([outcome(gone.queueId, { 0: RELAYED }), outcome(waits.queueId, { 0: RELAYED })])
  await eventually(async () => (await kept.ledger.summary()).entries === 4)
  const spoolFile = join(opened.path, 'spool.db')
  const compare = async () => {
    const audit = new SpoolAudit(spoolFile)
    const { list } = await compareWithSpool(fileOf(kept), audit)
    audit.close()
    return list.map(({ queueId, text }) => [queueId, text.replace(/^\w{11}: /, '')])
  }
  const harm = (file: string, sql: string, ...values: unknown[]) => {
    const db = new Sqlite(file)
    db.prepare(sql).run(...values)
    db.close()
  }
  return { spool, kept, spoolFile, gone: gone.queueId, waits: waits.queueId, put, compare, harm }
}

test('Spool and ledger agree, also where the journal holds what the ledger has not taken yet.', async (t) => {
  const { spool, kept, compare, put } = await both(t)
  assert.deepEqual(await compare(), [])
  await kept.ledger.close()
  const late = await put(['d@b.test', 'e@b.test'])
  await spool.settle([outcome(late.queueId, { 1: RELAYED })])
  assert.deepEqual(await compare(), [])
})

test('What is open on record and vanished from the spool is told.', async (t) => {
  const { spoolFile, waits, compare, harm } = await both(t)
  harm(spoolFile, 'DELETE FROM recipient WHERE message_id = ?', parseQueueId(waits))
  assert.deepEqual(await compare(), [[waits, 'c@b.test is pending on record, and does not wait in the spool']])
})

test('What waits in the spool and has no receipt, or an end, on record is told.', async (t) => {
  const { kept, waits, compare, harm } = await both(t)
  const id = parseQueueId(waits)
  harm(
    fileOf(kept),
    `UPDATE entry SET data = replace(data, '"index":0', '"index":1') WHERE queue_id = ? AND event = 'attempt'`,
    id,
  )
  const told = (await compare()).map(([, text]) => text)
  assert.ok(
    told.some((text) => /waits in the spool, and is relayed on record/.test(text ?? '')),
    told.join(),
  )
  harm(fileOf(kept), 'DELETE FROM entry WHERE queue_id = ?', id)
  assert.deepEqual(await compare(), [[waits, 'it waits in the spool, and its receipt is not on record']])
})

test('Numbers that neither has are told, and a spool that is an older copy.', async (t) => {
  const { kept, compare, harm } = await both(t)
  harm(fileOf(kept), 'UPDATE source SET seq = 9')
  assert.match((await compare())[0]?.[1] ?? '', /has 9 entries of the spool's journal, which has come to 4 only/)
})
