import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deliver, message, START, want } from '../spool/support.ts'
import { type Admin, startAdmin } from './support.ts'

const ACTIONS = '/v1/queue/actions'
const by = 'alice'

async function three(t: Parameters<typeof startAdmin>[0]): Promise<Admin> {
  const admin = await startAdmin(t)
  for (const domain of ['one.test', 'two.test', 'two.test']) {
    await admin.spool.put(message([`a@${domain}`, `b@${domain}`]), [deliver(domain), deliver(domain)])
  }
  return admin
}

const states = async ({ get }: Admin): Promise<string[]> =>
  (await get('/v1/queue')).body.messages.flatMap((m: { recipients: { state: string }[] }) =>
    m.recipients.map(({ state }) => state),
  )

test('A dry run counts and changes nothing', async (t) => {
  const admin = await three(t)
  const { body } = await admin.post(ACTIONS, { action: 'remove', filter: { domain: 'two.test' }, by, dryRun: true })
  assert.deepEqual(body, { dryRun: true, messages: 2, recipients: 4, complete: true })
  assert.equal((await states(admin)).length, 6)
})

test('Hold, release, reroute and remove do what they say, and are logged with who did it', async (t) => {
  const admin = await three(t)
  const filter = { domain: 'two.test' }
  const held = { reason: 'ticket 4711', until: new Date(START + 60_000).toISOString(), afterwards: 'release' }
  assert.deepEqual((await admin.post(ACTIONS, { action: 'hold', filter, by, hold: held })).body, {
    dryRun: false,
    changed: 4,
    busy: 0,
  })
  const [, second] = (await admin.get('/v1/queue')).body.messages
  assert.deepEqual(second.recipients[0].hold, { ...held, owner: 'operator:alice' })
  assert.equal((await admin.post(ACTIONS, { action: 'release', filter: { state: 'held' }, by })).body.changed, 4)
  await admin.post(ACTIONS, { action: 'reroute', filter, by, destination: 'standby.test' })
  assert.equal((await admin.get('/v1/queue?destination=standby.test')).body.messages.length, 2)
  await admin.post(ACTIONS, { action: 'reroute', filter, by, destination: null })
  assert.equal((await admin.get('/v1/queue?destination=standby.test')).body.messages.length, 0)
  assert.equal((await admin.post(ACTIONS, { action: 'remove', filter, by })).body.changed, 4)
  assert.deepEqual(await states(admin), ['pending', 'pending'])
  const [first] = admin.logged
  assert.equal(admin.logged.length, 5)
  assert.deepEqual(first?.fields, { action: 'hold', filter, by, changed: 4, busy: 0 })
})

test('What is being delivered at that moment is left alone and counted', async (t) => {
  const admin = await three(t)
  await admin.spool.lease(want(START + 60_000, { only: ['one.test'] }))
  const { body } = await admin.post(ACTIONS, { action: 'remove', filter: {}, all: true, by })
  assert.deepEqual(body, { dryRun: false, changed: 4, busy: 2 })
  assert.deepEqual(await states(admin), ['leased', 'leased'])
})

test('The whole queue is touched only by somebody who says so', async (t) => {
  const admin = await three(t)
  for (const extra of [{}, { all: false }]) {
    const { status, body } = await admin.post(ACTIONS, { action: 'remove', filter: {}, by, ...extra })
    assert.equal(status, 400)
    assert.match(body.message, /whole queue/)
  }
  assert.equal((await states(admin)).length, 6)
})

test('An action that is incomplete, misspelt or without a name is refused before anything is touched', async (t) => {
  const admin = await three(t)
  const filter = { domain: 'two.test' }
  const until = new Date(START + 60_000).toISOString()
  const far = new Date(START + 400 * 86_400_000).toISOString()
  const cases: readonly [object, RegExp][] = [
    [{ action: 'remove', filter }, /must have required property 'by'/],
    [{ action: 'remove', filter, by: 'a\nb' }, /by must match pattern/],
    [{ action: 'delete', filter, by }, /action must be equal to one of/],
    [{ action: 'remove', filter: { domian: 'two.test' }, by }, /additional properties/],
    [{ action: 'remove', filter: { queueIds: [] }, by }, /queueIds must NOT have fewer than 1/],
    [{ action: 'remove', by }, /must have required property 'filter'/],
    [{ action: 'hold', filter, by }, /hold needs/],
    [
      { action: 'hold', filter, by, hold: { reason: 'x', until: '2020-01-01', afterwards: 'release' } },
      /already be over/,
    ],
    [{ action: 'hold', filter, by, hold: { reason: 'x', until: far, afterwards: 'release' } }, /a year at the most/],
    [
      { action: 'hold', filter, by, hold: { reason: 'x', until, afterwards: 'forget' } },
      /hold\/afterwards must be equal/,
    ],
    [{ action: 'reroute', filter, by }, /reroute needs/],
    [{ action: 'reroute', filter, by, destination: 'no such place' }, /is no destination/],
  ]
  for (const [body, expected] of cases) {
    const answer = await admin.post(ACTIONS, body)
    assert.equal(answer.status, 400, JSON.stringify(body))
    assert.match(answer.body.message, expected)
  }
  assert.deepEqual(await states(admin), Array(6).fill('pending'))
})

test('A body over the bound is refused', async (t) => {
  const { post } = await startAdmin(t)
  const { status } = await post(ACTIONS, { action: 'retry', filter: {}, by: 'x'.repeat(262_144) })
  assert.equal(status, 413)
})
