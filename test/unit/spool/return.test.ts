import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import Database from 'better-sqlite3'
import type { Hold } from '../../../src/spool/contract.ts'
import { returnDamaged } from '../../../src/spool/rescue/return.ts'
import { deliver, hold, message, type Opened, openTestSpool, START, want } from './support.ts'

const HOUR = 3_600_000
const QUARANTINE = hold(START + HOUR)

/** A message in quarantine, of which something was altered while the daemon was down; set aside, and put back. */
async function broughtBack(opened: Opened, sql: string) {
  const plan = { do: 'hold', destination: 'a.test', hold: QUARANTINE } as const
  const { queueId } = await opened.spool.put(message(['a@a.test']), [plan])
  await opened.spool.close()
  const db = new Database(join(opened.path, 'spool.db'))
  db.prepare(sql).run()
  db.close()
  const before = await opened.reopen()
  await before.lease(want(START + HOUR))
  opened.clock.advance(2 * HOUR)
  await before.overdueHolds(10)
  assert.equal((await before.damaged()).length, 1, 'it is set aside')
  await before.close()
  const [returned] = returnDamaged({ folder: opened.path, ids: null, asItIs: false, by: 'op', now: START })
  assert.deepEqual(returned, { queueId, stays: null })
  const after = new Database(join(opened.path, 'spool.db'), { readonly: true })
  const [event, data] = after.prepare('SELECT event, data FROM journal ORDER BY seq DESC').raw().get() as string[]
  after.close()
  assert.equal(event, 'hold', 'the record says so')
  assert.equal(typeof JSON.parse(data ?? '').facts.hold.reason, 'string')
  const spool = await opened.reopen()
  assert.deepEqual(await spool.lease(want(START + 9 * HOUR)), [], 'it does not go out')
  const entry = await spool.show(queueId)
  return entry?.recipients[0]
}

const ofQuarantine = ({ reason, owner, then }: Hold) => ({ reason, owner, then })

const cases: readonly { title: string; sql: string; same: boolean }[] = [
  { title: 'whose state became pending', sql: 'UPDATE recipient SET state = 0', same: true },
  { title: 'whose state is none', sql: 'UPDATE recipient SET state = 9', same: true },
  { title: 'whose reason was altered', sql: "UPDATE recipient SET hold = 'x'", same: false },
  { title: 'whose reason and state were altered', sql: "UPDATE recipient SET state = 0, hold = '{}'", same: false },
  {
    title: 'whose end is none that there is',
    sql: `UPDATE recipient SET hold = '{"reason":"r","owner":"plugin:virus","then":"rejecT"}'`,
    same: false,
  },
]

for (const { title, sql, same } of cases) {
  test(`A quarantine ${title} is still one when it is put back.`, async (t) => {
    const recipient = await broughtBack(await openTestSpool(t), sql)
    assert.equal(recipient?.state, 'held')
    const found = recipient?.hold
    assert.ok(found)
    if (same) assert.deepEqual(ofQuarantine(found), ofQuarantine(QUARANTINE))
    else assert.deepEqual([found.owner, found.then], ['component:return', 'reject'])
  })
}

test('A message that was pending is pending again when it is put back.', async (t) => {
  const opened = await openTestSpool(t)
  const { queueId } = await opened.spool.put(message(['a@a.test']), [deliver('a.test')])
  await opened.spool.close()
  const db = new Database(join(opened.path, 'spool.db'))
  db.prepare('UPDATE recipient SET state = 9').run()
  db.close()
  await (await opened.reopen()).close()
  returnDamaged({ folder: opened.path, ids: null, asItIs: false, by: 'op', now: START })
  const [lease] = await (await opened.reopen()).lease(want(START + HOUR))
  assert.equal(lease?.queueId, queueId)
})
