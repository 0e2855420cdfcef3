import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { silentLog } from '../../../src/log.ts'
import { EMPTY_REGISTER, registerOf, type SecureDomain } from '../../../src/mail/secure-domain.ts'
import type { PathQuestion } from '../../../src/transport/contract.ts'
import { keyOf } from '../../../src/transport/mta-sts/store.ts'
import { openTransport, type TransportOptions } from '../../../src/transport/open.ts'
import { makeAuthority } from '../../support/authority.ts'
import { manualClock } from '../../support/clock.ts'
import { temporaryFolder } from '../../support/folder.ts'
import { policyText, startPolicyHost } from '../../support/policy-host.ts'
import { type Zone, zoneResolver } from '../../support/zone.ts'

const NOW = Date.now()
const DAY_MS = 86_400_000
const DIGEST = 'ab'.repeat(32)
const EE = `3 1 1 ${DIGEST}`
const authority = makeAuthority('Test Authority')
const CERTIFICATE = authority.issue(['mta-sts.sts.test', 'mta-sts.both.test'])

const ZONE: Zone = {
  'mx.signed.test': { a: ['192.0.2.1'], authentic: true },
  '_25._tcp.mx.signed.test': { tlsa: [EE], authentic: true },
  'mx2.signed.test': { a: ['192.0.2.2'], authentic: true },
  '_25._tcp.mx2.signed.test': { authentic: true },
  'odd.signed.test': { a: ['192.0.2.3'], authentic: true },
  '_25._tcp.odd.signed.test': { tlsa: [`1 1 1 ${DIGEST}`, '3 1 1 abcd', `3 9 1 ${DIGEST}`], authentic: true },
  'broken.signed.test': { a: ['192.0.2.4'], authentic: true },
  'mx.unsigned.test': { a: ['192.0.2.5'] },
  '_25._tcp.mx.unsigned.test': { tlsa: [EE] },
  '_mta-sts.sts.test': { txt: ['v=STSv1; id=1'] },
  'mta-sts.sts.test': { a: ['127.0.0.1'] },
  '_mta-sts.both.test': { txt: ['v=STSv1; id=1'] },
  'mta-sts.both.test': { a: ['127.0.0.1'] },
}
const FAILING = ['tlsa _25._tcp.broken.signed.test']

const entry = (change: Partial<SecureDomain> = {}): SecureDomain => ({
  domain: 'secure.test',
  subdomains: false,
  requirement: { prove: 'verified', fingerprints: [], minTls: 'TLSv1.2', ciphers: null },
  nextHop: null,
  owner: 'Someone',
  reviewedOn: NOW - DAY_MS,
  expiresOn: NOW + DAY_MS,
  approvers: ['A', 'B'],
  status: 'active',
  ...change,
})

interface Setting extends Partial<TransportOptions> {
  readonly policy?: string
  readonly withoutDnssec?: boolean
  readonly folder?: string
}

async function open(
  t: TestContext,
  { policy = policyText('enforce', ['mx.sts.test', '*.both.test']), withoutDnssec = false, ...options }: Setting = {},
) {
  const host = await startPolicyHost(t, CERTIFICATE, policy)
  const clock = manualClock(NOW)
  const zone = zoneResolver(ZONE, FAILING)
  const sts = { port: host.port, authorities: [authority.alone], allowLoopback: true }
  const all = { register: EMPTY_REGISTER, dane: true, mtaSts: true, exceptions: [], folder: null, sts, ...options }
  const { resolveTlsa: _, ...plain } = zone
  const transport = await openTransport(all, { resolver: withoutDnssec ? plain : zone, clock, log: silentLog })
  t.after(() => transport.close())
  return { transport, clock, all }
}

function ask(domain: string, hosts: readonly string[], change: Partial<PathQuestion> = {}): PathQuestion {
  return {
    domain,
    hosts: hosts.map((host) => ({ host, port: 25 })),
    from: 'mx',
    authentic: false,
    routeTls: { mode: 'opportunistic', verify: false, options: {} },
    need: 'none',
    ...change,
  }
}

const route = (mode: PathQuestion['routeTls']['mode'], verify = false) => ({ routeTls: { mode, verify, options: {} } })
const REGISTER = registerOf([entry()])

describe('what a path must prove', () => {
  it('is nothing where nobody asks for more: TLS where it is offered', async (t) => {
    const { transport } = await open(t)
    const decision = await transport.decide(ask('plain.test', ['mx.plain.test']))
    assert.equal(decision.source, 'opportunistic')
    assert.deepEqual(
      decision.hosts.map(({ tls, proves }) => [tls.mode, tls.verify, proves]),
      [['opportunistic', null, 'unproven']],
    )
    assert.deepEqual(decision.reported, [{ type: 'no-policy-found', strings: [], domain: 'plain.test', mxHosts: [] }])
    assert.equal(decision.stopped, null)
  })

  it('is as the route says where nobody else asks for more', async (t) => {
    const { transport } = await open(t)
    const cases = [
      ['none', false, 'clear', 'none', 'clear'],
      ['required', false, 'route', 'required', 'unproven'],
      ['required', true, 'route', 'required', 'pkix'],
      ['implicit', true, 'route', 'implicit', 'pkix'],
    ] as const
    for (const [mode, verify, source, wanted, proves] of cases) {
      const decision = await transport.decide(ask('plain.test', ['mx.plain.test'], route(mode, verify)))
      assert.deepEqual(
        [decision.source, decision.hosts[0]?.tls.mode, decision.hosts[0]?.proves],
        [source, wanted, proves],
      )
    }
  })

  it('is what an MTA-STS policy asks for, and hosts that it does not name are refused', async (t) => {
    const { transport } = await open(t)
    const decision = await transport.decide(ask('sts.test', ['mx.sts.test', 'evil.test']))
    assert.equal(decision.source, 'mta-sts')
    assert.deepEqual(
      decision.hosts.map(({ refused, proves }) => [refused, proves]),
      [
        [null, 'pkix'],
        ['not in the MTA-STS policy of the domain', 'unproven'],
      ],
    )
    assert.equal(decision.reported[0]?.type, 'sts')
    assert.equal(decision.stopped, null)
  })

  it('stops mail where the MTA-STS policy names no host that there is', async (t) => {
    const { transport } = await open(t)
    const decision = await transport.decide(ask('sts.test', ['evil.test']))
    assert.match(decision.stopped?.text ?? '', /evil.test: not in the MTA-STS policy/)
    assert.match(decision.stopped?.status ?? '', /^4\./)
  })

  it('is not what an MTA-STS policy asks for that is only being tried; what it would refuse is noted', async (t) => {
    const { transport } = await open(t, { policy: policyText('testing', ['mx.sts.test']) })
    const decision = await transport.decide(ask('sts.test', ['mx.sts.test', 'other.test']))
    assert.equal(decision.source, 'opportunistic')
    assert.deepEqual(
      decision.hosts.map(({ tls, refused, noted }) => [tls.mode, tls.verify === null, refused, noted ?? null]),
      [
        ['opportunistic', false, null, null],
        ['opportunistic', false, null, 'not in the MTA-STS policy of the domain'],
      ],
    )
    assert.equal(decision.reported[0]?.type, 'sts')
  })

  it('does not come from MTA-STS where that is off, or the operator named the hosts', async (t) => {
    const { transport } = await open(t, { mtaSts: false })
    assert.equal((await transport.decide(ask('sts.test', ['evil.test']))).source, 'opportunistic')
    const other = await open(t)
    assert.equal(
      (await other.transport.decide(ask('sts.test', ['evil.test'], { from: 'configured' }))).source,
      'opportunistic',
    )
  })

  it('tells of a policy that cannot be fetched, and goes on without', async (t) => {
    const { transport } = await open(t, { policy: 'nonsense' })
    const decision = await transport.decide(ask('sts.test', ['mx.sts.test']))
    assert.equal(decision.source, 'opportunistic')
    assert.equal(decision.troubles?.[0]?.type, 'sts-policy-invalid')
  })

  it('is what TLSA records ask for, host by host; hosts without them are left to the rules below', async (t) => {
    const { transport } = await open(t)
    const hosts = ['mx.signed.test', 'mx2.signed.test', 'odd.signed.test', 'broken.signed.test', 'mx.unsigned.test']
    const decision = await transport.decide(ask('signed.test', hosts, { authentic: true }))
    assert.equal(decision.source, 'dane')
    assert.deepEqual(
      decision.hosts.map(({ tls, refused, proves }) => [tls.mode, refused === null, proves]),
      [
        ['required', true, 'dane-ee'],
        ['opportunistic', true, 'unproven'],
        ['required', true, 'unproven'],
        ['required', false, 'unproven'],
        ['opportunistic', true, 'unproven'],
      ],
    )
    assert.deepEqual(
      decision.reported.map(({ type, strings }) => [type, ...strings.slice(0, 1)]),
      [
        ['tlsa', EE],
        ['tlsa', `1 1 1 ${DIGEST}`],
      ],
    )
    assert.deepEqual(
      decision.troubles?.map(({ type, host }) => [type, host]),
      [
        ['dnssec-invalid', 'broken.signed.test'],
        ['tlsa-invalid', 'odd.signed.test'],
      ],
    )
  })

  it('is nothing that TLSA records ask for where DNSSEC does not vouch for the exchangers, or DANE is off or cannot be had', async (t) => {
    const question = ask('signed.test', ['mx.signed.test'], { authentic: true })
    for (const [setting, change] of [
      [{}, { authentic: false }],
      [{ dane: false }, {}],
      [{ withoutDnssec: true }, {}],
    ] as const) {
      const { transport } = await open(t, setting)
      assert.equal((await transport.decide({ ...question, ...change })).source, 'opportunistic')
    }
  })

  it('is never less than the route asks for where no TLSA record can be used', async (t) => {
    const { transport } = await open(t)
    const decision = await transport.decide(
      ask('signed.test', ['odd.signed.test'], { authentic: true, ...route('required', true) }),
    )
    assert.deepEqual([decision.source, decision.hosts[0]?.proves], ['dane', 'pkix'])
  })

  it('comes from DANE before MTA-STS', async (t) => {
    const { transport } = await open(t)
    const decision = await transport.decide(ask('both.test', ['mx.signed.test', 'mx.both.test'], { authentic: true }))
    assert.equal(decision.source, 'dane')
    assert.deepEqual(
      decision.hosts.map(({ proves }) => proves),
      ['dane-ee', 'pkix'],
    )
    assert.deepEqual(
      decision.reported.map(({ type }) => type),
      ['tlsa', 'sts'],
    )
  })

  it('is what the register asks for, whatever all others say', async (t) => {
    const both = entry({ domain: 'both.test' })
    const { transport } = await open(t, { register: registerOf([both]) })
    const change = { authentic: true, ...route('none'), need: 'requiretls' as const }
    const decision = await transport.decide(ask('both.test', ['mx.signed.test', 'mx.both.test'], change))
    assert.equal(decision.source, 'register')
    assert.deepEqual(
      decision.hosts.map(({ tls, proves }) => [tls.mode, proves]),
      [
        ['required', 'pkix'],
        ['required', 'pkix'],
      ],
    )
    assert.equal(decision.hosts[0]?.tls.options.minVersion, 'TLSv1.2')
  })

  it('keeps to the version and ciphers of the register, and never below those of the route', async (t) => {
    const strict = entry({
      requirement: { prove: 'verified', fingerprints: [], minTls: 'TLSv1.3', ciphers: ['TLS_AES_256_GCM_SHA384'] },
    })
    const { transport } = await open(t, { register: registerOf([strict]) })
    const decision = await transport.decide(ask('secure.test', ['mx.secure.test']))
    const { minVersion, ciphers } = decision.hosts[0]?.tls.options ?? {}
    assert.deepEqual([minVersion, ciphers], ['TLSv1.3', 'TLS_AES_256_GCM_SHA384'])
    const other = await open(t, { register: REGISTER })
    const routeTls = { mode: 'opportunistic', verify: false, options: { minVersion: 'TLSv1.3' } } as const
    const raised = await other.transport.decide(ask('secure.test', ['mx.secure.test'], { routeTls }))
    assert.equal(raised.hosts[0]?.tls.options.minVersion, 'TLSv1.3')
  })

  it('cannot be proven by DANE where there is none: mail for a domain that must have it is stopped', async (t) => {
    const requirement = { prove: 'dane', fingerprints: [], minTls: 'TLSv1.2', ciphers: null } as const
    const register = registerOf([entry({ domain: 'signed.test', requirement })])
    const { transport } = await open(t, { register, dane: false })
    for (const [host, authentic] of [
      ['mx2.signed.test', true],
      ['odd.signed.test', true],
      ['broken.signed.test', true],
      ['mx.signed.test', false],
    ] as const) {
      const decision = await transport.decide(ask('signed.test', [host], { authentic }))
      assert.ok(decision.stopped !== null && decision.source === 'register', host)
    }
    const good = await transport.decide(ask('signed.test', ['mx2.signed.test', 'mx.signed.test'], { authentic: true }))
    assert.equal(good.stopped, null)
    assert.deepEqual(
      good.hosts.map(({ refused, proves }) => [refused === null, proves]),
      [
        [false, 'unproven'],
        [true, 'dane-ee'],
      ],
    )
    const without = await open(t, { register, withoutDnssec: true })
    const decision = await without.transport.decide(ask('signed.test', ['mx.signed.test'], { authentic: true }))
    assert.match(decision.stopped?.text ?? '', /dns.validating/)
  })

  it('goes to the next hop that the register names and to no other', async (t) => {
    const register = registerOf([entry({ nextHop: { host: 'gateway.secure.test', port: 26 } })])
    const { transport } = await open(t, { register })
    const at = (host: string, port: number, from: PathQuestion['from'] = 'configured') =>
      transport.decide({ ...ask('secure.test', []), hosts: [{ host, port }], from })
    assert.equal((await at('gateway.secure.test', 26)).stopped, null)
    for (const other of [at('gateway.secure.test', 25), at('evil.test', 26), at('gateway.secure.test', 26, 'mx')]) {
      assert.match((await other).stopped?.text ?? '', /another next hop: gateway.secure.test:26/)
    }
  })

  it('falls to the ordinary rules once the entry has expired, or is retired', async (t) => {
    const { transport, clock } = await open(t, { register: REGISTER })
    const question = ask('secure.test', ['mx.secure.test'])
    const before = await transport.decide({ ...question, need: 'sensitive' })
    assert.equal(before.source, 'register')
    clock.advance(DAY_MS - 1000)
    assert.equal((await transport.decide(question)).until, NOW + DAY_MS, 'not decided beyond the end of the entry')
    clock.advance(1000)
    assert.equal((await transport.decide(question)).source, 'opportunistic')
    assert.match((await transport.decide({ ...question, need: 'sensitive' })).stopped?.text ?? '', /no longer secure/)
    const retired = await open(t, { register: registerOf([entry({ status: 'retired' })]) })
    assert.match((await retired.transport.decide({ ...question, need: 'sensitive' })).stopped?.text ?? '', /retired/)
  })

  it('lets sensitive mail go to secure domains only, whatever else is proven', async (t) => {
    const { transport } = await open(t)
    for (const question of [
      ask('sts.test', ['mx.sts.test']),
      ask('signed.test', ['mx.signed.test'], { authentic: true }),
      ask('x.test', ['mx'], route('required', true)),
    ]) {
      const decision = await transport.decide({ ...question, need: 'sensitive' })
      assert.deepEqual([decision.source, decision.hosts, decision.stopped?.status], ['register', [], '4.7.10'])
    }
  })

  it('is a proven certificate for REQUIRETLS, under names that somebody vouches for', async (t) => {
    const { transport } = await open(t)
    const need = 'requiretls'
    const dane = await transport.decide(
      ask('signed.test', ['mx.signed.test', 'odd.signed.test', 'broken.signed.test'], { authentic: true, need }),
    )
    assert.deepEqual(
      dane.hosts.map(({ refused, proves }) => [refused === null, proves]),
      [
        [true, 'dane-ee'],
        [true, 'pkix'],
        [false, 'unproven'],
      ],
    )
    const sts = await transport.decide(ask('sts.test', ['mx.sts.test', 'evil.test'], { need }))
    assert.deepEqual(
      sts.hosts.map(({ refused, proves }) => [refused === null, proves]),
      [
        [true, 'pkix'],
        [false, 'unproven'],
      ],
    )
    for (const mode of ['none', 'opportunistic', 'implicit'] as const) {
      const decision = await transport.decide(ask('plain.test', ['mx.plain.test'], { need, ...route(mode) }))
      assert.deepEqual(
        [decision.source, decision.hosts[0]?.proves, decision.hosts[0]?.tls.mode],
        ['requiretls', 'pkix', mode === 'implicit' ? mode : 'required'],
      )
    }
  })

  it('lets an exception lift what a route asks for, as long as it lasts, and nothing else', async (t) => {
    const exceptions = ['plain.test', 'sts.test', 'signed.test', 'secure.test'].map((domain) => ({
      domain,
      reason: 'old',
      approvedBy: 'A',
      expires: NOW + DAY_MS,
    }))
    const { transport, clock } = await open(t, { exceptions, register: REGISTER })
    const source = async (question: PathQuestion) =>
      (await transport.decide({ ...question, ...route('required', true) })).source
    assert.equal(await source(ask('plain.test', ['mx.plain.test'])), 'exception')
    assert.equal(await source(ask('sts.test', ['mx.sts.test'])), 'mta-sts')
    assert.equal(await source(ask('signed.test', ['mx.signed.test'], { authentic: true })), 'dane')
    assert.equal(await source(ask('secure.test', ['mx.secure.test'])), 'register')
    assert.equal(await source(ask('plain.test', ['mx.plain.test'], { need: 'requiretls' })), 'requiretls')
    assert.equal(await source(ask('sub.plain.test', ['mx.plain.test'])), 'route')
    assert.equal((await transport.decide(ask('plain.test', ['mx'], route('implicit')))).source, 'route')
    assert.match(transport.alarms()[0] ?? '', /clear text to plain.test ends on .* in 1 day \(old; approved by A\)/)
    clock.advance(DAY_MS)
    assert.equal(await source(ask('plain.test', ['mx.plain.test'])), 'route')
    assert.match(transport.alarms()[0] ?? '', /ended on/)
  })

  it('is asked of so many hosts and no more', async (t) => {
    const { transport } = await open(t)
    const hosts = Array.from({ length: 40 }, (_, i) => `mx${i}.plain.test`)
    const decision = await transport.decide(ask('plain.test', hosts))
    assert.deepEqual(
      decision.hosts.map(({ refused }) => refused === null),
      hosts.map((_, i) => i < 32),
    )
  })

  it('changes with the options', async (t) => {
    const { transport, all } = await open(t)
    const question = ask('secure.test', ['mx.secure.test'])
    assert.equal((await transport.decide(question)).source, 'opportunistic')
    transport.update({ ...all, register: REGISTER })
    assert.equal((await transport.decide(question)).source, 'register')
  })

  it('is stopped, and never weaker, where something goes wrong here', async (t) => {
    const { transport, all } = await open(t)
    transport.update({ ...all, register: null as never })
    const decision = await transport.decide(ask('secure.test', ['mx.secure.test']))
    assert.deepEqual([decision.hosts, decision.stopped?.status], [[], '4.3.0'])
    const explained = await transport.explain(ask('secure.test', ['mx.secure.test']))
    assert.notEqual(explained.decision.stopped, null)
  })
})

describe('the key of a decision', () => {
  const keyOf = async (t: TestContext, question: PathQuestion, setting: Setting = {}) =>
    (await (await open(t, setting)).transport.decide(question)).key

  it('is the same for domains that ask for the same of the same hosts', async (t) => {
    const { transport } = await open(t)
    const keys = await Promise.all(
      ['one.test', 'two.test'].map(async (domain) => (await transport.decide(ask(domain, ['mx.shared.test']))).key),
    )
    assert.equal(keys[0], keys[1])
  })

  it('differs wherever anything differs: rule, names, records, pins, options, ports', async (t) => {
    const pinned = (digest: string) =>
      registerOf([
        entry({ requirement: { prove: 'pinned', fingerprints: [digest], minTls: 'TLSv1.2', ciphers: null } }),
      ])
    const one = ask('secure.test', ['mx.shared.test'])
    const keys = await Promise.all([
      keyOf(t, one),
      keyOf(t, ask('secure.test', ['mx.shared.test', 'mx2.shared.test'])),
      keyOf(t, { ...one, hosts: [{ host: 'mx.shared.test', port: 26 }] }),
      keyOf(t, one, { register: REGISTER }),
      keyOf(t, ask('other.test', ['mx.shared.test']), { register: registerOf([entry({ domain: 'other.test' })]) }),
      keyOf(t, { ...one, authentic: true }, { register: REGISTER }),
      keyOf(t, one, { register: pinned('a'.repeat(64)) }),
      keyOf(t, one, { register: pinned('b'.repeat(64)) }),
      keyOf(t, { ...one, need: 'requiretls' }),
      keyOf(t, { ...one, ...route('required') }),
      keyOf(t, { ...one, ...route('required', true) }),
      keyOf(t, { ...one, ...route('none') }),
      keyOf(t, { ...one, routeTls: { mode: 'opportunistic', verify: false, options: { ca: Buffer.from('x') } } }),
      keyOf(t, { ...one, routeTls: { mode: 'opportunistic', verify: false, options: { ca: Buffer.from('y') } } }),
    ])
    assert.equal(new Set(keys).size, keys.length)
  })
})

describe('a kept policy that is damaged', () => {
  it('stops mail to its domain, and to no other, while it cannot be fetched anew', async (t) => {
    const folder = temporaryFolder(t, 'mta-sts')
    writeFileSync(join(folder, `${keyOf('sts.test')}.json`), '{"domain":"sts.te')
    const { transport, clock } = await open(t, { policy: 'no policy', folder })
    const decide = () => transport.decide(ask('sts.test', ['mx.sts.test']))
    const { stopped, source } = await decide()
    assert.deepEqual([source, stopped?.status], ['mta-sts', '4.7.5'])
    assert.match(stopped?.text ?? '', /the MTA-STS policy of sts\.test is not known: the one that was kept is damaged/)
    assert.equal((await transport.decide(ask('plain.test', ['mx.plain.test']))).stopped, null)
    clock.advance(DAY_MS)
    assert.equal((await decide()).stopped, null)
  })
})

describe('an explanation', () => {
  it('tells what every rule says, in the order of precedence, and which one decides', async (t) => {
    const { transport } = await open(t, { register: registerOf([entry({ domain: 'sts.test', status: 'retired' })]) })
    const { steps, decision } = await transport.explain(ask('sts.test', ['mx.sts.test']))
    assert.deepEqual(
      steps.map(({ rule }) => rule),
      ['register', 'requiretls', 'dane', 'mta-sts', 'exception', 'route', 'opportunistic', 'clear'],
    )
    assert.deepEqual(
      steps.filter((step) => step.decides).map(({ rule }) => rule),
      ['mta-sts'],
    )
    assert.equal(decision.source, 'mta-sts')
    assert.match(steps[0]?.says ?? '', /retired: the domain is no longer secure/)
    assert.match(steps[3]?.says ?? '', /mode enforce/)
  })

  it('says that DANE cannot be had without a validating resolver', async (t) => {
    const { transport } = await open(t, { withoutDnssec: true })
    const { steps } = await transport.explain(ask('signed.test', ['mx.signed.test'], { authentic: true }))
    assert.match(steps[2]?.says ?? '', /cannot be had.*dns.validating/)
  })
})
