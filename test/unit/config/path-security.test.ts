import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { isLoopback } from '../../../src/config/loopback.ts'
import { load, said, withBasics } from './support.ts'

function config(yaml: string) {
  const result = load(withBasics(yaml))
  assert.ok(result.ok, inspect(result, { depth: 9 }))
  return result.config
}

test('resolvers are believed to validate DNSSEC where they all are on this machine', () => {
  const { dns } = config("dns: { validating: true, servers: ['127.0.0.1', '[::1]:5353'] }")
  assert.equal(dns.validating, true)
  assert.match(
    said("dns: { validating: true, servers: ['127.0.0.1', '10.0.0.53'] }")[0] ?? '',
    /dns\.servers\[1\].*10\.0\.0\.53:53 is not on this machine/,
  )
  assert.match(said('dns: { validating: true }')[0] ?? '', /dns\.validating.*needs dns\.servers/)
  assert.equal(config("dns: { servers: ['10.0.0.53'] }").dns.validating, false)
})

test('only addresses of this machine are loopback', () => {
  for (const address of ['127.0.0.1', '127.255.0.53', '::1']) assert.equal(isLoopback(address), true, address)
  for (const address of ['128.0.0.1', '0.0.0.0', '::', '::2', '10.0.0.1', 'localhost', '', '127.0.0.1:53']) {
    assert.equal(isLoopback(address), false, address)
  }
})

test('DANE and MTA-STS bind unless they are switched off', () => {
  const { delivery } = config('')
  assert.deepEqual([delivery.dane, delivery.mtaSts, delivery.clearText], [true, true, []])
  assert.equal(config('delivery: { dane: false }').delivery.dane, false)
})

test('an exception for clear text has a reason, a name and a day', () => {
  const whole = 'domain: Old.Example.Test, reason: no TLS yet, approvedBy: A. Person, expires: 2027-03-31'
  assert.deepEqual(config(`delivery: { clearText: [{ ${whole} }] }`).delivery.clearText, [
    { domain: 'old.example.test', reason: 'no TLS yet', approvedBy: 'A. Person', expires: Date.UTC(2027, 2, 31) },
  ])
  for (const part of whole.split(', ')) {
    const without = whole.split(', ').filter((each) => each !== part)
    assert.equal(said(`delivery: { clearText: [{ ${without.join(', ')} }] }`).length, 1, part)
  }
  for (const day of ['2027-02-30', '2027-3-1', '31.03.2027', 'never', '20270331', '2027-13-01']) {
    assert.match(
      said(`delivery: { clearText: [{ ${whole.replace('2027-03-31', `'${day}'`)} }] }`)[0] ?? 'taken',
      /a day such as/,
      day,
    )
  }
})
