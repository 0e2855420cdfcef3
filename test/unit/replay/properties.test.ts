import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import type { PluginEntry } from '../../../src/config/index.ts'
import type { Recorded } from '../../../src/replay/recorded.ts'
import type { WorldOptions } from '../../../src/replay/world.ts'
import { address, B, client, compared, plugin, recorded, result, SAFE, worldOptions } from './support.ts'

const addresses = fc
  .tuple(fc.constantFrom('ward', 'x', 'user%y', 'postmaster'), fc.constantFrom('royal.test', 'next.test', 'far.test'))
  .map(([local, domain]) => address(`${local}@${domain}`))

const spamResult = fc.integer({ min: -5, max: 30 }).map((score) => result('spam', { score, symbols: [] }))
const virusResult = fc.constantFrom(result('virus'), result('virus', { virus: 'Eicar' }, { verdict: 'hold' }))
const oddResult = fc.constantFrom(
  result('headers', {}, { verdict: 'tag', reason: 'long lines' }),
  result('attachments', { state: 'clean', parts: 1 }),
  result('attachments', { state: 'encrypted', parts: 1, counts: { encrypted: 2 }, found: [{ check: 'encrypted' }] }),
  result('authentication', { dkim: [], dmarc: { result: 'fail', from: 'far.test', policy: 'reject', by: [] } }),
  result('authentication', { cut: true }),
  result('ours', {}, { verdict: 'reject', mode: 'observe', reason: 'no' }),
)

const messages: fc.Arbitrary<Recorded> = fc
  .record({
    at: fc.nat(),
    own: fc.boolean(),
    address: fc.constantFrom('10.0.1.1', '10.0.2.2', '192.0.2.1', '2001:db8::1', null),
    tls: fc.constantFrom(SAFE, null),
    sender: fc.oneof(addresses, fc.constant(null), fc.constant(undefined)),
    size: fc.oneof(fc.nat({ max: 100_000_000 }), fc.constant(null)),
    recipients: fc.array(fc.record({ address: addresses, state: fc.constantFrom('pending', 'held', 'discarded') }), {
      minLength: 1,
      maxLength: 4,
    }),
    split: fc.boolean(),
    inspection: fc.array(fc.oneof(spamResult, virusResult, oddResult), { maxLength: 4 }),
    isCut: fc.boolean(),
  })
  .map((more) => recorded(more))

const modes = fc.constantFrom<PluginEntry['mode']>('observe', 'tag', 'enforce')
const plugins: fc.Arbitrary<PluginEntry[]> = fc
  .tuple(
    modes.map((mode) => plugin('spam', { tag: 4, hold: 8, reject: 12 }, { mode })),
    modes.map((mode) => plugin('virus', { clamd: ['127.0.0.1:3310'], action: 'hold' }, { mode })),
    modes.map((mode) => plugin('authentication', {}, { mode })),
    modes.map((mode) => plugin('attachments', {}, { mode })),
    modes.map((mode) => plugin('headers', {}, { mode })),
    modes.map((mode) => plugin('sensitive', {}, { mode })),
    modes.map((mode) => plugin('tagline', { text: 'x' }, { mode })),
    modes.map((mode) => plugin('module', {}, { mode, module: '/ours.js' })),
  )
  .chain((all) => fc.subarray(all))

const clients = (more: object) => [client('a', '10.0.1.0/24', more), B]
const clientKeys = fc.record({
  tls: fc.constantFrom('required', 'optional'),
  relay: fc.boolean(),
  size: fc.constantFrom(null, 10, 50_000),
  recipients: fc.constantFrom(null, 1, 2),
  senders: fc.constantFrom(null, [], [{ is: 'domain', domain: 'royal.test', below: false }], [{ is: 'null' }]),
})

const worlds: fc.Arbitrary<WorldOptions> = fc
  .tuple(plugins, clientKeys, fc.constantFrom('any', 'list', 'ask'))
  .map(([found, keys, recipients]) =>
    worldOptions({
      plugins: found,
      accept: { clients: clients(keys), domains: new Map([['royal.test', { recipients: recipients as 'any' }]]) },
    }),
  )

test('the same configuration never changes anything, nor leaves any doubt', () => {
  fc.assert(
    fc.property(worlds, fc.array(messages, { maxLength: 5 }), (world, mail) => {
      const { changes, doubts, changed } = compared(world, { ...world, plugins: structuredClone(world.plugins) }, mail)
      assert.deepEqual([changes, doubts, changed], [[], [], 0])
    }),
    { numRuns: 200 },
  )
})

test('what changes for one client alone shows no message of another, nor of the world outside', () => {
  fc.assert(
    fc.property(worlds, clientKeys, fc.array(messages, { maxLength: 5 }), (world, keys, mail) => {
      const other = { ...world, accept: { ...world.accept, clients: clients(keys) } }
      const { list } = compared(world, other, mail)
      const ofA = new Set(mail.filter((each) => each.address === '10.0.1.1' && !each.own))
      assert.ok(list.length === 0 || ofA.size > 0)
      for (const { client } of list) assert.equal(client, 'a')
      const others = mail.filter((each) => !ofA.has(each))
      assert.deepEqual(compared(world, other, others).list, [])
    }),
    { numRuns: 200 },
  )
})

test('each message that changes is counted once, and in the groups of all of its differences', () => {
  const numbered = (mail: readonly Recorded[]) => mail.map((each, i) => ({ ...each, queueId: `message ${i}` }))
  fc.assert(
    fc.property(worlds, worlds, fc.array(messages, { maxLength: 8 }), (before, after, mail) => {
      const { list, changes, changed, messages: looked } = compared(before, after, numbered(mail))
      assert.equal(looked, mail.length)
      assert.equal(changed, new Set(list.map(({ queueId }) => queueId)).size)
      assert.equal(
        changes.reduce((sum, { recipients }) => sum + recipients, 0),
        list.length,
      )
    }),
    { numRuns: 100 },
  )
})
