import assert from 'node:assert/strict'
import { createHash, X509Certificate } from 'node:crypto'
import { after, before, describe, it, type TestContext } from 'node:test'
import type { ConnectionOptions } from 'node:tls'
import { systemClock } from '../../../src/clock.ts'
import { silentLog } from '../../../src/log.ts'
import { EMPTY_REGISTER, type PathRequirement, registerOf } from '../../../src/mail/secure-domain.ts'
import type { Resolver } from '../../../src/net/dns.ts'
import { createResolver } from '../../../src/net/dns-resolver.ts'
import { openSession } from '../../../src/smtp/client/open.ts'
import type { PathQuestion } from '../../../src/transport/contract.ts'
import { openTransport, type TransportOptions } from '../../../src/transport/open.ts'
import type { HostProbe } from '../../../src/transport/probe.ts'
import { probeHost } from '../../../src/transport/probe-host.ts'
import { type Issued, makeAuthority } from '../../support/authority.ts'
import { needDnssec, startSignedZone, type ValidatingServer } from '../../support/dnssec.ts'
import { MODERN, type Peer, startPeer } from '../../support/peer.ts'
import { freePorts } from '../../support/ports.ts'
import { defer, type Scope } from '../../support/scope.ts'

const DAY_MS = 86_400_000
const root = makeAuthority('Root')
const inter = root.intermediate('Intermediate')
const stranger = makeAuthority('Stranger')
const expiredInter = root.intermediate('Expired Intermediate', { until: Date.now() - DAY_MS / 2 })

const spki = (pem: string): Buffer => new X509Certificate(pem).publicKey.export({ type: 'spki', format: 'der' })
const hash = (algorithm: string, data: Buffer): string => createHash(algorithm).update(data).digest('hex')
const der = (pem: string): Buffer => new X509Certificate(pem).raw

const self = stranger.issue(['unrelated.test'], { until: Date.now() - DAY_MS / 2 })
const good = inter.issue(['mx.signed.test'])
const forDomain = inter.issue(['signed.test'])
const wrongName = inter.issue(['other.test'])
const expired = inter.issue(['mx.signed.test'], { until: Date.now() - DAY_MS / 2 })
const forClients = inter.issue(['mx.signed.test'], { clientOnly: true })
const named = inter.issue(['mx.signed.test'], { commonNameOnly: true })
const belowExpired = expiredInter.issue(['mx.signed.test'])
const forged = stranger.issue(['mx.signed.test'])
/** The chain ends in the root, as a server may send it. */
const withRoot = ({ key, cert }: Issued): Issued => ({ ...good, key, cert: cert + root.alone })

/** Faces of the host: what its TLSA records say, what it shows, and what comes of it. */
const FACES: readonly (readonly [title: string, tlsa: readonly string[], shown: Issued, problem: RegExp | null])[] = [
  [
    'its certificate by digest, though it has expired and is for another name',
    [`3 0 1 ${self.fingerprint}`],
    self,
    null,
  ],
  ['its key by digest', [`3 1 1 ${self.publicKeyFingerprint}`], self, null],
  ['its key by SHA-512', [`3 1 2 ${hash('sha512', spki(self.alone))}`], self, null],
  ['its whole certificate', [`3 0 0 ${der(self.alone).toString('hex')}`], self, null],
  ['its whole key', [`3 1 0 ${spki(self.alone).toString('hex')}`], self, null],
  ['another certificate: it was swapped', [`3 0 1 ${self.fingerprint}`], good, /matches no TLSA record/],
  [
    'a new key beside the old one, in the middle of a change',
    [`3 0 1 ${self.fingerprint}`, `3 0 1 ${good.fingerprint}`],
    good,
    null,
  ],
  [
    'an authority by its key, below a root that it sends',
    [`2 1 1 ${hash('sha256', spki(root.alone))}`],
    withRoot(good),
    null,
  ],
  ['an intermediate authority by digest', [`2 0 1 ${inter.fingerprint}`], good, null],
  ['an authority as a whole, which it does not send', [`2 0 0 ${der(root.alone).toString('hex')}`], good, null],
  ['the whole key of an authority, which it does not send', [`2 1 0 ${spki(root.alone).toString('hex')}`], good, null],
  ['an authority by digest, which it does not send', [`2 0 1 ${root.fingerprint}`], good, /no authority in its chain/],
  ['an authority, and the certificate is for the domain', [`2 0 1 ${inter.fingerprint}`], forDomain, null],
  ['an authority, and the certificate has a common name only', [`2 0 1 ${inter.fingerprint}`], named, null],
  [
    'an authority, and the certificate is for another name',
    [`2 0 1 ${inter.fingerprint}`],
    wrongName,
    /it is not for mx.signed.test or signed.test/,
  ],
  ['an authority, and the certificate has expired', [`2 0 1 ${inter.fingerprint}`], expired, /expired/],
  ['an authority, and the one between has expired', [`2 0 1 ${root.fingerprint}`], withRoot(belowExpired), /expired/],
  [
    'an authority, and the certificate is not meant for servers',
    [`2 0 1 ${inter.fingerprint}`],
    forClients,
    /not meant for servers/,
  ],
  [
    'an authority, and another one of no relation signed it',
    [`2 0 1 ${inter.fingerprint}`],
    { ...forged, cert: forged.alone + inter.cert },
    /no authority in its chain/,
  ],
  ['its own certificate as an authority', [`2 0 1 ${good.fingerprint}`], good, /no authority in its chain/],
  [
    'an authority or a certificate, and one of them holds',
    [`2 0 1 ${stranger.fingerprint}`, `3 0 1 ${self.fingerprint}`],
    self,
    null,
  ],
]

const helo = 'relay.test'
const STEP = 5000
const timeouts = {
  connect: STEP,
  greeting: STEP,
  hello: STEP,
  tls: STEP,
  auth: STEP,
  mail: STEP,
  rcpt: STEP,
  data: STEP,
  block: STEP,
  end: STEP,
}

describe('a path to a host in a signed zone, with nsd, unbound and SMTP', () => {
  const undo: (() => unknown)[] = []
  const scope = { after: (fn: () => unknown) => void undo.push(fn) } as unknown as Scope
  let zone: ValidatingServer | null = null
  const peers: Peer[] = []

  before(async () => {
    if (!needDnssec({ skip() {} } as unknown as TestContext)) return
    for (const [, , shown] of FACES)
      peers.push(await startPeer(scope, { extensions: [...MODERN, 'STARTTLS'], tls: shown }))
    const records = FACES.flatMap(([, tlsa], i) => tlsa.map((text) => `_${peers[i]?.port}._tcp.mx TLSA ${text}`))
    const broken = `_${(await freePorts(1))[0]}._tcp.mx`
    zone = await startSignedZone(scope, {
      signed: {
        'signed.test': [
          '@ MX 10 mx',
          'mx A 127.0.0.1',
          'alias CNAME mx',
          `_9._tcp.mx TLSA 3 1 1 ${'ab'.repeat(32)}`,
          ...records,
        ],
      },
      unsigned: {
        'unsigned.test': [
          '@ MX 10 mx',
          'mx A 127.0.0.1',
          ...FACES.map((_, i) => `_${peers[i]?.port}._tcp.mx TLSA 3 1 1 ${'ab'.repeat(32)}`),
        ],
      },
      bogus: ['_9._tcp.mx.signed.test TLSA', `${broken}.signed.test TLSA`],
    })
  })
  after(async () => {
    for (const fn of undo.reverse()) await fn()
  })

  const resolver = (server: string): Resolver => createResolver({ servers: [server], validating: true }, systemClock)

  const question = (server: Resolver, host: string, port: number, change: Partial<PathQuestion> = {}) =>
    server.resolveMx('signed.test').then(
      (mx): PathQuestion => ({
        domain: 'signed.test',
        hosts: [{ host, port }],
        from: 'mx',
        authentic: mx.is === 'found' && mx.authentic === true,
        routeTls: { mode: 'opportunistic', verify: false, options: {} },
        need: 'none',
        ...change,
      }),
    )

  async function security(t: TestContext, server: Resolver, options: Partial<TransportOptions> = {}) {
    const all = { register: EMPTY_REGISTER, dane: true, mtaSts: false, exceptions: [], folder: null, ...options }
    const transport = await openTransport(all, { resolver: server, clock: systemClock, log: silentLog })
    defer(t, () => transport.close())
    return transport
  }

  /** Connects as the decision says; null if the session stands, otherwise why not. */
  async function connect(
    t: TestContext,
    server: Resolver,
    asked: PathQuestion,
    options: Partial<TransportOptions> = {},
  ): Promise<string | null> {
    const decision = await (await security(t, server, options)).decide(asked)
    if (decision.stopped !== null) return decision.stopped.text
    const [demand] = decision.hosts
    const [host] = asked.hosts
    assert.ok(demand && host)
    const { mode, options: tlsOptions, verify } = demand.tls
    const tls =
      mode === 'none'
        ? { mode }
        : mode === 'opportunistic'
          ? { mode, options: tlsOptions }
          : { mode, options: tlsOptions, verify }
    const target = {
      host: host.host,
      address: '127.0.0.1',
      port: host.port,
      protocol: 'smtp',
      tls,
      login: null,
      helo,
      timeouts,
      localAddress: null,
    } as const
    const opened = await openSession(target, { log: silentLog })
    if (!opened.ok) return opened.failure.text
    opened.session.destroy()
    return null
  }

  for (const [i, [title, , , problem]] of FACES.entries()) {
    it(`${problem === null ? 'holds' : 'does not hold'} where TLSA names ${title}`, async (t) => {
      if (!needDnssec(t) || zone === null) return
      const server = resolver(zone.server)
      const found = await connect(t, server, await question(server, 'mx.signed.test', peers[i]?.port ?? 0))
      if (problem === null) assert.equal(found, null)
      else assert.match(found ?? 'it holds', problem)
    })
  }

  it('holds under an alias of the host, by the records of the host itself', async (t) => {
    if (!needDnssec(t) || zone === null) return
    const server = resolver(zone.server)
    assert.equal(await connect(t, server, await question(server, 'alias.signed.test', peers[0]?.port ?? 0)), null)
    const swapped = await connect(t, server, await question(server, 'alias.signed.test', peers[5]?.port ?? 0))
    assert.match(swapped ?? '', /matches no TLSA record/)
  })

  it('is not taken where the signature of the TLSA records is broken', async (t) => {
    if (!needDnssec(t) || zone === null) return
    const server = resolver(zone.server)
    assert.match(
      (await connect(t, server, await question(server, 'mx.signed.test', 9))) ?? '',
      /TLSA records cannot be had.*DNSSEC/,
    )
  })

  it('is not bound by TLSA records that nobody signed', async (t) => {
    if (!needDnssec(t) || zone === null) return
    const server = resolver(zone.server)
    const decision = await (await security(t, server)).decide(
      await question(server, 'mx.unsigned.test', peers[0]?.port ?? 0),
    )
    assert.equal(decision.source, 'opportunistic')
  })

  it('cannot be stripped of TLS', async (t) => {
    if (!needDnssec(t) || zone === null) return
    const server = resolver(zone.server)
    const asked = await question(server, 'mx.signed.test', peers[0]?.port ?? 0)
    const clear = await startPeer(t, { extensions: MODERN })
    const decision = await (await security(t, server)).decide(asked)
    const [demand] = decision.hosts
    assert.ok(demand?.tls.mode === 'required')
    const tls = { mode: demand.tls.mode, options: demand.tls.options, verify: demand.tls.verify }
    const target = {
      host: 'mx.signed.test',
      address: '127.0.0.1',
      port: clear.port,
      protocol: 'smtp',
      tls,
      login: null,
      helo,
      timeouts,
      localAddress: null,
    } as const
    const opened = await openSession(target, { log: silentLog })
    assert.ok(!opened.ok && /STARTTLS is not offered/.test(opened.failure.text))
  })

  describe('for a domain of the register', () => {
    const requirement = (change: Partial<PathRequirement>): PathRequirement => ({
      prove: 'verified',
      fingerprints: [],
      minTls: 'TLSv1.2',
      ciphers: null,
      ...change,
    })
    const register = (change: Partial<PathRequirement>) =>
      registerOf([
        {
          domain: 'signed.test',
          subdomains: false,
          requirement: requirement(change),
          nextHop: null,
          owner: 'Someone',
          reviewedOn: 0,
          expiresOn: Date.now() + DAY_MS,
          approvers: ['A', 'B'],
          status: 'active',
        },
      ])
    const face = (title: string): number => FACES.findIndex(([each]) => each === title)
    const trusting: ConnectionOptions = { ca: [root.alone] }

    const tries: readonly (readonly [string, Partial<PathRequirement>, number, string, boolean, RegExp | null])[] = [
      [
        'a chain to an authority and the name of the host',
        {},
        face('an intermediate authority by digest'),
        'mx.signed.test',
        true,
        null,
      ],
      [
        'a chain and the name of the domain',
        {},
        face('an authority, and the certificate is for the domain'),
        'mx.elsewhere.test',
        false,
        null,
      ],
      [
        'not a certificate for a host that a forger of MX records named',
        {},
        face('an authority, and the certificate is for another name'),
        'other.test',
        false,
        /not for signed.test/,
      ],
      [
        'not a certificate in another name',
        {},
        face('an authority, and the certificate is for another name'),
        'mx.signed.test',
        true,
        /it is for DNS:other.test, not for mx.signed.test/,
      ],
      [
        'not an expired one',
        {},
        face('an authority, and the certificate has expired'),
        'mx.signed.test',
        true,
        /expired/,
      ],
      [
        'not one with a common name only',
        {},
        face('an authority, and the certificate has a common name only'),
        'mx.signed.test',
        true,
        /no name at all/,
      ],
      [
        'not one of an unknown authority',
        {},
        face('an authority, and another one of no relation signed it'),
        'mx.signed.test',
        true,
        /its authority is not trusted here/,
      ],
      [
        'one of the pinned certificates',
        { prove: 'pinned', fingerprints: ['0'.repeat(64), self.fingerprint] },
        face('its key by digest'),
        'anywhere.test',
        false,
        null,
      ],
      [
        'not another than the pinned ones',
        { prove: 'pinned', fingerprints: [self.fingerprint] },
        face('an intermediate authority by digest'),
        'mx.signed.test',
        true,
        /not one that the register lists/,
      ],
      ['what TLSA records name', { prove: 'dane' }, face('its key by digest'), 'mx.signed.test', true, null],
    ]
    for (const [title, change, i, host, authentic, problem] of tries) {
      it(`takes ${title}`, async (t) => {
        if (!needDnssec(t) || zone === null) return
        const server = resolver(zone.server)
        const asked = await question(server, host, peers[i]?.port ?? 0, {
          authentic,
          routeTls: { mode: 'opportunistic', verify: false, options: trusting },
        })
        const found = await connect(t, server, asked, { register: register(change) })
        if (problem === null) assert.equal(found, null)
        else assert.match(found ?? 'it holds', problem)
      })
    }

    it('does not take an older TLS than it asks for', async (t) => {
      if (!needDnssec(t) || zone === null) return
      const server = resolver(zone.server)
      const old = await startPeer(t, { extensions: [...MODERN, 'STARTTLS'], tls: { ...good, maxVersion: 'TLSv1.2' } })
      const asked = await question(server, 'mx.signed.test', old.port, {
        routeTls: { mode: 'opportunistic', verify: false, options: trusting },
      })
      assert.equal(await connect(t, server, asked, { register: register({}) }), null)
      assert.match(
        (await connect(t, server, asked, { register: register({ minTls: 'TLSv1.3' }) })) ?? '',
        /TLS handshake/,
      )
    })

    const probe = (server: Resolver, port: number, change: Partial<PathRequirement> | null): Promise<HostProbe> =>
      probeHost(
        {
          domain: 'signed.test',
          host: 'mx.signed.test',
          address: '127.0.0.1',
          port,
          from: 'mx',
          authentic: true,
          requirement: change === null ? null : requirement(change),
        },
        { resolver: server, clock: systemClock, log: silentLog, helo, options: trusting, stepMs: 10_000 },
      )

    it('shows a probe what it has, and whether each requirement would hold', async (t) => {
      if (!needDnssec(t) || zone === null) return
      const server = resolver(zone.server)
      const port = peers[face('an intermediate authority by digest')]?.port ?? 0
      const found = await probe(server, port, { ciphers: ['TLS_AES_128_GCM_SHA256'] })
      assert.equal(found.failure, null)
      assert.equal(found.tls?.protocol, 'TLSv1.3')
      assert.deepEqual(
        found.chain.map(({ subject, issuer }) => [subject, issuer]),
        [
          ['CN=mx.signed.test', 'CN=Intermediate'],
          ['CN=Intermediate', 'CN=Root'],
          ['CN=Root', 'CN=Root'],
        ],
      )
      assert.deepEqual(
        [found.chain[0]?.fingerprint, found.chain[0]?.publicKeyFingerprint],
        [good.fingerprint, good.publicKeyFingerprint],
      )
      assert.deepEqual(found.chain[0]?.names, ['DNS:mx.signed.test'])
      assert.deepEqual(found.tlsa.records, [`2 0 1 ${inter.fingerprint}`])
      assert.deepEqual(found.holds, { verified: null, dane: null, pinned: 'no fingerprints are listed' })
      assert.deepEqual(found.wanted, { holds: true, why: 'verified, TLSv1.2 or newer' })
    })

    it('shows a probe why a requirement would not hold', async (t) => {
      if (!needDnssec(t) || zone === null) return
      const server = resolver(zone.server)
      const swapped = await probe(server, peers[5]?.port ?? 0, { prove: 'pinned', fingerprints: [self.fingerprint] })
      assert.match(swapped.holds.dane ?? '', /matches no TLSA record/)
      assert.match(swapped.holds.pinned ?? '', /fingerprint/)
      assert.equal(swapped.wanted?.holds, false)
      const clear = await startPeer(t, { extensions: MODERN })
      const stripped = await probe(server, clear.port, {})
      assert.match(stripped.failure ?? '', /STARTTLS is not offered/)
      assert.deepEqual([stripped.tls, stripped.chain, stripped.wanted?.holds], [null, [], false])
      const old = await startPeer(t, { extensions: [...MODERN, 'STARTTLS'], tls: { ...good, maxVersion: 'TLSv1.2' } })
      const downgraded = await probe(server, old.port, { minTls: 'TLSv1.3' })
      assert.equal(downgraded.holds.verified, null)
      assert.match(downgraded.wanted?.why ?? '', /with TLSv1.3 or newer/)
      assert.equal((await probe(server, old.port, null)).wanted, null)
    })
  })
})
