import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { systemClock } from '../../src/clock.ts'
import { loadConfig } from '../../src/config/index.ts'
import { dnsFacts } from '../../src/daemon/dns/ask.ts'
import { checkRecords } from '../../src/daemon/dns/check.ts'
import type { DnsFinding } from '../../src/daemon/dns/judged.ts'
import { wantedRecords } from '../../src/daemon/dns/wanted.ts'
import { silentLog } from '../../src/log.ts'
import { createResolver } from '../../src/net/dns-resolver.ts'
import { STS_DEFAULTS, StsPolicies } from '../../src/transport/mta-sts/policies.ts'
import { noStore } from '../../src/transport/mta-sts/store.ts'
import { makeAuthority } from '../support/authority.ts'
import { need } from '../support/components.ts'
import { relayConfig } from '../support/config.ts'
import { type Daemon, type DaemonConfig, POSTERN, startDaemon } from '../support/daemon.ts'
import { needDnssec, startSignedZone } from '../support/dnssec.ts'
import { temporaryFolder } from '../support/folder.ts'
import { freePorts } from '../support/ports.ts'
import { run } from '../support/process.ts'
import { ed25519Key, rsaKey, writeKey } from '../support/signing.ts'

// What an operator does once: print the records, publish them, look whether they are there. With a signed zone in a
// real name server, and the real daemon serving its policy to our own client.

const ADDRESS = '127.0.0.2'
const authority = makeAuthority('Test Authority')

interface Site {
  readonly folder: string
  readonly https: number
  readonly config: DaemonConfig
}

async function site(t: TestContext, server: string): Promise<Site> {
  const folder = temporaryFolder(t)
  const [port = 0, https = 0] = await freePorts(2)
  const { key, cert } = authority.issue(['relay.royal.test', 'mta-sts.royal.test'])
  writeFileSync(join(folder, 'relay.pem'), cert)
  writeFileSync(join(folder, 'relay.key'), key, { mode: 0o600 })
  writeFileSync(join(folder, 'authority.pem'), authority.alone)
  const keys = [rsaKey('royal.test', 'r1', 2048), ed25519Key('royal.test', 'e1')].map((each) => {
    const { domain, selector } = each
    return { domain, selector, key: writeKey(join(folder, `${selector}.pem`), each) }
  })
  const more = {
    hostname: 'relay.royal.test',
    domains: { 'royal.test': { relayTo: '127.0.0.1:9' } },
    dns: { servers: [server], validating: true, timeout: '2s' },
    tls: { certificate: join(folder, 'relay.pem'), key: join(folder, 'relay.key') },
    inspect: [{ sign: { ...keys[0], keys: [keys[1]] } }],
    reports: { tls: { receive: 'tls@royal.test' }, dmarc: { receive: 'dmarc@royal.test' } },
    publish: { addresses: [ADDRESS], mtaSts: { listen: [`${ADDRESS}:${https}`] } },
  }
  return { folder, https, config: relayConfig({ port, nextHop: 9, more }) }
}

const dns = ({ configFile, stateDir }: Daemon, ...args: string[]) =>
  run(POSTERN, ['dns', ...args, '--config', configFile, '--state', stateDir])

async function zoneLines(daemon: Daemon): Promise<string[]> {
  const { code, stdout, stderr } = await dns(daemon, '--zone')
  assert.equal(code, 0, stderr)
  return stdout.split('\n').filter((line) => / IN /.test(line) && !line.includes('.arpa. '))
}

const states = (findings: readonly DnsFinding[]) =>
  Object.fromEntries(findings.map(({ name, type, is }) => [`${type} ${name}`, is]))

/** The same check within this process, with our own authority and port. */
async function checkHere(daemon: Daemon, { https }: Site, server: string): Promise<DnsFinding[]> {
  const loaded = loadConfig(daemon.configFile)
  assert.ok(loaded.ok)
  const facts = await dnsFacts(loaded.config, Date.now())
  const resolver = createResolver({ servers: [server], validating: true }, systemClock)
  const fetch = { port: https, authorities: [authority.alone], allowLoopback: true, timeoutMs: 10_000 }
  return checkRecords(wantedRecords(facts), facts, { resolver, fetch })
}

test('What postern dns prints is what postern dns check then finds, and our own client takes the policy.', async (t) => {
  if (!needDnssec(t)) return
  const zone = await startSignedZone(t, { signed: { 'royal.test': [] } })
  const place = await site(t, zone.server)
  const daemon = await startDaemon(t, place.config)

  const before = await dns(daemon, 'check', '--json')
  assert.equal(before.code, 1, before.stderr)
  const all: DnsFinding[] = JSON.parse(before.stdout).findings
  assert.deepEqual(new Set(all.map(({ is }) => is)), new Set(['missing']))

  await zone.change({ signed: { 'royal.test': await zoneLines(daemon) } })
  const after = states(await checkHere(daemon, place, zone.server))
  assert.deepEqual(after, {
    'A relay.royal.test': 'ok',
    // the resolver has its own idea of addresses of loopback
    'PTR 2.0.0.127.in-addr.arpa': 'missing',
    'TXT relay.royal.test': 'ok',
    'TLSA _25._tcp.relay.royal.test': 'ok',
    'MX royal.test': 'ok',
    'TXT royal.test': 'ok',
    'TXT r1._domainkey.royal.test': 'ok',
    'TXT e1._domainkey.royal.test': 'ok',
    'TXT _dmarc.royal.test': 'ok',
    'TXT _mta-sts.royal.test': 'ok',
    'CNAME mta-sts.royal.test': 'ok',
    'TXT _smtp._tls.royal.test': 'ok',
  })

  const domain = await dns(daemon, 'check', 'royal.test')
  assert.equal(domain.code, 0, domain.stdout)
  assert.match(domain.stdout, /^ok {11}MX {5}royal\.test {2}\(mx\)$/m)
  // senders never look for a policy on their own machine
  assert.match(domain.stdout, /^cannot tell {2}CNAME {2}mta-sts\.royal\.test/m)
  assert.match(domain.stdout, /^7 ok, 0 missing, 0 different, 1 cannot tell\.$/m)

  const seams = {
    resolver: createResolver({ servers: [zone.server] }, systemClock),
    clock: systemClock,
    log: silentLog,
  }
  const options = { ...STS_DEFAULTS, port: place.https, authorities: [authority.alone], allowLoopback: true }
  const policies = await StsPolicies.open(options, noStore, seams)
  const answer = await policies.of('royal.test')
  await policies.close()
  assert.ok(answer.is === 'policy', JSON.stringify(answer))
  assert.deepEqual(answer.policy, { mode: 'testing', mx: ['relay.royal.test'], maxAge: 604_800 })
})

test('A reload serves another policy, whose id postern dns check misses in the DNS.', async (t) => {
  if (!needDnssec(t)) return
  const zone = await startSignedZone(t, { signed: { 'royal.test': [] } })
  const place = await site(t, zone.server)
  const daemon = await startDaemon(t, place.config)
  await zone.change({ signed: { 'royal.test': await zoneLines(daemon) } })

  const publish = place.config.publish as { readonly mtaSts: object }
  daemon.write({ ...place.config, publish: { ...publish, mtaSts: { ...publish.mtaSts, mode: 'enforce' } } })
  assert.equal((await daemon.cli('reload')).code, 0)
  const findings = await checkHere(daemon, place, zone.server)
  const wrong = findings.filter(({ is, purpose }) => is !== 'ok' && purpose !== 'ptr')
  assert.deepEqual(
    wrong.map(({ name, is }) => [name, is]),
    [['_mta-sts.royal.test', 'different']],
  )
  await zone.change({ signed: { 'royal.test': await zoneLines(daemon) } })
  const { is } = (await checkHere(daemon, place, zone.server)).find(({ purpose }) => purpose === 'mta-sts') ?? {}
  assert.equal(is, 'ok')

  daemon.write({ ...place.config, publish: { addresses: [ADDRESS] } })
  assert.equal((await daemon.cli('reload')).code, 0)
  const gone = await fetch(`https://${ADDRESS}:${place.https}/`).catch((error: Error) => error)
  assert.match(String((gone as Error).cause), /ECONNREFUSED/)
})

test('A reload that cannot serve the policy changes nothing.', async (t) => {
  if (!need(t, 'curl')) return
  const place = await site(t, '127.0.0.1:9')
  const daemon = await startDaemon(t, place.config)
  const url = `https://mta-sts.royal.test:${place.https}/.well-known/mta-sts.txt`
  const resolve = `mta-sts.royal.test:${place.https}:${ADDRESS}`
  const curl = () => run('curl', ['-sS', '--cacert', join(place.folder, 'authority.pem'), '--resolve', resolve, url])
  const policy = ['version: STSv1', 'mode: testing', 'mx: relay.royal.test', 'max_age: 604800', ''].join('\r\n')
  assert.equal((await curl()).stdout, policy)

  const publish = place.config.publish as { readonly mtaSts: object }

  for (const mtaSts of [
    { ...publish.mtaSts, mode: 'enforce', listen: ['192.0.2.1:443'] },
    { ...publish.mtaSts, mode: 'enforce', certificate: 'none.pem', key: 'none.key' },
  ]) {
    daemon.write({ ...place.config, hostname: 'other.royal.test', publish: { mtaSts } })
    const { code, stderr, stdout } = await daemon.cli('reload')
    assert.notEqual(code, 0, stdout)
    assert.match(stderr + stdout, /cannot listen on 192\.0\.2\.1:443|none\.pem cannot be read/)
    assert.equal((await curl()).stdout, policy)
  }
  assert.ok(daemon.alive)
})
