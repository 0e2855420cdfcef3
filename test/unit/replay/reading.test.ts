import assert from 'node:assert/strict'
import { join } from 'node:path'
import test from 'node:test'
import Sqlite from 'better-sqlite3'
import type { Clock } from '../../../src/clock.ts'
import { NoLedger } from '../../../src/ledger/verify/file.ts'
import { replay } from '../../../src/replay/replay.ts'
import { temporaryFolder } from '../../support/folder.ts'
import { openTestLedger, queueId, Teller, type Told } from '../ledger/support.ts'
import { eventually, START } from '../spool/support.ts'
import { client, worldOptions } from './support.ts'

const MINUTE = 60_000
const ROYAL = client('royal', '10.0.1.0/24', { tls: 'optional' })
const SESSION = { session: 's1', transaction: 's1.1', address: '10.0.1.9', helo: 'royal.test' }
const at = (minutes: number): Clock => ({ now: () => START + minutes * MINUTE, after: () => () => {} })

/** A ledger's file with these events. */
async function ledgerOf(t: test.TestContext, told: readonly Told[]): Promise<string> {
  const { ledger, path } = await openTestLedger(t)
  const teller = new Teller(ledger)
  teller.tell(...told)
  await eventually(() => teller.acknowledged === told.length)
  teller.close()
  return join(path, 'ledger.db')
}

const received = (message: number, more: Partial<Told> = {}): Told => ({ message, facts: SESSION, ...more })

/** Under the proposed configuration the client may send to nobody but us. */
const asked = (ledger: string, spanMs: number) => ({
  ...{ ledger, spanMs, files: { inForce: 'old.yaml', proposed: 'new.yaml' } },
  inForce: worldOptions({ accept: { clients: [ROYAL] } }),
  proposed: worldOptions({ accept: { clients: [{ ...ROYAL, relay: false }] } }),
})

test('messages of the span are judged from the record of a running ledger, others are not', async (t) => {
  const told = Array.from({ length: 60 }, (_, i) => [received(i), { message: i, event: 'attempt', state: 'relayed' }])
  const file = await ledgerOf(t, told.flat())
  const seen: string[] = []
  const onChange = ({ queueId: id }: { queueId: string }) => void seen.push(id)
  const report = await replay({ ...asked(file, 10 * MINUTE), onChange }, at(59))
  assert.equal(report.messages, 11, 'from the 49th minute on')
  assert.deepEqual(
    seen,
    Array.from({ length: 11 }, (_, i) => queueId(49 + i)),
  )
  const [change] = report.changes
  assert.deepEqual([change?.kind, change?.to, change?.messages], ['fate', 'refused: relay (550 5.7.1)', 11])
  assert.deepEqual([change?.example.queueId, change?.example.sender], [queueId(49), 'ward@royal.test'])
  assert.equal(change?.lastAt, new Date(START + 59 * MINUTE).toISOString())
  assert.equal((await replay(asked(file, 24 * 60 * MINUTE), at(59))).messages, 60)
})

test('a receipt that cannot be understood is counted, and hides no other', async (t) => {
  const file = await ledgerOf(t, [received(0, { to: ['no address'] }), received(1), received(2, { facts: {} })])
  const report = await replay(asked(file, 60 * MINUTE), at(3))
  assert.deepEqual([report.unreadable, report.messages, report.own, report.changed], [1, 2, 1, 1])
})

test('what retention has taken is passed over', async (t) => {
  const file = await ledgerOf(
    t,
    Array.from({ length: 40 }, (_, i) => received(i)),
  )
  const db = new Sqlite(file)
  t.after(() => db.close())
  db.exec('DELETE FROM entry WHERE id <= 25')
  assert.equal((await replay(asked(file, 24 * 60 * MINUTE), at(40))).messages, 15)
  assert.equal((await replay(asked(file, 5 * MINUTE), at(39))).messages, 6)
})

test('of more causes than anybody reads, the rest is counted', async (t) => {
  const clients = Array.from({ length: 600 }, (_, i) =>
    client(`c${i}`, `10.9.${Math.floor(i / 250)}.${i % 250}/32`, { tls: 'optional' }),
  )
  const told = clients.map(({ networks: [network] }, i) => {
    return received(0, { at: START + i, facts: { ...SESSION, address: network?.text.replace('/32', '') } })
  })
  const file = await ledgerOf(t, told)
  const closed = clients.map((each) => ({ ...each, relay: false }))
  const request = {
    ...asked(file, 60 * MINUTE),
    inForce: worldOptions({ accept: { clients } }),
    proposed: worldOptions({ accept: { clients: closed } }),
  }
  const { changes, moreChanges, changed } = await replay(request, at(1))
  assert.deepEqual([changes.length, moreChanges, changed], [500, 100, 600])
})

test('without a record there is nothing to judge, and it says so', async (t) => {
  const file = join(temporaryFolder(t), 'ledger.db')
  await assert.rejects(replay(asked(file, MINUTE), at(0)), NoLedger)
})
