import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { networkContains } from '../../../src/config/network.ts'
import { type Network, NetworkMap, networkKey, parseNetwork } from '../../../src/net/network.ts'

function network(text: string): Network {
  const found = parseNetwork(text)
  assert.ok(found, text)
  return found
}

function mapOf(...networks: string[]): NetworkMap<string> {
  const map = new NetworkMap<string>()
  for (const text of networks) map.add(network(text), text)
  return map
}

test('the smallest network that holds an address is found, in whatever order they were added', () => {
  const map = mapOf('10.0.0.0/8', '10.1.2.3', '0.0.0.0/0', '10.1.0.0/16')
  assert.equal(map.find('10.1.2.3'), '10.1.2.3')
  assert.equal(map.find('10.1.2.4'), '10.1.0.0/16')
  assert.equal(map.find('10.2.0.0'), '10.0.0.0/8')
  assert.equal(map.find('11.0.0.0'), '0.0.0.0/0')
})

test('IPv4 and IPv6 networks do not hold addresses of each other', () => {
  const map = mapOf('0.0.0.0/0')
  assert.equal(map.find('2001:db8::1'), undefined)
  assert.equal(mapOf('::/0').find('192.0.2.1'), undefined)
})

test('an IPv4 address that a socket reports as mapped into IPv6 is the IPv4 address', () => {
  assert.equal(mapOf('192.0.2.0/24').find('::ffff:192.0.2.7'), '192.0.2.0/24')
})

test('what is no address is in no network', () => {
  const map = mapOf('0.0.0.0/0', '::/0')
  for (const text of ['', 'localhost', '1.2.3', '1.2.3.4.5', ':::']) assert.equal(map.find(text), undefined, text)
})

test('a network that is added again keeps its first value, and says so', () => {
  const map = new NetworkMap<string>()
  assert.equal(map.add(network('10.0.0.0/8'), 'one'), undefined)
  assert.equal(map.add(network('10.0.0.0/8'), 'two'), 'one')
  assert.equal(map.find('10.9.9.9'), 'one')
})

const address = fc.oneof(fc.ipV4(), fc.ipV6())

test('of any networks the one found holds the address, and no smaller one does', () => {
  const cidr = fc.tuple(fc.ipV4(), fc.integer({ min: 0, max: 32 })).map(([ip, prefix]) => {
    const bits = ip.split('.').reduce((all, octet) => (all << 8n) | BigInt(octet), 0n)
    const kept = (bits >> BigInt(32 - prefix)) << BigInt(32 - prefix)
    return `${[24n, 16n, 8n, 0n].map((shift) => (kept >> shift) & 255n).join('.')}/${prefix}`
  })
  fc.assert(
    fc.property(fc.array(cidr, { maxLength: 20 }), address, (texts, ip) => {
      const holding = texts.map(network).filter((each) => networkContains(each, ip))
      const longest = Math.max(-1, ...holding.map(({ prefix }) => prefix))
      const found = mapOf(...texts).find(ip)
      assert.equal(found === undefined ? -1 : network(found).prefix, longest)
    }),
  )
})

test('addresses are counted together by their network', () => {
  const prefix = { v4: 24, v6: 64 }
  assert.equal(networkKey('192.0.2.1', prefix), networkKey('192.0.2.255', prefix))
  assert.notEqual(networkKey('192.0.2.1', prefix), networkKey('192.0.3.1', prefix))
  assert.equal(networkKey('2001:db8:0:1::1', prefix), networkKey('2001:db8:0:1:ffff::', prefix))
  assert.notEqual(networkKey('2001:db8:0:1::1', prefix), networkKey('2001:db8:0:2::1', prefix))
  assert.equal(networkKey('::ffff:192.0.2.9', prefix), networkKey('192.0.2.1', prefix))
  assert.notEqual(networkKey('0.0.0.1', { v4: 32, v6: 128 }), networkKey('::1', { v4: 32, v6: 128 }))
})
