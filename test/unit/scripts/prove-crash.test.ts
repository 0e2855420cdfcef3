import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Account } from '../../../scripts/lib/prove/crash/account.ts'
import { contentOf, recipientOf } from '../../../scripts/lib/prove/crash/mail.ts'
import { Coverage, POINTS } from '../../../scripts/lib/prove/crash/points.ts'
import { Ending } from '../../../scripts/lib/prove/ending.ts'
import { randomOf } from '../../../scripts/lib/prove/random.ts'
import { submit } from '../../support/submit.ts'

test('a proof ends when its minutes are over or somebody interrupts it, and not before', () => {
  const told: string[] = []
  const going = new Ending(60, (text) => told.push(text))
  assert.equal(going.cut, null)
  process.emit('SIGINT')
  assert.equal(going.cut, 'interrupted')
  assert.equal(told.length, 1)
  going.stop()
  const late = new Ending(0, () => {})
  assert.equal(late.cut, 'out of time')
  late.stop()
})

test('every named point has its turn before one has another', () => {
  const coverage = new Coverage()
  const random = randomOf(1)
  const asked = POINTS.map(() => coverage.next(random, 'any').point)
  assert.deepEqual(asked.toSorted(), POINTS.toSorted())
  coverage.wasReached('put')
  assert.equal(coverage.never.length, POINTS.length - 1)
})

test('a notice of a delay ends nothing: its message is still to arrive or to come back', async (t) => {
  const account = new Account()
  await account.listen(t)
  const id = 'r-1-old'
  const notice = (action: string) => Buffer.from(`Subject: notice\r\n\r\nAction: ${action}\r\n\r\n${contentOf(id)}`)
  const tell = (action: string) =>
    submit({ port: account.port, from: '', to: 'ward@client.test', bytes: notice(action) })
  await tell('delayed')
  assert.deepEqual(account.missing([id]), [id])
  await tell('failed')
  assert.deepEqual([account.missing([id]), account.wronglyBounced], [[], []])
})

test('what was removed and is tried again later is found out', async (t) => {
  const account = new Account()
  await account.listen(t)
  const id = 'r-2-old'
  const attempt = () => submit({ port: account.port, to: recipientOf(id), bytes: Buffer.from(contentOf(id)) })
  await assert.rejects(attempt(), /mailbox busy/)
  account.given.add(id)
  account.removed.set(id, performance.now())
  assert.deepEqual(account.revived, [])
  account.removed.set(id, performance.now() - 60_000)
  assert.deepEqual(account.revived, [id])
})
