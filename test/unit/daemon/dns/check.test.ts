import assert from 'node:assert/strict'
import { createPublicKey } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import type { DnsFinding } from '../../../../src/daemon/dns/judged.ts'
import { makeAuthority } from '../../../support/authority.ts'
import { temporaryFolder } from '../../../support/folder.ts'
import { ed25519Key, rsaKey, writeKey } from '../../../support/signing.ts'
import type { Zone, ZoneEntry } from '../../../support/zone.ts'
import { checked, published, recordsFor } from './support.ts'

const rsa = rsaKey('royal.test', 'r1')
const ed = ed25519Key('royal.test', 'e1')
const certificate = makeAuthority('Test Authority').issue(['relay.royal.test'])
const next = makeAuthority('Another Authority').issue(['relay.royal.test'])

async function relay(t: TestContext, more: object = {}) {
  const folder = temporaryFolder(t)
  const files = { certificate: join(folder, 'a.pem'), key: join(folder, 'a.key') }
  writeFileSync(files.certificate, certificate.cert)
  writeFileSync(files.key, certificate.key)
  writeFileSync(join(folder, 'next.key'), next.key)
  const keys = [{ domain: 'royal.test', selector: 'e1', key: writeKey(join(folder, 'e1'), ed) }]
  const key = writeKey(join(folder, 'r1'), rsa)
  const publish = { addresses: ['192.0.2.25', '2001:db8::25'], dmarc: 'quarantine', nextKey: join(folder, 'next.key') }
  return recordsFor(t, {
    tls: files,
    inspect: [{ sign: { selector: 'r1', domain: 'royal.test', key, keys } }],
    reports: { tls: { receive: 'tls@royal.test' }, dmarc: { receive: 'dmarc@other.test' } },
    publish: { ...publish, mtaSts: { listen: [] } },
    ...more,
  })
}

/** What is said of one record when its name has something else than it should. */
async function with_(
  t: TestContext,
  which: string,
  name: string,
  entry: ZoneEntry,
  others: Zone = {},
): Promise<DnsFinding> {
  const wanted = await relay(t)
  const found = (await checked(wanted, published(wanted.all, { ...others, [name]: entry }))).get(which)
  assert.ok(found, which)
  return found
}

const all = (findings: ReadonlyMap<string, DnsFinding>, is: DnsFinding['is']): string[] =>
  [...findings].filter(([, finding]) => finding.is === is).map(([which]) => which)

// no policy host is in these zones
const HOST = 'CNAME mta-sts.royal.test'

describe('the check of records', () => {
  it('is content where everything stands in the DNS as it was printed', async (t) => {
    const wanted = await relay(t)
    const findings = await checked(wanted, published(wanted.all))
    assert.deepEqual(all(findings, 'missing'), [HOST])
    assert.equal(all(findings, 'ok').length, findings.size - 1, JSON.stringify([...findings.values()]))
  })

  it('misses everything where there is nothing', async (t) => {
    const findings = await checked(await relay(t), {})
    assert.equal(all(findings, 'missing').length, findings.size)
  })

  it('cannot tell of what the DNS does not answer', async (t) => {
    const wanted = await relay(t)
    const failing = wanted.all.flatMap(({ type, name }) => [`${type.toLowerCase()} ${name}`])
    const reverse = ['ptr 192.0.2.25', 'ptr 2001:db8::25', 'a mta-sts.royal.test', 'aaaa mta-sts.royal.test']
    const hosts = ['a relay.royal.test', 'aaaa relay.royal.test']
    const findings = await checked(wanted, {}, [...failing, ...reverse, ...hosts])
    assert.equal(all(findings, 'unknown').length, findings.size, JSON.stringify([...findings.values()]))
  })

  it('compares the exchangers as a set, and knows who is too many', async (t) => {
    const mx = (...hosts: string[]): ZoneEntry => ({ mx: hosts.map((host, i) => [i, host] as const) })
    const say = async (entry: ZoneEntry) => with_(t, 'MX royal.test', 'royal.test', entry)
    assert.equal((await say(mx('relay.royal.test'))).is, 'ok')
    const other = await say(mx('relay.royal.test', 'old.royal.test'))
    assert.deepEqual([other.is, other.note], ['different', 'old.royal.test is not known here'])
    assert.equal((await say(mx('old.royal.test'))).is, 'different')
    assert.match((await say(mx(''))).note ?? '', /takes no mail/)
  })

  it('evaluates SPF for each of our addresses, however it is written', async (t) => {
    const say = (...txt: string[]) =>
      with_(
        t,
        'TXT royal.test',
        'royal.test',
        { txt },
        { 'spf.test': { txt: ['v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/64 -all'] } },
      )
    for (const record of [
      'v=spf1 mx -all',
      'v=spf1 a:relay.royal.test ~all',
      'v=spf1 include:spf.test -all',
      'v=spf1 redirect=spf.test',
    ])
      assert.equal((await say('unrelated', record)).is, 'ok', record)
    const half = await say('v=spf1 ip4:192.0.2.25 -all')
    assert.deepEqual([half.is, half.note], ['different', 'mail from 2001:db8::25 gets "fail"'])
    assert.match((await say('v=spf1 ?all')).note ?? '', /gets "neutral"/)
    assert.match((await say('v=spf1 mx -all', 'v=spf1 -all')).note ?? '', /several/)
    assert.equal((await say('v=spf2.0/pra -all')).is, 'missing')
  })

  it('takes a DKIM key in any order of tags, and as either kind of RSA key', async (t) => {
    const say = (...txt: string[]) => with_(t, 'TXT r1._domainkey.royal.test', 'r1._domainkey.royal.test', { txt })
    const p = rsa.record.slice(rsa.record.indexOf('p=') + 2)
    const pkcs1 = createPublicKey(rsa.key).export({ type: 'pkcs1', format: 'der' }).toString('base64')
    for (const record of [
      `p=${p}`,
      `k=rsa; p=${p}; v=DKIM1;`,
      `v=DKIM1;p=${p.slice(0, 99)} ${p.slice(99)}`,
      `p=${pkcs1}`,
      `h=sha1:sha256; s=email; p=${p}`,
    ])
      assert.equal((await say(record)).is, 'ok', record)
    const wrong = [
      `v=DKIM1; p=`,
      `v=DKIM2; p=${p}`,
      `k=ed25519; p=${p}`,
      `h=sha1; p=${p}`,
      `s=tlsrpt; p=${p}`,
      `p=${p}; p=${p}`,
      `p=!`,
    ]
    wrong.push(rsaKey('royal.test', 'r1').record)
    for (const record of wrong) assert.equal((await say(record)).is, 'different', record)
    assert.equal((await say(rsa.record, rsa.record)).is, 'different')
    assert.match((await say(`${rsa.record}; t=y`)).note ?? '', /t=y/)
  })

  it('takes a DMARC policy that is at least as strict, with reports to us', async (t) => {
    const say = (txt: string) => with_(t, 'TXT _dmarc.royal.test', '_dmarc.royal.test', { txt: [txt] })
    const rua = 'rua=mailto:a@b.test, mailto:DMARC@other.test!10m'
    for (const record of [`v=DMARC1; ${rua}; p=reject`, `v=DMARC1; p=quarantine; sp=reject; ${rua}`])
      assert.deepEqual(await say(record).then(({ is, note }) => [is, note]), ['ok', null], record)
    for (const policy of ['p=none', 'p=reject; sp=none', 'p=strange', 'adkim=s', 'p=reject; p=reject'])
      assert.equal((await say(`v=DMARC1; ${policy}; ${rua}`)).is, 'different', policy)
    assert.match((await say('v=DMARC1; p=reject; rua=mailto:a@b.test')).note ?? '', /rua does not name/)
    assert.equal((await say('v=dkim; p=reject')).is, 'missing')
  })

  it('looks whether TLS reports come to us', async (t) => {
    const say = (txt: string) => with_(t, 'TXT _smtp._tls.royal.test', '_smtp._tls.royal.test', { txt: [txt] })
    assert.equal((await say('v=TLSRPTv1; rua=https://a.test/,mailto:tls@royal.test')).is, 'ok')
    assert.equal((await say('v=TLSRPTv1; rua=mailto:tls@other.test')).is, 'different')
    assert.equal((await say('v=TLSRPTv2; rua=mailto:tls@royal.test')).is, 'missing')
  })

  it('looks whether the id of the policy is that of ours', async (t) => {
    const say = (txt: string) => with_(t, 'TXT _mta-sts.royal.test', '_mta-sts.royal.test', { txt: [txt] })
    assert.match((await say('v=STSv1; id=20260101')).note ?? '', /another policy/)
    assert.match((await say('v=STSv1; id=')).note ?? '', /not valid/)
  })

  it('wants the reverse name of each address to lead back to it', async (t) => {
    const say = (ptr: readonly string[], others: Zone = {}) =>
      with_(t, 'PTR 25.2.0.192.in-addr.arpa', '192.0.2.25', { ptr }, others)
    const other = await say(['mail.other.test'], { 'mail.other.test': { a: ['192.0.2.25'] } })
    assert.deepEqual([other.is, other.note], ['ok', 'another name than in EHLO, but it leads back to 192.0.2.25'])
    assert.equal((await say(['mail.other.test'], { 'mail.other.test': { a: ['192.0.2.26'] } })).is, 'different')
    assert.equal((await say(['gone.test', 'relay.royal.test'])).is, 'ok')
  })

  it('compares addresses however they are written', async (t) => {
    const say = (aaaa: readonly string[]) => with_(t, 'AAAA relay.royal.test', 'relay.royal.test', { aaaa })
    assert.equal((await say(['2001:DB8:0:0::25'])).is, 'ok')
    assert.equal((await say(['2001:db8::26'])).is, 'different')
    assert.equal((await say(['2001:db8::25', '2001:db8::26'])).note, '2001:db8::26 is not known here')
    assert.equal((await say([])).is, 'missing')
  })

  it('takes any TLSA record that lets the certificate in, with DNSSEC, and wants the next key', async (t) => {
    const name = '_25._tcp.relay.royal.test'
    const say = (tlsa: readonly string[], more: ZoneEntry = {}) => with_(t, `TLSA ${name}`, name, { tlsa, ...more })
    const [key, whole, coming] = [
      `3 1 1 ${certificate.publicKeyFingerprint}`,
      `3 0 1 ${certificate.fingerprint}`,
      `3 1 1 ${next.publicKeyFingerprint}`,
    ]
    assert.equal((await say([key, coming])).is, 'ok')
    assert.equal((await say([whole, coming])).is, 'ok')
    assert.match((await say([key])).note ?? '', /next key/)
    assert.match((await say([coming])).note ?? '', /would be refused/)
    const unsigned = await say([key, coming], { authentic: undefined } as unknown as ZoneEntry)
    assert.match(unsigned.note ?? '', /DNSSEC does not vouch/)
  })

  it('cannot tell of addresses that nobody told it', async (t) => {
    const wanted = await recordsFor(t, { publish: {} })
    const zone: Zone = { 'relay.royal.test': { a: ['192.0.2.1'] }, 'royal.test': { txt: ['v=spf1 a -all'] } }
    const findings = await checked(wanted, zone)
    for (const which of ['A relay.royal.test', 'AAAA relay.royal.test', 'TXT royal.test'])
      assert.equal(findings.get(which)?.is, 'unknown', which)
  })
})
