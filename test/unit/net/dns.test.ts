import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { HostAddress } from '../../../src/net/dns.ts'
import { joinFamilies, reverseName, type TimedAnswer } from '../../../src/net/dns.ts'

describe('the two address families of a host', () => {
  const V4: TimedAnswer<HostAddress> = {
    answer: { is: 'found', records: [{ address: '192.0.2.1', family: 4 }] },
    ttl: 9,
  }
  const V6: TimedAnswer<HostAddress> = {
    answer: { is: 'found', records: [{ address: '2001:db8::1', family: 6 }] },
    ttl: 5,
  }
  const NODATA: TimedAnswer<HostAddress> = { answer: { is: 'none', why: 'nodata' }, ttl: 7 }
  const NXDOMAIN: TimedAnswer<HostAddress> = { answer: { is: 'none', why: 'nxdomain' }, ttl: 7 }
  const FAILED: TimedAnswer<HostAddress> = { answer: { is: 'failed', cause: 'time-out' }, ttl: 1 }
  const cases: [
    title: string,
    v4: TimedAnswer<HostAddress>,
    v6: TimedAnswer<HostAddress>,
    is: string,
    count?: number,
  ][] = [
    ['are found together', V4, V6, 'found', 2],
    ['are found if one is, though the other has none', V4, NODATA, 'found', 1],
    ['are found if one is, though the other failed', FAILED, V6, 'found', 1],
    ['failed if one failed and the other has none', NODATA, FAILED, 'failed'],
    ['are none if neither has any', NODATA, NODATA, 'nodata'],
    ['exist without data if either says so', NXDOMAIN, NODATA, 'nodata'],
    ['do not exist if both say so', NXDOMAIN, NXDOMAIN, 'nxdomain'],
  ]
  for (const [title, v4, v6, is, count] of cases) {
    it(title, () => {
      const { answer, ttl } = joinFamilies(v4, v6)
      assert.equal(answer.is === 'none' ? answer.why : answer.is, is)
      if (answer.is === 'found') assert.equal(answer.records.length, count)
      assert.equal(ttl, Math.min(v4.ttl, v6.ttl))
    })
  }
})

describe('the reverse name of an address', () => {
  const cases: [address: string, name: string | null][] = [
    ['192.0.2.1', '1.2.0.192.in-addr.arpa'],
    ['::ffff:192.0.2.1', '1.2.0.192.in-addr.arpa'],
    ['2001:db8::1', `1.${'0.'.repeat(23)}8.b.d.0.1.0.0.2.ip6.arpa`],
    ['FE80::1%eth0', `1.${'0.'.repeat(27)}0.8.e.f.ip6.arpa`],
    ['::', `${'0.'.repeat(32)}ip6.arpa`],
    ['64:ff9b::192.0.2.33', `1.2.2.0.0.0.0.c.${'0.'.repeat(16)}b.9.f.f.4.6.0.0.ip6.arpa`],
    ['1:2:3:4:5:6:7:8', '8.0.0.0.7.0.0.0.6.0.0.0.5.0.0.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.ip6.arpa'],
    ['example.org', null],
    ['', null],
  ]
  for (const [address, name] of cases) {
    it(`of ${address || 'nothing'} is ${name ?? 'none'}`, () => assert.equal(reverseName(address), name))
  }
})
