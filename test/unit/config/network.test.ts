import assert from 'node:assert/strict'
import { BlockList } from 'node:net'
import { test } from 'node:test'
import fc from 'fast-check'
import { mostSpecific, type Network, networkContains, parseNetwork } from '../../../src/config/network.ts'

function network(text: string): Network {
  const found = parseNetwork(text)
  assert.ok(found, text)
  return found
}

test('networks are written in one way only', () => {
  const written: [string, string][] = [
    ['10.20.0.0/24', '10.20.0.0/24'],
    ['10.1.2.3', '10.1.2.3/32'],
    ['0.0.0.0/0', '0.0.0.0/0'],
    ['2001:DB8:0::/32', '2001:db8::/32'],
    ['::1', '::1/128'],
    ['::/0', '::/0'],
    ['::ffff:10.0.0.0/104', '10.0.0.0/8'],
    ['::ffff:10.1.2.3', '10.1.2.3/32'],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221/128'],
  ]
  for (const [text, expected] of written) assert.equal(parseNetwork(text)?.text, expected, text)
})

test('what is no network, or has bits set after its prefix, is refused', () => {
  const wrong = [
    '',
    '10.0.0.1/24',
    '10.0.0.0/33',
    '2001:db8::1/32',
    '::/129',
    '10.0.0',
    '10.0.0.0/',
    '10.0.0.256',
    '010.0.0.1',
  ]
  for (const text of [...wrong, 'example.test', '10.0.0.0/-1', ' ', 'fe80::1%eth0', null, 10]) {
    assert.equal(parseNetwork(text), undefined, String(text))
  }
})

test('an IPv4 network holds its addresses also when they arrive on an IPv6 socket', () => {
  const ward = network('10.20.0.0/24')
  const inside = ['10.20.0.0', '10.20.0.255', '::ffff:10.20.0.7', '::ffff:0a14:0007']
  const outside = ['10.20.1.0', '10.19.255.255', '::10.20.0.7', '::1', 'nonsense', '']
  assert.deepEqual(
    inside.filter((address) => !networkContains(ward, address)),
    [],
  )
  assert.deepEqual(
    outside.filter((address) => networkContains(ward, address)),
    [],
  )
})

test('an IPv6 network holds its addresses, whatever their zone', () => {
  const link = network('fe80::/10')
  assert.ok(networkContains(link, 'fe80::1%eth0'))
  assert.equal(networkContains(link, 'fec0::1'), false)
})

test('the whole of IPv6 does not hold IPv4', () => {
  assert.equal(networkContains(network('::/0'), '10.0.0.1'), false)
  assert.equal(networkContains(network('::/0'), '::ffff:10.0.0.1'), false)
})

test("Node's own list agrees for every IPv4 network and address", () => {
  fc.assert(
    fc.property(fc.ipV4(), fc.integer({ min: 0, max: 32 }), fc.ipV4(), (address, prefix, other) => {
      const list = new BlockList()
      list.addSubnet(address, prefix, 'ipv4')
      const cleared = clear(network(address), prefix)
      assert.equal(networkContains(cleared, other), list.check(other))
      assert.ok(networkContains(cleared, address))
    }),
  )
})

test("Node's own list agrees for every IPv6 network and address", () => {
  fc.assert(
    fc.property(fc.ipV6(), fc.integer({ min: 0, max: 128 }), fc.ipV6(), (address, prefix, other) => {
      // v4-mapped ones are IPv4 here
      fc.pre([address, other].every((text) => parseNetwork(text)?.family === 6))
      const list = new BlockList()
      list.addSubnet(address, prefix, 'ipv6')
      const cleared = clear(network(address), prefix)
      assert.equal(networkContains(cleared, other), list.check(other, 'ipv6'))
      assert.ok(networkContains(cleared, address))
    }),
  )
})

function clear(found: Network, prefix: number): Network {
  const host = BigInt((found.family === 4 ? 32 : 128) - prefix)
  return { ...found, prefix, bits: (found.bits >> host) << host }
}

test('of several networks that hold an address, the smallest one counts', () => {
  const entries = ['10.0.0.0/8', '10.20.0.0/24', '10.20.0.0/16', '0.0.0.0/0'].map((text) => ({
    network: network(text),
    value: text,
  }))
  assert.equal(mostSpecific(entries, '10.20.0.9'), '10.20.0.0/24')
  assert.equal(mostSpecific(entries, '10.20.9.9'), '10.20.0.0/16')
  assert.equal(mostSpecific(entries, '192.0.2.1'), '0.0.0.0/0')
  assert.equal(mostSpecific(entries, '2001:db8::1'), undefined)
})
