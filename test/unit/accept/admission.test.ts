import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Admission } from '../../../src/accept/admission.ts'
import { ClientTable } from '../../../src/accept/clients.ts'
import { type ConnectionLimits, DEFAULTS } from '../../../src/accept/options.ts'
import { compilePolicy } from '../../../src/accept/policy.ts'
import { EMPTY_CHAIN } from '../../../src/inspect/chain.ts'
import { waitFor } from '../../support/wait.ts'
import { client, network, options, startRelay, Talk } from './harness.ts'

const limits: ConnectionLimits = { total: 6, outside: 5, perAddress: 2, perNetwork: 3 }
const policy = compilePolicy(options({ connections: limits }), EMPTY_CHAIN)

function enter(admission: Admission, address: string) {
  const entered = admission.enter(policy, address, null)
  return 'reason' in entered ? entered.reason : entered
}

test('an address gets as many connections as its limit, and one again when one has gone', () => {
  const admission = new Admission()
  const first = enter(admission, '192.0.2.1')
  enter(admission, '192.0.2.1')
  assert.equal(enter(admission, '192.0.2.1'), 'connections-address')
  assert.ok(typeof first !== 'string')
  admission.leave(first)
  assert.notEqual(enter(admission, '192.0.2.1'), 'connections-address')
  assert.equal(admission.total, 2)
})

test('addresses of one IPv6 /64 count as one', () => {
  const admission = new Admission()
  enter(admission, '2001:db8::1')
  enter(admission, '2001:db8::2')
  assert.equal(enter(admission, '2001:db8::3'), 'connections-address')
})

test('a network gets as many connections as its limit', () => {
  const admission = new Admission()
  for (const last of [1, 2, 3]) enter(admission, `192.0.2.${last}`)
  assert.equal(enter(admission, '192.0.2.4'), 'connections-network')
  assert.notEqual(enter(admission, '192.0.3.4'), 'connections-network')
})

test('outsiders leave room for clients, who have all of it and no limit by address', () => {
  const admission = new Admission()
  for (const n of [1, 2, 3, 4, 5]) enter(admission, `192.0.${n}.1`)
  assert.equal(enter(admission, '192.0.9.1'), 'connections')
  const known = new ClientTable([client()], DEFAULTS.limits).find('127.0.0.1', null)
  assert.ok(!('reason' in admission.enter(policy, '127.0.0.1', known)))
  const full = admission.enter(policy, '127.0.0.1', known)
  assert.equal('reason' in full && full.reason, 'connections')
})

test('a client has no more connections than its own limit', () => {
  const admission = new Admission()
  const known = new ClientTable([client({ connections: 2 })], DEFAULTS.limits).find('127.0.0.1', null)
  admission.enter(policy, '127.0.0.1', known)
  admission.enter(policy, '127.0.0.1', known)
  const third = admission.enter(policy, '127.0.0.1', known)
  assert.equal('reason' in third && third.reason, 'connections-client')
})

test('nothing stays behind when all have gone', () => {
  const admission = new Admission()
  const all = ['192.0.2.1', '192.0.2.2', '2001:db8::1'].map((address) => admission.enter(policy, address, null))
  for (const each of all) if (!('reason' in each)) admission.leave(each)
  assert.equal(admission.total, 0)
  for (const last of [1, 1, 2]) assert.notEqual(typeof enter(admission, `192.0.2.${last}`), 'string')
})

test('a connection over the limit hears 421 and is closed, and others feel nothing', async (t) => {
  const connections = { ...DEFAULTS.connections, perAddress: 1 }
  const relay = await startRelay(t, { options: { connections } })
  const first = await Talk.ready(t, relay.port)
  const second = await Talk.open(t, relay.port)
  assert.match(await second.expect(421), /4\.7\.0/)
  await second.ended()
  const elsewhere = await Talk.ready(t, relay.port, { from: '127.0.0.2' })
  await elsewhere.say('NOOP', 250)
  await first.say('QUIT', 221)
  await first.ended()
  await waitFor(() => relay.accept.connections() === 1, { what: 'the end of the first connection' })
  await Talk.ready(t, relay.port)
})

test('connections are counted until they are gone, refused ones not at all', async (t) => {
  const connections = { ...DEFAULTS.connections, perAddress: 1 }
  const relay = await startRelay(t, {
    options: { connections, clients: [client({ networks: [network('127.0.0.9')] })] },
  })
  const one = await Talk.ready(t, relay.port)
  const refused = await Talk.open(t, relay.port)
  await refused.expect(421)
  await refused.ended()
  await Talk.ready(t, relay.port, { from: '127.0.0.9' })
  assert.equal(relay.accept.connections(), 2)
  await one.say('QUIT', 221)
  await one.ended()
  await waitFor(() => relay.accept.connections() === 1, { what: 'the end of the connection' })
})
