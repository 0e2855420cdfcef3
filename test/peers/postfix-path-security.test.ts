import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import type { ApiMessage } from '../../src/admin/api.ts'
import { type Authority, makeAuthority } from '../support/authority.ts'
import { makeCertificate } from '../support/certs.ts'
import { need, needRoot } from '../support/components.ts'
import { relayConfig } from '../support/config.ts'
import { type Daemon, startDaemon } from '../support/daemon.ts'
import { mail } from '../support/eml.ts'
import { temporaryFolder } from '../support/folder.ts'
import { freePort } from '../support/ports.ts'
import { maildirSettings, type Postfix, type PostfixSettings, startPostfix } from '../support/postfix.ts'
import { startStripper } from '../support/stripper.ts'
import { submit } from '../support/submit.ts'
import { waitFor } from '../support/wait.ts'
import { HEADER, line } from '../unit/config/secure-domains/support.ts'

// Debian's Postfix as the next hop of domains in the register, with every face that it may show.

const DAY_MS = 86_400_000
const NEXT_YEAR = `${new Date().getUTCFullYear() + 1}-12-01`

interface Face {
  readonly domain: string
  /** None: no STARTTLS. */
  readonly certificate: { readonly key: string; readonly cert: string } | null
  readonly settings?: PostfixSettings
  readonly entry?: Readonly<Record<string, string>>
  /** Why nothing leaves; null: it does. */
  readonly cause: RegExp | null
}

function faces(t: TestContext, authority: Authority): readonly Face[] {
  const good = authority.issue(['127.0.0.1'])
  const unsafe = {
    smtpd_tls_mandatory_protocols: '>=TLSv1, <=TLSv1.1',
    smtpd_tls_protocols: '>=TLSv1, <=TLSv1.1',
    tls_medium_cipherlist: 'ALL:@SECLEVEL=0',
  }
  return [
    { domain: 'good.test', certificate: good, cause: null },
    {
      domain: 'expired.test',
      certificate: authority.issue(['127.0.0.1'], { from: Date.now() - 9 * DAY_MS, until: Date.now() - DAY_MS }),
      cause: /the certificate does not hold: it, or one above it, has expired/,
    },
    {
      domain: 'wrong-name.test',
      certificate: authority.issue(['mx.other.test']),
      cause: /it is for DNS:mx\.other\.test, not for 127\.0\.0\.1/,
    },
    {
      domain: 'self-signed.test',
      certificate: makeCertificate(temporaryFolder(t), 'self', ['127.0.0.1']),
      cause: /the certificate does not hold: it vouches for itself/,
    },
    { domain: 'old.test', certificate: good, settings: unsafe, cause: /TLS handshake/ },
    {
      domain: 'not-new-enough.test',
      certificate: good,
      settings: { smtpd_tls_mandatory_protocols: '<=TLSv1.2', smtpd_tls_protocols: '<=TLSv1.2' },
      entry: { 'min-tls': 'TLSv1.3' },
      cause: /TLS handshake/,
    },
    { domain: 'clear.test', certificate: null, cause: /STARTTLS is not offered/ },
  ]
}

async function startFace(t: TestContext, { domain, certificate, settings = {} }: Face): Promise<Postfix> {
  const folder = temporaryFolder(t)
  if (certificate === null) return startPostfix(t, { ...maildirSettings(domain), ...settings })
  const [keyFile, certFile] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  writeFileSync(keyFile, certificate.key, { mode: 0o600 })
  writeFileSync(certFile, certificate.cert)
  const tls = { smtpd_tls_security_level: 'may', smtpd_tls_cert_file: certFile, smtpd_tls_key_file: keyFile }
  return startPostfix(t, { ...maildirSettings(domain), ...tls, smtpd_tls_received_header: 'yes', ...settings })
}

interface Hop {
  readonly domain: string
  readonly port: number
  readonly entry?: Readonly<Record<string, string>>
  readonly secure?: false
}

/** A daemon with a register and a route for each domain, all of which trust the test's authority. */
async function startSite(t: TestContext, authority: Authority, hops: readonly Hop[]) {
  const folder = temporaryFolder(t)
  const [file, authorities] = [join(folder, 'secure.csv'), join(folder, 'authorities.pem')]
  const lines = hops
    .filter(({ secure }) => secure !== false)
    .map(({ domain, entry }) => line({ domain, 'expires-on': NEXT_YEAR, ...entry }))
  writeFileSync(file, `${[HEADER, ...lines].join('\n')}\n`)
  writeFileSync(authorities, authority.cert)
  const domains = Object.fromEntries(
    hops.map(({ domain, port }) => [domain, { hosts: [`127.0.0.1:${port}`], authorities }]),
  )
  const port = await freePort()
  const more = { secureDomains: { file }, routes: { default: { hosts: ['127.0.0.1:9'] }, domains } }
  const daemon = await startDaemon(t, relayConfig({ port, nextHop: 9, more }))
  const send = (domain: string) => {
    const to = `practice@${domain}`
    const { bytes } = mail({ to, body: `For ${domain} only.\r\n` })
    return submit({ port, bytes, to })
  }
  return { daemon, send }
}

/** What waits for a domain, once it was tried. */
async function heldFor(daemon: Daemon, domain: string): Promise<ApiMessage['recipients'][number]> {
  const held = async () => {
    const recipients = (await daemon.queue()).flatMap((message) => message.recipients)
    return recipients.find((each) => each.address.endsWith(`@${domain}`) && each.lastReply !== null)
  }
  return waitFor(held, { what: `mail for ${domain} to wait`, detail: () => daemon.log.slice(-3000) })
}

test('A secure domain gets its mail over a path that is proven, and over no other.', async (t) => {
  if (!needRoot(t) || !need(t, 'postfix')) return
  const authority = makeAuthority('Test Authority')
  const all = faces(t, authority)
  const servers = await Promise.all(all.map((face) => startFace(t, face)))
  const hops = all.map(({ domain, entry }, i) => ({ domain, port: servers[i]?.port ?? 0, ...(entry && { entry }) }))
  const { daemon, send } = await startSite(t, authority, hops)
  await Promise.all(all.map(({ domain }) => send(domain)))
  for (const [i, { domain, cause }] of all.entries()) {
    const server = servers[i]
    assert.ok(server)
    if (cause === null) {
      const detail = () => daemon.log.slice(-3000) + server.log()
      const [text = ''] = await waitFor(() => server.delivered().length > 0 && server.delivered(), {
        what: domain,
        detail,
      })
      assert.match(text, /using TLSv1\.3 with cipher/)
      continue
    }
    const { lastReply } = await heldFor(daemon, domain)
    assert.match(lastReply ?? '', cause, domain)
    assert.match(lastReply ?? '', /^451 4\.7\.5 /, domain)
    assert.doesNotMatch(server.log(), /from=<|to=</, domain)
    assert.deepEqual(server.delivered(), [])
  }
})

test('Somebody strips STARTTLS in front of a good Postfix: one domain waits, the other behind it does not.', async (t) => {
  if (!needRoot(t) || !need(t, 'postfix')) return
  const authority = makeAuthority('Test Authority')
  const face: Face = { domain: 'secure.test, ordinary.test', certificate: authority.issue(['127.0.0.1']), cause: null }
  const postfix = await startFace(t, face)
  const { port, seen } = await startStripper(t, postfix.port)
  const hops: Hop[] = [
    { domain: 'secure.test', port },
    { domain: 'ordinary.test', port, secure: false },
  ]
  const { daemon, send } = await startSite(t, authority, hops)
  await Promise.all([send('secure.test'), send('ordinary.test')])
  const detail = () => daemon.log.slice(-3000) + postfix.log()
  const [text = ''] = await waitFor(() => postfix.delivered().length > 0 && postfix.delivered(), {
    what: 'mail',
    detail,
  })
  assert.match(text, /For ordinary\.test only\./)
  assert.match((await heldFor(daemon, 'secure.test')).lastReply ?? '', /STARTTLS is not offered/)
  assert.doesNotMatch(seen(), /secure\.test/)
  assert.equal(postfix.delivered().length, 1)
})
