import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Exchangers, exchangersOf } from '../../../src/deliver/exchangers.ts'
import { DELIVER_DEFAULTS, type LookupOptions } from '../../../src/deliver/options.ts'
import { type HopHosts, type Targets, targetsOf } from '../../../src/deliver/targets.ts'
import { type Zone, zoneResolver } from '../../support/zone.ts'

const ZONE: Zone = {
  'two.test': {
    mx: [
      [20, 'b.test'],
      [10, 'a.test'],
    ],
  },
  'equal.test': {
    mx: [
      [10, 'a.test'],
      [10, 'b.test'],
      [10, 'c.test'],
    ],
  },
  'null.test': { mx: [[0, '']] },
  'null-and-more.test': {
    mx: [
      [0, ''],
      [5, 'a.test'],
    ],
  },
  'dotted.test': { mx: [[10, 'a.test.']] },
  'implicit.test': { a: ['192.0.2.9'] },
  'empty.test': {},
  'mx-without-address.test': { mx: [[10, 'empty.test']] },
  'mx-nowhere.test': { mx: [[10, 'nowhere.test']] },
  'mx-half.test': {
    mx: [
      [10, 'nowhere.test'],
      [20, 'a.test'],
    ],
  },
  'mx-failing.test': { mx: [[10, 'failing.test']] },
  'mx-failing-and-good.test': {
    mx: [
      [10, 'failing.test'],
      [20, 'a.test'],
    ],
  },
  'mx-failing-and-gone.test': {
    mx: [
      [10, 'failing.test'],
      [20, 'nowhere.test'],
    ],
  },
  'mx-literal.test': { mx: [[10, '192.0.2.77']] },
  'mx-localhost.test': { mx: [[10, 'localhost.test']] },
  'mx-mapped.test': { mx: [[10, 'mapped.test']] },
  'backup.test': {
    mx: [
      [10, 'a.test'],
      [20, 'relay.test'],
      [20, 'b.test'],
      [30, 'c.test'],
    ],
  },
  'primary.test': {
    mx: [
      [10, 'relay.test'],
      [20, 'a.test'],
    ],
  },
  'primary-alias.test': {
    mx: [
      [10, 'mx.alias.test'],
      [20, 'a.test'],
    ],
  },
  'primary-address.test': {
    mx: [
      [10, 'other-name.test'],
      [20, 'a.test'],
    ],
  },
  'relay.test': { a: ['192.0.2.250'] },
  'other-name.test': { a: ['192.0.2.251'] },
  'mx.alias.test': { a: ['192.0.2.252'] },
  'a.test': { a: ['192.0.2.1', '192.0.2.2'], aaaa: ['2001:db8::1'] },
  'b.test': { a: ['192.0.2.3'] },
  'c.test': { aaaa: ['2001:db8::3'] },
  'localhost.test': { a: ['127.0.0.1'], aaaa: ['::1'] },
  'mapped.test': { aaaa: ['::ffff:127.0.0.1'] },
}

const LOOKUP: LookupOptions = {
  ...DELIVER_DEFAULTS.lookup,
  ownNames: ['mx.alias.test'],
  ownAddresses: [{ address: '192.0.2.251', port: 25 }],
}

const resolver = () => zoneResolver(ZONE, ['mx failing.test', 'a failing.test', 'aaaa failing.test'])

async function targetsFor(
  domain: string,
  options: Partial<LookupOptions> = {},
  random = () => 0.999,
): Promise<Exchangers | Targets> {
  const dns = resolver()
  const found = await exchangersOf(domain, 25, dns)
  if (found.is !== 'found') return found
  const hosts: HopHosts = { hosts: found.hosts, from: found.implicit ? 'implicit' : 'mx' }
  return targetsOf(hosts, { resolver: dns, options: { ...LOOKUP, ...options }, hostname: 'relay.test', random })
}

const told = (found: Exchangers | Targets): string =>
  found.is === 'found'
    ? 'targets' in found
      ? found.targets.map(({ host, address }) => `${host} ${address}`).join(', ')
      : ''
    : `${found.is} ${found.reply.enhanced}`

describe('mail for a domain', () => {
  const A = 'a.test 2001:db8::1, a.test 192.0.2.1, a.test 192.0.2.2'
  const cases: [title: string, domain: string, expected: string][] = [
    ['goes to its exchangers by preference, families in turn', 'two.test', `${A}, b.test 192.0.2.3`],
    ['fails where the domain does not exist', 'nowhere.test', 'permanent 5.1.2'],
    ['fails where the domain takes none (null MX)', 'null.test', 'permanent 5.1.10'],
    ['ignores a null MX beside others', 'null-and-more.test', A],
    ['takes a name with its final dot', 'dotted.test', A],
    ['waits where the DNS fails', 'failing.test', 'temporary 4.4.3'],
    ['goes to the domain itself where there is no MX', 'implicit.test', 'implicit.test 192.0.2.9'],
    ['fails where the domain has neither MX nor address', 'empty.test', 'permanent 5.1.2'],
    ['fails where its only exchanger has no address', 'mx-without-address.test', 'permanent 5.4.4'],
    ['fails where its only exchanger does not exist', 'mx-nowhere.test', 'permanent 5.4.4'],
    ['passes over an exchanger that does not exist', 'mx-half.test', A],
    ['waits where its only exchanger cannot be looked up', 'mx-failing.test', 'temporary 4.4.3'],
    ['goes to another exchanger where one cannot be looked up', 'mx-failing-and-good.test', A],
    ['waits where one cannot be looked up and the other is gone', 'mx-failing-and-gone.test', 'temporary 4.4.3'],
    ['does not follow an MX that is an address', 'mx-literal.test', 'permanent 5.4.4'],
    ['does not follow an MX to this machine', 'mx-localhost.test', 'permanent 5.4.4'],
    ['does not follow an MX to this machine by way of IPv6', 'mx-mapped.test', 'permanent 5.4.4'],
    ['goes only to exchangers before ourselves', 'backup.test', A],
    ['would come back where we are the best exchanger by name', 'primary.test', 'permanent 5.4.6'],
    ['would come back where we are the best exchanger by another name', 'primary-alias.test', 'permanent 5.4.6'],
    ['would come back where we are the best exchanger by address', 'primary-address.test', 'permanent 5.4.6'],
    ['goes to an address literal', '[192.0.2.5]', '192.0.2.5 192.0.2.5'],
    ['goes to an IPv6 address literal', '[ipv6:2001:db8::5]', '2001:db8::5 2001:db8::5'],
    ['does not go to this machine by a literal', '[127.0.0.1]', 'permanent 5.4.4'],
    ['does not go to a literal that is none', '[ipv6:zz]', 'permanent 5.1.2'],
  ]
  for (const [title, domain, expected] of cases) {
    it(title, async () => assert.equal(told(await targetsFor(domain)), expected))
  }

  it('follows MX to this machine where the operator allows it', async () => {
    assert.equal(
      told(await targetsFor('mx-localhost.test', { allowLocal: true })),
      'localhost.test ::1, localhost.test 127.0.0.1',
    )
    assert.equal(told(await targetsFor('mx-literal.test', { allowLocal: true })), '192.0.2.77 192.0.2.77')
  })

  it('uses only the families that it may', async () => {
    assert.equal(told(await targetsFor('a.test', { families: [4] })), 'a.test 192.0.2.1, a.test 192.0.2.2')
    assert.equal(
      told(await targetsFor('a.test', { families: [4, 6] })),
      'a.test 192.0.2.1, a.test 2001:db8::1, a.test 192.0.2.2',
    )
    assert.equal(told(await targetsFor('b.test', { families: [6] })), 'permanent 5.1.2')
  })

  it('tries no more hosts and addresses than it may', async () => {
    assert.equal(told(await targetsFor('two.test', { maxHosts: 1 })), A)
    assert.equal(told(await targetsFor('two.test', { maxAddresses: 2 })), 'a.test 2001:db8::1, a.test 192.0.2.1')
  })

  it('spreads over exchangers of equal preference', async () => {
    const first = new Set<string>()
    for (let i = 0; i < 12; i++)
      first.add(told(await targetsFor('equal.test', {}, () => ((i * 5) % 12) / 12)).split(' ')[0] ?? '')
    assert.deepEqual(first, new Set(['a.test', 'b.test', 'c.test']))
  })
})

describe('a host that the operator configured', () => {
  const at = (host: string, port: number, options: Partial<LookupOptions> = {}) =>
    targetsOf(
      { hosts: [{ host, port, preference: 0 }], from: 'configured' },
      { resolver: resolver(), options: { ...LOOKUP, ...options }, hostname: 'relay.test', random: () => 0 },
    )

  it('may be on this machine, or an address', async () => {
    assert.equal(told(await at('127.0.0.1', 2525)), '127.0.0.1 127.0.0.1')
    assert.equal(told(await at('::1', 2525)), '::1 ::1')
  })

  it('may have our own name on another port', async () => {
    assert.equal(told(await at('relay.test', 2525)), 'relay.test 192.0.2.250')
  })

  it('never costs a message, whatever is wrong with it: that can be put right', async () => {
    assert.equal(told(await at('nowhere.test', 25)), 'temporary 4.3.5')
    assert.equal(told(await at('failing.test', 25)), 'temporary 4.4.3')
    assert.equal(told(await at('other-name.test', 25)), 'temporary 4.3.5')
    assert.equal(told(await at('other-name.test', 26)), 'other-name.test 192.0.2.251')
  })
})
