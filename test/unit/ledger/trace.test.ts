import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openLedger } from '../../../src/ledger/open.ts'
import type { Scope } from '../../support/folder.ts'
import { temporaryFolder } from '../../support/folder.ts'
import { deliver, eventually, later, message, openTestSpool, outcome, RELAYED, START, seams } from '../spool/support.ts'

async function openBoth(t: Scope) {
  const opened = await openTestSpool(t)
  const ledger = await openLedger({ path: temporaryFolder(t, 'ledger'), gatherMs: 1 }, seams)
  t.after(() => ledger.close())
  opened.spool.connectJournal(ledger.connect())
  return { ...opened, ledger }
}

const FIRST = { after: null, limit: 10 }

test('The life of a message can be read after it has left the spool.', async (t) => {
  const { spool, ledger } = await openBoth(t)
  const { queueId } = await spool.put(message(['a@b.test']), [deliver('b.test')])
  await spool.settle([outcome(queueId, { 0: later(START + 1000) })])
  await spool.settle([outcome(queueId, { 0: RELAYED })])
  await eventually(async () => (await ledger.summary()).entries === 3)
  const { messages } = await ledger.trace({ queueId }, FIRST)
  assert.equal(messages.length, 1)
  const [found] = messages
  assert.deepEqual(
    found?.entries.map(({ event, recipients }) => [event, recipients[0]?.state]),
    [
      ['received', 'pending'],
      ['attempt', 'pending'],
      ['attempt', 'relayed'],
    ],
  )
  assert.equal(found?.sender, 'ward@royal.example.test')
})
