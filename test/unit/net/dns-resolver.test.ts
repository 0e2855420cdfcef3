import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { createResolver, type DnsOptions } from '../../../src/net/dns-resolver.ts'
import { manualClock } from '../../support/clock.ts'
import { type NameServerFault, startNameServer } from '../../support/name-server.ts'
import type { Zone } from '../../support/zone.ts'

const ZONE: Zone = {
  'example.org': {
    mx: [
      [20, 'b.example.org'],
      [10, 'A.Example.ORG'],
    ],
    txt: ['v=spf1 -all', 'x'.repeat(300)],
  },
  'null.test': { mx: [[0, '']] },
  'both.test': { a: ['192.0.2.1', '192.0.2.2'], aaaa: ['2001:db8::1'] },
  'v6.test': { aaaa: ['2001:db8::2'] },
  'empty.test': {},
  '1.2.0.192.in-addr.arpa': { ptr: ['Mail.Example.org'] },
  '1.0.0.127.in-addr.arpa': { ptr: ['from-dns.test'] },
}

async function setUp(t: TestContext, options: DnsOptions = {}, fault?: NameServerFault) {
  const clock = manualClock()
  const server = await startNameServer(t, ZONE, { ttl: 60, ...(fault && { fault }) })
  const resolver = createResolver({ servers: [server.server], timeoutMs: 100, tries: 1, ...options }, clock)
  return { clock, server, resolver }
}

describe('the resolver', () => {
  it('reads MX records, names in lower case', async (t) => {
    const { resolver } = await setUp(t)
    const answer = await resolver.resolveMx('EXAMPLE.org.')
    assert.equal(answer.is, 'found')
    const records = answer.is === 'found' ? answer.records : []
    assert.deepEqual(
      records.toSorted((a, b) => a.preference - b.preference),
      [
        { preference: 10, exchange: 'a.example.org' },
        { preference: 20, exchange: 'b.example.org' },
      ],
    )
  })

  it('gives null MX as an empty exchange', async (t) => {
    const { resolver } = await setUp(t)
    assert.deepEqual(await resolver.resolveMx('null.test'), { is: 'found', records: [{ preference: 0, exchange: '' }] })
  })

  it('tells a name that does not exist from one without such records', async (t) => {
    const { resolver } = await setUp(t)
    assert.deepEqual(await resolver.resolveMx('nowhere.test'), { is: 'none', why: 'nxdomain' })
    assert.deepEqual(await resolver.resolveMx('empty.test'), { is: 'none', why: 'nodata' })
    assert.deepEqual(await resolver.resolveAddresses('nowhere.test'), { is: 'none', why: 'nxdomain' })
    assert.deepEqual(await resolver.resolveTxt('empty.test'), { is: 'none', why: 'nodata' })
    assert.deepEqual(await resolver.resolveMx(`${'x'.repeat(70)}.test`), { is: 'none', why: 'nxdomain' })
  })

  it('reads both address families', async (t) => {
    const { resolver } = await setUp(t)
    assert.deepEqual(await resolver.resolveAddresses('both.test'), {
      is: 'found',
      records: [
        { address: '192.0.2.1', family: 4 },
        { address: '192.0.2.2', family: 4 },
        { address: '2001:db8::1', family: 6 },
      ],
    })
    assert.deepEqual(await resolver.resolveAddresses('v6.test'), {
      is: 'found',
      records: [{ address: '2001:db8::2', family: 6 }],
    })
  })

  it('reads PTR records from the DNS alone, never from the hosts file', async (t) => {
    const { resolver } = await setUp(t)
    assert.deepEqual(await resolver.reverse('192.0.2.1'), { is: 'found', records: ['mail.example.org'] })
    assert.deepEqual(await resolver.reverse('127.0.0.1'), { is: 'found', records: ['from-dns.test'] })
    assert.deepEqual(await resolver.reverse('192.0.2.9'), { is: 'none', why: 'nxdomain' })
    assert.deepEqual(await resolver.reverse('not an address'), { is: 'none', why: 'nxdomain' })
  })

  it('joins the strings of a TXT record', async (t) => {
    const { resolver } = await setUp(t)
    const answer = await resolver.resolveTxt('example.org')
    assert.deepEqual(answer.is === 'found' && [...answer.records].sort(), ['v=spf1 -all', 'x'.repeat(300)])
  })

  for (const [fault, cause] of [
    ['servfail', /SERVFAIL/],
    ['refused', /REFUSED/],
    ['silence', /in time/],
  ] as const) {
    it(`answers "failed" when the name server says ${fault}`, async (t) => {
      const { resolver } = await setUp(t, {}, () => fault)
      const answer = await resolver.resolveMx('example.org')
      assert.equal(answer.is, 'failed')
      assert.match(answer.is === 'failed' ? answer.cause : '', cause)
    })
  }

  it('gives up at its deadline, however often the server may be tried', async (t) => {
    const { resolver } = await setUp(t, { timeoutMs: 200, tries: 2, deadlineMs: 50 }, () => 'silence')
    assert.equal((await resolver.resolveMx('example.org')).is, 'failed')
  })

  it('answers from its cache until the TTL has passed', async (t) => {
    const { resolver, server, clock } = await setUp(t)
    await resolver.resolveAddresses('both.test')
    await resolver.resolveAddresses('BOTH.test')
    assert.deepEqual(server.asked.toSorted(), ['a both.test', 'aaaa both.test'])
    clock.advance(60_000)
    await resolver.resolveAddresses('both.test')
    assert.equal(server.asked.length, 4)
  })

  it('asks again soon after a failure', async (t) => {
    let broken = true
    const { resolver, clock } = await setUp(t, {}, () => (broken ? 'servfail' : null))
    assert.equal((await resolver.resolveMx('example.org')).is, 'failed')
    broken = false
    clock.advance(5_000)
    assert.equal((await resolver.resolveMx('example.org')).is, 'found')
  })

  it('knows localhost and the hosts it was given without asking', async (t) => {
    const { resolver, server } = await setUp(t, { hosts: { 'smarthost.internal': ['10.0.0.1'] } })
    assert.deepEqual(await resolver.resolveAddresses('localhost'), {
      is: 'found',
      records: [
        { address: '127.0.0.1', family: 4 },
        { address: '::1', family: 6 },
      ],
    })
    assert.deepEqual(await resolver.resolveAddresses('Smarthost.internal'), {
      is: 'found',
      records: [{ address: '10.0.0.1', family: 4 }],
    })
    assert.equal(server.asked.length, 0)
  })

  it('cuts an answer at maxRecords', async (t) => {
    const { resolver } = await setUp(t, { maxRecords: 1 })
    const answer = await resolver.resolveMx('example.org')
    assert.equal(answer.is === 'found' && answer.records.length, 1)
  })
})
