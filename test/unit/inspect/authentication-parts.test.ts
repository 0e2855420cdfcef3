import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addressOf, askBy } from '../../../src/inspect/plugins/authentication/dns-bridge.ts'
import { limitResolver } from '../../../src/inspect/plugins/authentication/dns-limit.ts'
import { bears } from '../../../src/inspect/plugins/authentication/forged.ts'
import { PublicKeys } from '../../../src/inspect/plugins/authentication/key-cache.ts'
import { keyNames } from '../../../src/inspect/plugins/authentication/key-names.ts'
import { parseAuthenticationOptions } from '../../../src/inspect/plugins/authentication/options.ts'
import { manualClock } from '../../support/clock.ts'
import { rsaKey } from '../../support/signing.ts'
import { zoneResolver } from '../../support/zone.ts'

for (const [value, expected] of [
  ['relay.test; spf=pass', true],
  [' RELAY.TEST 1; spf=pass', true],
  ['(a (nested) comment\\)) relay.test;', true],
  ['"relay.test"; none', true],
  ['"relay\\.test"; none', true],
  ['relay.test(comment); none', true],
  ['relay.test', true],
  ['mx.relay.test; none', false],
  ['relay.test.evil.test; none', false],
  ['other.test (relay.test); none', false],
  // what cannot be read is taken to be forged
  ['(never ends relay.test', true],
  ['"never ends', true],
  ['', false],
] as const) {
  test(`results of ${JSON.stringify(value)} ${expected ? 'bear' : 'do not bear'} our name`, () => {
    assert.equal(bears('relay.test', value), expected)
  })
}

test('the names of keys are read from signatures, up to a number', () => {
  const value = (d: string, s: string) => `v=1; a=rsa-sha256; d=${d}; s=${s}; bh=x; b=d=z`
  const header = [
    { name: 'DKIM-Signature', value: value('a.test', 's1') },
    { name: 'X-Other', value: value('x.test', 's1') },
    { name: 'dkim-signature', value: value('a.test', 's1') },
    { name: 'DKIM-Signature', value: 'd=;s=no name' },
    { name: 'DKIM-Signature', value: 's=s2;d=b.test' },
    { name: 'DKIM-Signature', value: value('c.test', 's3') },
  ]
  assert.deepEqual(keyNames(header, 4), ['s1._domainkey.a.test', 's2._domainkey.b.test'])
})

test('a name below in-addr.arpa or ip6.arpa is turned back into its address', () => {
  assert.equal(addressOf('7.2.0.192.in-addr.arpa'), '192.0.2.7')
  const name = `${'1.'.padEnd(48, '0.')}8.b.d.0.1.0.0.2.ip6.arpa`
  assert.equal(addressOf(name), '2001:0db8:0000:0000:0000:0000:0000:0001')
})

test("the DNS's answers become what mailauth knows", async () => {
  const zone = {
    'a.test': { txt: ['one', 'x'.repeat(20_000)], mx: [[10, 'mx.test']] as const, a: ['192.0.2.1'] },
    '192.0.2.1': { ptr: ['a.test'] },
  }
  const ask = askBy(zoneResolver(zone, ['txt bad.test']))
  assert.deepEqual(await ask('a.test', 'TXT'), [['one'], ['']])
  assert.deepEqual(await ask('a.test', 'MX'), [{ priority: 10, exchange: 'mx.test' }])
  assert.deepEqual(await ask('a.test', 'A'), ['192.0.2.1'])
  assert.deepEqual(await ask('1.2.0.192.in-addr.arpa', 'PTR'), ['a.test'])
  await assert.rejects(ask('a.test', 'AAAA'), { code: 'ENODATA' })
  await assert.rejects(ask('b.test', 'A'), { code: 'ENOTFOUND' })
  await assert.rejects(ask('b.test', 'CNAME'), { code: 'ENOTFOUND' })
  await assert.rejects(ask('bad.test', 'TXT'), { code: 'ETIMEOUT' })
})

test('questions beyond the number, or after the time, have failed', async () => {
  const clock = manualClock()
  const { resolver } = limitResolver(zoneResolver({ 'a.test': { txt: ['x'] } }), 2, 1_000, clock)
  assert.equal((await resolver.resolveTxt('a.test')).is, 'found')
  assert.equal((await resolver.resolveTxt('a.test')).is, 'found')
  assert.equal((await resolver.resolveTxt('a.test')).is, 'failed')
  const never = { ...zoneResolver({}), resolveMx: () => new Promise<never>(() => {}) }
  const slow = limitResolver(never, 10, 1_000, clock)
  const answer = slow.resolver.resolveMx('a.test')
  clock.advance(1_000)
  assert.equal((await answer).is, 'failed')
  slow.release()
})

test('a key is read once for all messages, and looked up for each', async () => {
  const { name, record } = rsaKey('a.test', 's')
  const keys = new PublicKeys(1)
  let asked = 0
  const resolver = async () => {
    asked++
    return [[record]]
  }
  const get = () => keys.forMessage(resolver).get('DKIM', name, 1024, { strict: true, hashAlgo: 'sha256' })
  const [first, second] = [await get(), await get()]
  assert.equal(first, second)
  assert.equal(asked, 2)
  const cache = keys.forMessage(resolver)
  await Promise.all([cache.get('DKIM', name, 1024), cache.get('DKIM', name, 2048)])
  assert.equal(asked, 3)
  assert.notEqual(await get(), first)
})

test('wrong options are named', () => {
  assert.equal(parseAuthenticationOptions({}).dmarcReject, 'reject')
  const wrong: [object, RegExp][] = [
    [{ directions: ['sideways'] }, /expected inbound, outbound or internal, found 'sideways'/],
    [{ dmarcReject: 'defer' }, /dmarcReject: expected one of/],
    [{ signatures: 0 }, /signatures: expected a whole number/],
    [{ trustedSealers: 'a.test' }, /trustedSealers: expected a list of texts/],
    [{ trusted: [] }, /there is no option trusted/],
  ]
  for (const [options, said] of wrong) assert.throws(() => parseAuthenticationOptions(options), said)
})
