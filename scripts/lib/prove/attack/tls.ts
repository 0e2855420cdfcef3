import { type Certificate, makeCertificate } from '../../../../test/support/certs.ts'
import { program } from '../../../../test/support/components.ts'
import { startDaemon } from '../../../../test/support/daemon.ts'
import { temporaryFolder } from '../../../../test/support/folder.ts'
import { freePorts } from '../../../../test/support/ports.ts'
import { run } from '../../../../test/support/process.ts'
import { startSink } from '../../../../test/support/sink.ts'
import { Missing, type Promised, type Proof, type Prover } from '../part.ts'
import { type Finding, ours, startControl, type Target, testssl } from './testssl.ts'

/** What sslscan, and in the long form testssl.sh, say of each listener. */
export async function proveTls(prover: Prover): Promise<Proof> {
  const absent = (prover.short ? ['sslscan'] : ['sslscan', 'testssl']).filter((name) => program(name) === null)
  if (absent.length > 0) {
    const text = `not installed, so TLS was not scanned: ${absent.join(', ')} (Debian: sslscan, testssl.sh)`
    if (process.env.CI) throw new Missing(text)
    // By hand the other attacks are still worth their result
    return { tables: [], promises: [], notes: [text] }
  }
  const certificate = makeCertificate(temporaryFolder(prover), 'relay', NAMES)
  const listeners = await start(prover, certificate)
  const control = prover.short ? [] : await testssl(prover, await startControl(prover, certificate))
  const rows: (string | number)[][] = []
  const promises: Promised[] = []
  for (const listener of listeners) {
    if (rows.length > 0 && prover.isOver()) break
    const { versions, suites } = await sslscan(listener)
    const findings = prover.short ? [] : ours(await testssl(prover, listener), control)
    rows.push([listener.name, versions.join(', '), suites.length, prover.short ? 'not asked' : findings.length])
    promises.push({
      text: `${listener.name}: nothing under TLS 1.2, forward secrecy and authenticated encryption only.`,
      kept: versions.length > 0 && versions.every((version) => /^1\.[23]$/.test(version)) && suites.every(isStrong),
      detail: suites.filter((suite) => !isStrong(suite)).join(', ') || suites.join(', '),
    })
    if (prover.short) continue
    promises.push({
      text: `${listener.name}: testssl.sh finds nothing medium or worse.`,
      kept: findings.length === 0,
      detail: findings.map(({ id, severity, finding }) => `${severity} ${id}: ${finding}`).join('; ') || 'nothing',
    })
  }
  if (!prover.short) promises.push(sighted(control))
  return {
    tables: [
      {
        title: 'What TLS scanners say of each listener',
        columns: ['listener', 'versions', 'suites', 'findings of testssl.sh'],
        rows,
      },
    ],
    promises,
    notes: prover.short
      ? []
      : [
          'What testssl.sh says of openssl with the same certificate, which vouches for itself, word for word, is left out.',
        ],
  }
}

/** The certificate of the test is a fault that must be told, or nothing would have been. */
function sighted(control: readonly Finding[]): Promised {
  return {
    text: 'testssl.sh tells what is wrong with a certificate that nobody vouches for.',
    kept: control.length > 0,
    detail: control.map(({ id, severity }) => `${severity} ${id}`).join(', ') || 'nothing',
  }
}

const NAMES: readonly string[] = ['relay.test', 'mta-sts.ours.test', '127.0.0.1']

async function start(prover: Prover, { certFile, keyFile }: Certificate): Promise<readonly Target[]> {
  const sink = await startSink(prover)
  const [starttls = 0, implicit = 0, https = 0] = await freePorts(3)
  await startDaemon(prover, {
    hostname: 'relay.test',
    listeners: [
      { address: '127.0.0.1', port: starttls, tls: 'starttls' },
      { address: '127.0.0.1', port: implicit, tls: 'implicit' },
    ],
    tls: { certificate: certFile, key: keyFile },
    clients: [{ name: 'scanner', networks: ['127.0.0.0/8'], senders: ['*'] }],
    domains: { 'ours.test': { relayTo: [`127.0.0.1:${sink.port}`], recipients: 'any' } },
    routes: { default: { hosts: [`127.0.0.1:${sink.port}`] } },
    publish: { mx: ['relay.test'], mtaSts: { listen: [`127.0.0.1:${https}`] } },
    metrics: { listen: 'off' },
  })
  return [
    { name: 'SMTP, STARTTLS', port: starttls, starttls: true },
    { name: 'SMTP, TLS from the first byte', port: implicit, starttls: false },
    { name: 'HTTPS, MTA-STS policy', port: https, starttls: false },
  ]
}

async function sslscan({ port, starttls }: Target): Promise<{ versions: string[]; suites: string[] }> {
  const how = starttls ? ['--starttls-smtp'] : []
  const { stdout } = await run('sslscan', [...how, '--no-colour', '--xml=-', `127.0.0.1:${port}`], {
    timeoutMs: 120_000,
  })
  const versions = [...stdout.matchAll(/<protocol type="(ssl|tls)" version="([\d.]+)" enabled="1"/g)]
  const suites = [...stdout.matchAll(/<cipher status="\w+" sslversion="[^"]+" bits="\d+" cipher="([^"]+)"/g)]
  return {
    versions: versions.map(([, type, version]) => (type === 'ssl' ? `SSL ${version}` : `${version}`)),
    suites: [...new Set(suites.map(([, suite]) => `${suite}`))],
  }
}

const isStrong = (suite: string): boolean => /^TLS_(AES|CHACHA20)|^ECDHE-.*(GCM|CHACHA20)/.test(suite)
