import assert from 'node:assert/strict'
import { copyFileSync } from 'node:fs'
import { connect } from 'node:net'
import test from 'node:test'
import type { ApiStatus } from '../../src/admin/api.ts'
import { Arrivals, assertNothingLost } from '../support/account.ts'
import { fingerprintOf, makeCertificate } from '../support/certs.ts'
import { relayConfig } from '../support/config.ts'
import { type Daemon, type DaemonConfig, startDaemon } from '../support/daemon.ts'
import { mail } from '../support/eml.ts'
import { temporaryFolder } from '../support/folder.ts'
import { Dialogue, startLoad } from '../support/load.ts'
import { answers, freePort } from '../support/ports.ts'
import { defer } from '../support/scope.ts'
import { startSink } from '../support/sink.ts'
import { servedCertificate } from '../support/tls-client.ts'
import { waitFor } from '../support/wait.ts'

/** SIGHUP, then what the daemon says of it. */
async function reload(daemon: Daemon): Promise<NonNullable<ApiStatus['lastReload']>> {
  const { lastReload: before } = await daemon.status()
  daemon.signal('SIGHUP')
  return waitFor(
    async () => {
      const { lastReload: last } = await daemon.status()
      return last !== null && last.at !== before?.at && last
    },
    { what: 'the reload', detail: () => daemon.log.slice(-3000) },
  )
}

async function opened(port: number): Promise<Dialogue> {
  const line = new Dialogue(connect({ host: '127.0.0.1', port }))
  await line.expect('220')
  await line.say('EHLO client.test\r\n', '250')
  return line
}

/** The same relay, for senders of another domain only. */
const withSenders = (config: DaemonConfig, sender: string): DaemonConfig => ({
  ...config,
  clients: [{ name: 'tests', networks: ['127.0.0.0/8'], tls: 'optional', senders: [sender] }],
})

test('SIGHUP brings a new configuration into force and drops no connection', async (t) => {
  const sink = await startSink(t)
  const port = await freePort()
  const config = relayConfig({ port, nextHop: sink.port })
  const daemon = await startDaemon(t, config)
  const inData = await opened(port)
  defer(t, () => inData.close())
  await inData.say('MAIL FROM:<ward@client.test>\r\n', '250')
  await inData.say('RCPT TO:<practice@next.test>\r\n', '250')
  await inData.say('DATA\r\n', '354')
  const idle = await opened(port)
  defer(t, () => idle.close())

  daemon.write(withSenders(config, '@other.test'))
  assert.equal((await reload(daemon)).ok, true)

  await inData.say(`${mail().bytes}.\r\n`, '250')
  await idle.say('NOOP\r\n', '250')
  const fresh = await opened(port)
  defer(t, () => fresh.close())
  await fresh.say('MAIL FROM:<ward@client.test>\r\n', '5')
  await fresh.say('MAIL FROM:<ward@other.test>\r\n', '250')
})

test('reloads in the middle of a load lose nothing and break no session', async (t) => {
  const arrivals = new Arrivals()
  const sink = await startSink(t, { onMessage: arrivals.take })
  const port = await freePort()
  const daemon = await startDaemon(t, relayConfig({ port, nextHop: sink.port }))
  const load = startLoad({ port, sessions: 10 })
  await waitFor(() => load.acknowledged.size > 100, { what: 'the load to run' })
  for (let i = 0; i < 3; i++) assert.equal((await reload(daemon)).ok, true)
  await load.stop()
  assert.deepEqual([...load.troubles], [])
  await waitFor(() => arrivals.missing(load.acknowledged).length === 0, { what: 'all messages' })
  assertNothingLost(arrivals, load.acknowledged, 0)
})

test('a reload opens a new listener, and lets the transactions of one that is gone finish', async (t) => {
  const sink = await startSink(t)
  const [port, other] = [await freePort(), await freePort()]
  const config = relayConfig({ port, nextHop: sink.port })
  const daemon = await startDaemon(t, config)
  const line = await opened(port)
  defer(t, () => line.close())
  await line.say('MAIL FROM:<ward@client.test>\r\n', '250')
  daemon.write({ ...config, listeners: [{ address: '127.0.0.1', port: other, tls: 'none' }] })
  assert.equal((await reload(daemon)).ok, true)
  assert.equal(await answers(other), true)
  assert.equal(await answers(port), false)
  await line.say('RCPT TO:<practice@next.test>\r\n', '250')
  await line.say('DATA\r\n', '354')
  await line.say(`${mail().bytes}.\r\n`, '250')
})

test('a wrong configuration is refused with its reason, and the old one stays in force', async (t) => {
  const sink = await startSink(t)
  const port = await freePort()
  const config = relayConfig({ port, nextHop: sink.port })
  const daemon = await startDaemon(t, config)
  const wrong: readonly [string, RegExp][] = [
    ['hostname: [unclosed', /postern\.yaml/],
    ['hostname: a.test\nlistners: []\n', /listeners/],
    ['hostname: a.test\nlisteners:\n  - { port: 99999 }\n', /postern\.yaml:3.*65,535/s],
  ]
  for (const [text, expected] of wrong) {
    daemon.writeText(text)
    const { ok, problems } = await reload(daemon)
    assert.equal(ok, false)
    assert.match(problems.join('\n'), expected)
    const line = await opened(port)
    await line.say('MAIL FROM:<ward@client.test>\r\n', '250')
    line.close()
  }
  daemon.write(withSenders(config, '@other.test'))
  assert.equal((await reload(daemon)).ok, true)
})

test('a certificate whose files change is used for new sessions, without a reload, and old sessions live on', async (t) => {
  const folder = temporaryFolder(t)
  const certificate = makeCertificate(folder, 'current', ['postern.test'])
  const next = makeCertificate(folder, 'next', ['postern.test'])
  const sink = await startSink(t)
  const port = await freePort()
  const daemon = await startDaemon(t, relayConfig({ port, nextHop: sink.port, certificate }))
  const line = await opened(port)
  defer(t, () => line.close())
  assert.equal(fingerprintOf(await servedCertificate(port)), certificate.fingerprint)

  copyFileSync(next.keyFile, certificate.keyFile)
  copyFileSync(next.certFile, certificate.certFile)
  await waitFor(async () => fingerprintOf(await servedCertificate(port)) === next.fingerprint, {
    what: 'the new certificate',
    everyMs: 200,
    timeoutMs: 60_000,
    detail: () => daemon.log.slice(-3000),
  })
  await line.say('NOOP\r\n', '250')
})

test('a certificate that does not match its key leaves the old one in use', async (t) => {
  const folder = temporaryFolder(t)
  const certificate = makeCertificate(folder, 'current', ['postern.test'])
  const next = makeCertificate(folder, 'next', ['postern.test'])
  const port = await freePort()
  const daemon = await startDaemon(t, relayConfig({ port, nextHop: 9, certificate }))
  copyFileSync(next.certFile, certificate.certFile)
  assert.equal((await reload(daemon)).ok, false)
  assert.equal(fingerprintOf(await servedCertificate(port)), certificate.fingerprint)
})
