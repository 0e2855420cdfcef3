import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { ApiExplanation, ApiProbe } from '../../src/cli/api.ts'
import { type Certificate, makeCertificate } from '../support/certs.ts'
import { need, needRoot } from '../support/components.ts'
import { relayConfig } from '../support/config.ts'
import { type Daemon, startDaemon } from '../support/daemon.ts'
import { temporaryFolder } from '../support/folder.ts'
import { startNameServer } from '../support/name-server.ts'
import { startPeer } from '../support/peer.ts'
import { freePort } from '../support/ports.ts'
import { startPostfix } from '../support/postfix.ts'
import type { Zone } from '../support/zone.ts'
import { HEADER, line } from '../unit/config/secure-domains/support.ts'

// What operators can know of a path before mail depends on it.

const NEXT_YEAR = `${new Date().getUTCFullYear() + 1}-12-01`
const valid = (domain: string, more: object = {}) => line({ domain, 'expires-on': NEXT_YEAR, ...more })

interface SiteOptions {
  readonly zone: Zone
  readonly lines?: readonly string[]
  readonly routes?: Readonly<Record<string, unknown>>
}

async function site(t: TestContext, { zone, lines = [], routes = {} }: SiteOptions): Promise<Daemon> {
  const { server } = await startNameServer(t, zone)
  const file = join(temporaryFolder(t), 'secure-domains.csv')
  writeFileSync(file, `${[HEADER, ...lines].join('\n')}\n`)
  const more = {
    secureDomains: { file },
    dns: { servers: [server] },
    routes: { default: 'mx', domains: routes },
    delivery: { families: ['ipv4'] },
  }
  return startDaemon(t, relayConfig({ port: await freePort(), nextHop: 9, more }))
}

const explain = async (daemon: Daemon, ...args: string[]): Promise<ApiExplanation> =>
  JSON.parse((await daemon.cli('domain', 'explain', ...args, '--json')).stdout)

test('An explanation shows every rule in the order of precedence, and the first one that decides.', async (t) => {
  const zone = { 'royal.test': { mx: [[10, 'mx.royal.test']] }, 'plain.test': { mx: [[10, 'mx.plain.test']] } } as const
  const daemon = await site(t, {
    zone,
    lines: [
      valid('royal.test', { subdomains: 'yes', 'min-tls': 'TLSv1.3' }),
      valid('old.test', { status: 'retired', 'next-hop': 'mx.old.test' }),
    ],
    routes: { '.partner.test': { hosts: ['gateway.test:2525'], tls: 'required' } },
  })
  const registered = await explain(daemon, 'Royal.test')
  const rules = registered.steps.map(({ rule }) => rule)
  assert.deepEqual(rules.slice(0, 4), ['register', 'requiretls', 'dane', 'mta-sts'])
  assert.deepEqual(
    registered.steps.filter(({ decides }) => decides).map(({ rule }) => rule),
    ['register'],
  )
  assert.equal(registered.decision?.source, 'register')
  const [host] = registered.decision?.hosts ?? []
  assert.deepEqual(
    [host?.host, host?.port, host?.tls, host?.proves, host?.minTls],
    ['mx.royal.test', 25, 'required', 'pkix', 'TLSv1.3'],
  )
  assert.equal((await explain(daemon, 'plain.test')).decision?.source, 'opportunistic')
  assert.equal((await explain(daemon, 'plain.test', '--requiretls')).decision?.source, 'requiretls')
  const partner = await explain(daemon, 'a.partner.test')
  assert.deepEqual([partner.way, partner.decision?.source], ['to gateway.test:2525, by its route', 'route'])
  assert.equal((await explain(daemon, 'old.test')).way.includes('mx.old.test'), false)
})

test('An explanation in words marks what decides, and exits 1 where nothing may be sent.', async (t) => {
  const zone = { 'plain.test': { mx: [[10, 'mx.plain.test']] } } as const
  const daemon = await site(t, { zone })
  const plain = await daemon.cli('domain', 'explain', 'plain.test')
  assert.equal(plain.code, 0)
  assert.match(plain.stdout, /^Mail for plain\.test goes by its exchangers \(MX\), without DNSSEC\.\n/)
  assert.match(plain.stdout, /^ +register +\S/m)
  assert.match(plain.stdout, /^> +opportunistic +\S/m)
  assert.match(plain.stdout, /^mx\.plain\.test:25 +opportunistic.* +unproven$/m)
  const sensitive = await daemon.cli('domain', 'explain', 'plain.test', '--sensitive')
  assert.equal(sensitive.code, 1)
  assert.match(sensitive.stdout, /^Nothing may be sent now: /m)
  const nowhere = await daemon.cli('domain', 'explain', 'nowhere.test')
  assert.match(nowhere.stdout, /^nowhere\.test: .*does not exist\.$/m)
})

test('What is said of an explanation changes with the register, at once.', async (t) => {
  const daemon = await site(t, { zone: { 'a.test': { a: ['127.0.0.1'] } }, lines: [valid('a.test')] })
  assert.equal((await explain(daemon, 'a.test')).decision?.source, 'register')
  const retired = await daemon.cli(
    ...['domain', 'retire', 'a.test', '--reason', 'test', '--yes', '--config', daemon.configFile],
  )
  assert.match(retired.stdout, /In force/)
  const after = await explain(daemon, 'a.test')
  assert.equal(after.decision?.source, 'opportunistic')
  assert.match(after.steps[0]?.says ?? '', /retired/)
})

async function postfixWith(t: TestContext, certificate: Certificate | null) {
  const tls = certificate && {
    smtpd_tls_security_level: 'may',
    smtpd_tls_cert_file: certificate.certFile,
    smtpd_tls_key_file: certificate.keyFile,
  }
  return startPostfix(t, { ...tls })
}

const probe = async (daemon: Daemon, ...args: string[]): Promise<{ code: number | null; found: ApiProbe }> => {
  const { code, stdout, stderr } = await daemon.cli('domain', 'probe', ...args, '--json')
  assert.notEqual(stdout, '', stderr)
  return { code, found: JSON.parse(stdout) }
}

const ZONE: Zone = { 'mx.good.test': { a: ['127.0.0.1'] } }

test('A probe of a real Postfix says what it shows, and whether the requirement of the register would hold.', async (t) => {
  if (!need(t, 'postfix') || !needRoot(t)) return
  const certificate = makeCertificate(temporaryFolder(t), 'good', ['mx.good.test'])
  const { port, log } = await postfixWith(t, certificate)
  const route = { hosts: [`mx.good.test:${port}`], tls: 'required', authorities: certificate.certFile }
  const daemon = await site(t, { zone: ZONE, lines: [valid('good.test')], routes: { 'good.test': route } })
  const { code, found } = await probe(daemon, 'good.test')
  const [shown] = found.hosts[0]?.probes ?? []
  assert.deepEqual([code, found.holds, shown?.failure, shown?.holds.verified], [0, true, null, null])
  assert.equal(shown?.wanted?.holds, true)
  assert.deepEqual([shown?.address, shown?.port, shown?.tls?.protocol], ['127.0.0.1', port, 'TLSv1.3'])
  assert.equal(shown?.chain[0]?.fingerprint, certificate.fingerprint)
  assert.deepEqual(found.requirement, { prove: 'verified', minTls: 'TLSv1.2', from: 'register' })
  const words = await daemon.cli('domain', 'probe', 'good.test')
  assert.match(words.stdout, /Requirement {2}holds\n/)
  assert.match(words.stdout, /Names +DNS:mx\.good\.test/)
  assert.match(words.stdout, /The requirement holds: verified, TLSv1\.2 or later \(as the register says\)\./)
  assert.doesNotMatch(log(), /from=</)
})

test('A probe asks for what is wished before it stands in the register, and exits 1 where that would not hold.', async (t) => {
  if (!need(t, 'postfix') || !needRoot(t)) return
  const certificate = makeCertificate(temporaryFolder(t), 'other', ['elsewhere.test'])
  const { port } = await postfixWith(t, certificate)
  const hop = ['--next-hop', `mx.good.test:${port}`]
  const daemon = await site(t, { zone: ZONE })
  const plain = await probe(daemon, 'good.test', ...hop)
  assert.deepEqual([plain.code, plain.found.requirement], [0, null])
  const pinned = ['--requirement', 'pinned', '--fingerprint']
  const right = await probe(daemon, 'good.test', ...hop, ...pinned, certificate.fingerprint.toUpperCase())
  assert.deepEqual([right.code, right.found.holds], [0, true])
  const wrong = await probe(daemon, 'good.test', ...hop, ...pinned, 'ab'.repeat(32))
  assert.deepEqual([wrong.code, wrong.found.holds], [1, false])
  for (const requirement of ['verified', 'dane']) {
    const { code, found } = await probe(daemon, 'good.test', ...hop, '--requirement', requirement)
    assert.deepEqual([code, found.holds], [1, false], requirement)
    assert.notEqual(found.hosts[0]?.probes[0]?.wanted?.why, '')
  }
  const words = await daemon.cli('domain', 'probe', 'good.test', ...hop, '--requirement', 'verified')
  assert.match(words.stdout, /Requirement {2}does NOT hold: \S/)
  assert.match(words.stdout, /would NOT hold everywhere: verified, .*\(as asked\)/)
})

test('A probe of a host without TLS, of one that is not there and of one without an address says so, and sends no mail.', async (t) => {
  const peer = await startPeer(t)
  const daemon = await site(t, { zone: ZONE })
  const clear = await probe(daemon, 'good.test', '--next-hop', `mx.good.test:${peer.port}`)
  const [shown] = clear.found.hosts[0]?.probes ?? []
  assert.deepEqual([clear.code, shown?.tls], [1, null])
  assert.notEqual(shown?.failure, null)
  assert.ok(
    peer.commands.every((command) => /^(EHLO|QUIT)/.test(command)),
    peer.commands.join(),
  )
  const gone = await probe(daemon, 'good.test', '--next-hop', `mx.good.test:${await freePort()}`)
  assert.deepEqual([gone.code, gone.found.hosts[0]?.probes.length], [1, 1])
  const nameless = await probe(daemon, 'good.test', '--next-hop', 'nothing.test')
  assert.deepEqual([nameless.code, nameless.found.hosts[0]?.failure], [1, 'it has no address that is tried'])
})

test('A wish that cannot be is refused before anybody is connected to.', async (t) => {
  const daemon = await site(t, { zone: ZONE })
  const refused = async (says: RegExp, ...args: string[]) => {
    const { code, stderr } = await daemon.cli('domain', 'probe', 'good.test', ...args)
    assert.equal(code, 64)
    assert.match(stderr, says)
  }
  await refused(/pinned needs the fingerprint/, '--requirement', 'pinned')
  await refused(/with pinned only/, '--fingerprint', 'ab'.repeat(32))
  await refused(/64 hex digits; found 'abc'/, '--fingerprint', 'abc')
  await refused(/neither a host nor host:port/, '--next-hop', 'a:b:c')
})
