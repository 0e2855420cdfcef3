import assert from 'node:assert/strict'
import test from 'node:test'
import type { Backlog } from '../../../src/watch/contract.ts'
import type { Watch } from '../../../src/watch/open.ts'
import { HOUR, MINUTE, NOTHING_LATE, startWatch } from './support.ts'

const held = (i: number | string, by = 'virus') => ({
  key: `plugin:${by}`,
  what: `held by plugin ${by}`,
  said: 'virus Eicar',
  queueId: `ID${i}`,
  act: 'postern queue list --in-state held',
})

let next = 0
const meet = (watch: Watch, count: number, by?: string) => {
  for (let i = 0; i < count; i++) watch.met(held(`${next++}`, by))
}
const texts = (watch: Watch) => watch.standing().map(({ text }) => text)

test('Fifty messages held by one plugin within ten minutes are an alarm; forty-nine are not.', async (t) => {
  const { watch, pass, lines } = await startWatch(t)
  meet(watch, 49)
  meet(watch, 49, 'spam')
  await pass(MINUTE)
  assert.deepEqual(texts(watch), [])
  watch.met(held('LAST'))
  await pass(MINUTE)
  assert.equal(lines.length, 1)
  assert.match(
    texts(watch)[0] ?? '',
    /^50 messages held by plugin virus \(50 of them within 10 minutes, usually 0 an hour\), since 2026-11-02 09:02Z: virus Eicar; such as IDLAST; look with: postern queue list --in-state held$/,
  )
})

test('It is over by itself when the plugin holds few again.', async (t) => {
  const { watch, pass } = await startWatch(t)
  meet(watch, 60)
  await pass(2 * MINUTE)
  assert.equal(texts(watch).length, 1)
  await pass(16 * MINUTE)
  assert.equal(texts(watch).length, 1)
  await pass(4 * MINUTE)
  assert.deepEqual(texts(watch), [])
})

test('One message that is tried again and again counts once.', async (t) => {
  const { watch, pass } = await startWatch(t)
  for (let i = 0; i < 500; i++) watch.met(held('SAME'))
  await pass(MINUTE)
  assert.deepEqual(texts(watch), [])
})

test('What a plugin holds every day is no alarm, five times as much is.', async (t) => {
  const { watch, pass, clock } = await startWatch(t)
  // 40 in ten minutes from the first hour on: 240 an hour
  for (let i = 0; i < 24 * 6; i++) {
    meet(watch, 40)
    await pass(10 * MINUTE)
  }
  assert.deepEqual(texts(watch), [])
  meet(watch, 100)
  await pass(MINUTE)
  assert.deepEqual(texts(watch), [], 'much, but not five times the usual')
  clock.advance(0)
  meet(watch, 101)
  await pass(MINUTE)
  assert.match(texts(watch)[0] ?? '', /usually 240 an hour/)
})

test('What goes on and on stays an alarm, and does not become what is usual.', async (t) => {
  const { watch, pass, lines } = await startWatch(t)
  for (let i = 0; i < 6 * 12; i++) {
    meet(watch, 60)
    await pass(10 * MINUTE)
  }
  assert.equal(lines.length, 1)
  assert.equal(texts(watch).length, 1)
  await pass(HOUR)
  assert.equal(texts(watch).length, 0)
})

test('Mail that gathers for a next hop that cannot be reached is an alarm until it flows again.', async (t) => {
  let backlogs: readonly Backlog[] = []
  const { watch, pass } = await startWatch(t, { sees: () => ({ ...NOTHING_LATE, backlogs }) })
  const one = { reason: '10.1.2.3:25: connection refused', queueId: 'ID1', destination: 'royal.test' }
  await pass(MINUTE)
  for (const recipients of [10, 30, 49]) {
    backlogs = [{ ...one, destinations: 1, recipients }]
    await pass(MINUTE)
    assert.deepEqual(texts(watch), [])
  }
  backlogs = [{ ...one, destinations: 2, recipients: 60 }]
  await pass(MINUTE)
  assert.match(texts(watch)[0] ?? '', /^60 messages wait for 2 destinations, .*10\.1\.2\.3:25: connection refused/)
  await pass(3 * HOUR)
  assert.equal(texts(watch).length, 1, 'as long as they wait')
  backlogs = []
  await pass(11 * MINUTE)
  assert.deepEqual(texts(watch), [])
})

test('What waited before the start is not sudden.', async (t) => {
  const backlogs = [{ reason: 'refused', destinations: 1, recipients: 900, queueId: 'ID1', destination: 'royal.test' }]
  const { watch, pass } = await startWatch(t, { sees: () => ({ ...NOTHING_LATE, backlogs }) })
  await pass(HOUR)
  assert.deepEqual(texts(watch), [])
})

test('Next hops that make up ever new codes cannot make us remember without end.', async (t) => {
  const { watch, pass } = await startWatch(t)
  for (let i = 0; i < 30_000; i++) watch.met({ ...held(i), key: `mx.evil.test 4.${i}.0` })
  await pass(MINUTE)
  assert.deepEqual(texts(watch), [])
})

test('A surge of before a restart stands until it can be seen to be over.', async (t) => {
  const first = await startWatch(t)
  meet(first.watch, 60)
  await first.pass(2 * MINUTE)
  await first.watch.close()
  const { watch, pass, letters } = await startWatch(t, { folder: first.folder, clock: first.clock })
  await pass(5 * MINUTE)
  assert.equal(texts(watch).length, 1)
  await pass(6 * MINUTE)
  assert.deepEqual(texts(watch), [])
  assert.ok(letters.every(({ subject }) => /over/.test(subject)))
})
