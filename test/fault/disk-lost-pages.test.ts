import assert from 'node:assert/strict'
import { cpSync, statSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { ledgerHas } from '../../src/daemon/state-places.ts'
import { compareWithSpool } from '../../src/ledger/verify/agreement.ts'
import { memoryContent } from '../../src/mail/content.ts'
import { SpoolAudit } from '../../src/spool/audit.ts'
import { openSpool } from '../../src/spool/open.ts'
import { repairSpool } from '../../src/spool/rescue/repair.ts'
import { type Scope, temporaryFolder } from '../support/folder.ts'
import { openTestLedger } from '../unit/ledger/support.ts'
import { fileOf } from '../unit/ledger/verify-support.ts'
import { deliver, eventually, message, openTestSpool, START, seams } from '../unit/spool/support.ts'

const MESSAGES = 60
const CUTS = [0.9, 0.6, 0.35] as const

test('Whichever pages a cut takes from the spool, after the repair each message that lay there alone is named.', async (t) => {
  const { spoolFolder, ledgerFolder, ids } = await leave(t)
  const size = statSync(join(spoolFolder, 'spool.db')).size
  let named = 0
  for (const left of CUTS) {
    const folder = temporaryFolder(t, 'cut')
    cpSync(spoolFolder, folder, { recursive: true })
    truncateSync(join(folder, 'spool.db'), Math.floor(size * left))
    const ledger = join(ledgerFolder, 'ledger.db')
    const repaired = repairSpool({ folder, now: START, ledgerHas: (source) => ledgerHas(ledger, source) })
    assert.ok(repaired.cut > 0)
    const { waiting, told } = await look(folder, ledger)
    const aside = new Set(repaired.damaged.map(({ queueId }) => queueId))
    const missing = ids.filter((id) => !waiting.has(id))
    assert.deepEqual(
      missing.filter((id) => !told.has(id) && !aside.has(id)),
      [],
      `${left}: not named`,
    )
    assert.deepEqual(
      [...told].filter((id) => waiting.has(id)),
      [],
      `${left}: named, and waits`,
    )
    named += missing.length
  }
  assert.ok(named > 0, 'no cut took a message')
})

/** A spool full of mail that waits, and the ledger that has taken all of it; both closed. */
async function leave(t: Scope) {
  const opened = await openTestSpool(t)
  const kept = await openTestLedger(t)
  opened.spool.connectJournal(kept.ledger.connect())
  const ids: string[] = []
  for (let n = 0; n < MESSAGES; n++) {
    const content = memoryContent(Buffer.alloc(9000, 'x'))
    const stored = await opened.spool.put({ ...message(['a@b.test']), content }, [
      deliver('b.test', START, START + 1e9),
    ])
    ids.push(stored.queueId)
  }
  await eventually(async () => (await kept.ledger.summary()).entries === MESSAGES)
  await opened.spool.close()
  await kept.ledger.close()
  const [spoolFolder, ledgerFolder] = [temporaryFolder(t, 'spool-left'), temporaryFolder(t, 'ledger-left')]
  cpSync(opened.path, spoolFolder, { recursive: true })
  cpSync(fileOf(kept), join(ledgerFolder, 'ledger.db'))
  return { spoolFolder, ledgerFolder, ids }
}

/** What waits after a start on it, and what the comparison with the ledger names. */
async function look(folder: string, ledger: string) {
  const spool = await openSpool({ path: folder, reserveBytes: 0, ballastBytes: 0 }, seams)
  const { entries } = await spool.list({}, { after: null, limit: 1000 })
  await spool.close()
  const audit = new SpoolAudit(join(folder, 'spool.db'))
  try {
    const { list } = await compareWithSpool(ledger, audit)
    const told = new Set(list.flatMap(({ queueId }) => (queueId === null ? [] : [queueId as string])))
    return { waiting: new Set(entries.map(({ queueId }) => queueId as string)), told }
  } finally {
    audit.close()
  }
}
