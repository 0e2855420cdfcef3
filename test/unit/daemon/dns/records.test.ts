import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { type WantedRecord, zoneData, zoneLine } from '../../../../src/daemon/dns/records.ts'
import { makeAuthority } from '../../../support/authority.ts'
import { need } from '../../../support/components.ts'
import { temporaryFolder } from '../../../support/folder.ts'
import { run } from '../../../support/process.ts'
import { ed25519Key, rsaKey, writeKey } from '../../../support/signing.ts'
import { recordsFor } from './support.ts'

const lines = (records: readonly WantedRecord[]) => records.map(zoneLine)

describe('records in zone-file form', () => {
  it('have texts cut into strings of 255 octets, which put together are the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 700 }), (value) => {
        const data = zoneData({ type: 'TXT', value })
        assert.match(data, /^[ -~]*$/)
        const strings = data.match(/"(?:[^"\\]|\\\d{3}|\\[^\d])*"/g) ?? []
        assert.equal(strings.join(' '), data)
        const octets = strings.map((string) =>
          string
            .slice(1, -1)
            .replace(/\\(?:(\d{3})|(.))/g, (_, code, other) => (code ? String.fromCharCode(Number(code)) : other)),
        )
        assert.ok(octets.every(({ length }) => length <= 255))
        assert.equal(Buffer.from(octets.join(''), 'latin1').toString('utf8'), Buffer.from(value).toString('utf8'))
      }),
      { numRuns: 200 },
    )
    const exactly = (length: number) => zoneData({ type: 'TXT', value: 'x'.repeat(length) }).split(' ').length
    assert.deepEqual([exactly(0), exactly(255), exactly(256), exactly(510), exactly(511)], [1, 1, 2, 2, 3])
  })

  it('are read by a name server without a complaint', async (t) => {
    if (!need(t, 'nsd-checkzone')) return
    const folder = temporaryFolder(t)
    const key = writeKey(join(folder, 'r.pem'), rsaKey('royal.test', 'r1', 3072))
    const { all } = await recordsFor(t, {
      inspect: [{ sign: { selector: 'r1', domain: 'royal.test', key } }],
      reports: { tls: { receive: 'tls@royal.test' }, dmarc: { receive: 'a+b@c.royal.test' } },
      publish: { mtaSts: { listen: [] } },
    })
    assert.ok(all.some(({ complete }) => !complete))
    const zone = join(folder, 'zone')
    const head = [
      '$TTL 3600',
      'royal.test. IN SOA ns.royal.test. a.royal.test. 1 1 1 1 1',
      'royal.test. IN NS ns.royal.test.',
      'ns.royal.test. IN A 192.0.2.1',
    ]
    writeFileSync(zone, [...head, ...lines(all).filter((line) => !line.includes('.arpa.')), ''].join('\n'))
    const { code, stdout, stderr } = await run('/usr/sbin/nsd-checkzone', ['royal.test', zone])
    assert.equal(code, 0, stdout + stderr)
  })
})

describe('the records of a configuration', () => {
  it('say what is not known in capitals, in a comment', async (t) => {
    const { all, groups } = await recordsFor(t, { publish: {} })
    assert.deepEqual(lines(all), [
      '; relay.royal.test. IN A ADDRESS',
      '; relay.royal.test. IN AAAA ADDRESS',
      '; relay.royal.test. IN TXT "v=spf1 ip4:ADDRESS ip6:ADDRESS -all"',
      'royal.test. IN MX 10 relay.royal.test.',
      '; royal.test. IN TXT "v=spf1 ip4:ADDRESS ip6:ADDRESS -all"',
      '_dmarc.royal.test. IN TXT "v=DMARC1; p=none"',
    ])
    assert.deepEqual(groups[1]?.remarks, [
      'No DKIM record: the plugin sign has no key for it (inspect).',
      'DMARC reports are sent to nobody: set reports.dmarc.receive.',
      'No MTA-STS record: there is no policy for it (publish.mtaSts).',
      'No TLS-RPT record: TLS reports are sent to nobody (reports.tls.receive).',
    ])
  })

  it('take addresses of delivery and of listeners where these are public, and guess nothing else', async (t) => {
    const values = async (more: object) => {
      const { all } = await recordsFor(t, { publish: {}, ...more })
      return all
        .filter(({ purpose, name }) => purpose === 'address' || (purpose === 'spf' && name === 'royal.test'))
        .map(({ value }) => value)
    }
    const on = (...addresses: string[]) => ({
      listeners: addresses.map((address) => ({ address, port: 25, tls: 'none' })),
    })
    const only4 = { families: ['ipv4'], localAddressV4: '192.0.2.1' }
    assert.deepEqual(await values({ ...on('192.0.2.9'), delivery: only4 }), ['192.0.2.9', 'v=spf1 ip4:192.0.2.1 -all'])
    assert.deepEqual(await values({ ...on('192.0.2.9', '10.0.0.1', '127.0.0.1'), delivery: only4 }), [
      '192.0.2.9',
      'v=spf1 ip4:192.0.2.1 -all',
    ])
    assert.deepEqual(await values({ ...on('10.0.0.1'), delivery: { ...only4, localAddressV4: '10.0.0.1' } }), [
      'ADDRESS',
      'v=spf1 ip4:ADDRESS -all',
    ])
    assert.deepEqual(await values({ ...on('fd00::1', '2001:db8::9'), delivery: { localAddressV6: '2001:db8::1' } }), [
      '2001:db8::9',
      'v=spf1 ip4:ADDRESS ip6:2001:db8::1 -all',
    ])
  })

  it('have both kinds of keys, and say which one signs', async (t) => {
    const folder = temporaryFolder(t)
    const [old, rsa, ed, later] = [
      rsaKey('royal.test', 'r1'),
      rsaKey('royal.test', 'r2'),
      ed25519Key('royal.test', 'e1'),
      ed25519Key('other.test', 'e2'),
    ]
    const entry = (key: typeof old, more: object = {}) => {
      return { domain: key.domain, selector: key.selector, key: writeKey(join(folder, key.selector), key), ...more }
    }
    const keys = [entry(rsa, { activeFrom: '2026-11-01' }), entry(ed), entry(later, { activeFrom: '2027-01-01' })]
    const { all, groups } = await recordsFor(t, { inspect: [{ sign: { ...entry(old), keys } }] })
    const dkim = all.filter(({ purpose }) => purpose === 'dkim')
    assert.deepEqual(
      dkim.map(({ name, value }) => [name, value]),
      [old, rsa, ed, later].map(({ name, record }) => [name, record]),
    )
    assert.deepEqual(
      dkim.map(({ comment }) => comment?.slice(0, 30) ?? null),
      ['Another key has taken its plac', null, null, 'It signs from 2027-01-01T00:00'],
    )
    assert.deepEqual(
      groups.map(({ of }) => of),
      ['relay.royal.test', 'royal.test', 'other.test'],
    )
  })

  it('leave out what cannot be read, and say so', async (t) => {
    const key = writeKey(join(temporaryFolder(t), 'r1'), rsaKey('royal.test', 'r1'), 0o644)
    const { all, groups } = await recordsFor(t, {
      inspect: [{ sign: { selector: 'r1', domain: 'royal.test', key } }],
      tls: { certificate: 'none.pem', key: 'none.key' },
      publish: { nextKey: key },
    })
    assert.deepEqual(all.filter(({ purpose }) => purpose === 'dkim').length, 0)
    assert.match(groups[1]?.remarks[0] ?? '', /^sign: .*r1: others than its owner can read it/)
    assert.match(groups[0]?.remarks[0] ?? '', /^tls\.certificate: .*none\.pem cannot be read/)
    assert.equal(all.filter(({ purpose }) => purpose === 'tlsa').length, 1)
  })

  it('name the certificate in use and the next key by their public keys', async (t) => {
    const folder = temporaryFolder(t)
    const [now, next] = [
      makeAuthority('One').issue(['relay.royal.test']),
      makeAuthority('Two').issue(['relay.royal.test']),
    ]
    const write = (name: string, text: string) => {
      writeFileSync(join(folder, name), text)
      return join(folder, name)
    }
    const tls = { certificate: write('a.pem', now.cert), key: write('a.key', now.key) }
    const tlsa = async (nextKey: string) => {
      const { all } = await recordsFor(t, { tls, publish: { nextKey } })
      return all.filter(({ purpose }) => purpose === 'tlsa').map(zoneLine)
    }
    const line = (digest: string) => `_25._tcp.relay.royal.test. IN TLSA 3 1 1 ${digest}`
    const both = [line(now.publicKeyFingerprint), line(next.publicKeyFingerprint)]
    assert.deepEqual(await tlsa(write('b.key', next.key)), both)
    assert.deepEqual(await tlsa(write('b.pem', next.alone)), both)
    assert.deepEqual(await tlsa(write('c.key', now.key)), both.slice(0, 1))
  })

  it('ask another domain for its consent to reports, and the same house for none', async (t) => {
    const consents = async (receive: string) => {
      const { all } = await recordsFor(t, { reports: { dmarc: { receive } } })
      return all.filter(({ purpose }) => purpose === 'dmarc-consent').map(({ name }) => name)
    }
    assert.deepEqual(await consents('a@other.test'), ['royal.test._report._dmarc.other.test'])
    assert.deepEqual(await consents('a@royal.test'), [])
    assert.deepEqual(await consents('a@mail.royal.test'), [])
  })

  it('stand once where the server is named like a domain', async (t) => {
    const { all, groups } = await recordsFor(t, { hostname: 'royal.test' })
    assert.equal(groups.length, 1)
    assert.equal(all.filter(({ purpose }) => purpose === 'spf').length, 1)
  })

  it('have the exchangers and the policy that publish names', async (t) => {
    const publish = {
      mx: ['relay.royal.test', 'relay2.royal.test'],
      mtaSts: { listen: [], mx: ['*.royal.test'], mode: 'enforce' },
    }
    const { all } = await recordsFor(t, { publish })
    assert.deepEqual(
      all.filter(({ purpose }) => purpose === 'mx').map(({ value }) => value),
      ['10 relay.royal.test', '10 relay2.royal.test'],
    )
    assert.match(all.find(({ purpose }) => purpose === 'mta-sts')?.value ?? '', /^v=STSv1; id=[0-9a-f]{20}$/)
  })
})
