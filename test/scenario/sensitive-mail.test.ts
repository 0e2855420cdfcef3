import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import { makeCertificate } from '../support/certs.ts'
import { relayConfig } from '../support/config.ts'
import { type Daemon, startDaemon } from '../support/daemon.ts'
import { temporaryFolder } from '../support/folder.ts'
import { issue, MAIL_USE, openssl } from '../support/openssl.ts'
import { freePort } from '../support/ports.ts'
import { type Sink, type SinkOptions, startSink } from '../support/sink.ts'
import { waitFor } from '../support/wait.ts'
import { Talk } from '../unit/accept/harness.ts'
import { HEADER, line } from '../unit/config/secure-domains/support.ts'

// Mail that a ward marks as sensitive, with the real daemon, a register and certificates as operators give them.

const SUBJECT = 'Subject: =?utf-8?Q?=5BSecure=5D_results_of_Jane_Doe?=\r\n'
const MESSAGE = `From: ward@ours.test\r\nTo: someone@else.test\r\n${SUBJECT}\r\nHaemoglobin is 9.1.\r\n`

interface Site {
  /** Writes the register anew. */
  register(changes: Readonly<Record<string, string>>): void

  readonly daemon: Daemon
  readonly port: number
  readonly folder: string
  /** Where everything goes. */
  readonly sink: Sink
}

/** `secure.test` is in the register, pinned to the certificate that its server shows in tests. */
async function site(t: TestContext, sinkOptions: SinkOptions = {}, inspect: object = {}): Promise<Site> {
  const folder = temporaryFolder(t)
  const shown = makeCertificate(folder, 'next-hop', ['mx.secure.test'])
  const sink = await startSink(t, { ...sinkOptions, ...(sinkOptions.tls === undefined && { tls: shown }) })
  const file = join(folder, 'secure-domains.csv')
  const entry = {
    domain: 'secure.test',
    requirement: 'pinned',
    fingerprints: shown.fingerprint,
    'expires-on': `${new Date().getUTCFullYear() + 1}-12-01`,
  }
  const register = (changes = {}) => writeFileSync(file, `${HEADER}\n${line({ ...entry, ...changes })}\n`)
  register()
  const port = await freePort()
  const more = { secureDomains: { file }, inspect: [{ sensitive: inspect }] }
  const daemon = await startDaemon(t, relayConfig({ port, nextHop: sink.port, more }))
  return { daemon, port, folder, sink, register }
}

async function send(t: TestContext, { port }: Site, to: readonly string[], code = 250): Promise<string> {
  return (await Talk.ready(t, port)).send('ward@ours.test', to, MESSAGE, code)
}

/** What an operator's command sends to the admin socket. */
function addCertificate({ daemon }: Site, pem: string): Promise<void> {
  const body = JSON.stringify({ certificates: [pem], by: 'tests' })
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
  const where = { socketPath: join(daemon.stateDir, 'admin.sock'), path: '/v1/certificates', method: 'POST', headers }
  return new Promise((resolve, reject) => {
    const call = request({ ...where, agent: false }, (response) => {
      response.resume()
      response.on('end', () => (response.statusCode === 200 ? resolve() : reject(new Error(`${response.statusCode}`))))
    })
    call.on('error', reject)
    call.end(body)
  })
}

const receivedFor = ({ sink }: Site, address: string) =>
  sink.messages.find(({ rcptTo }) => JSON.stringify(rcptTo).includes(address))

test('sensitive mail for a secure domain waits, marked, while its next hop speaks in clear', async (t) => {
  const all = await site(t, { tls: null })
  await send(t, all, ['doctor@secure.test'])
  const [entry] = await waitFor(
    async () => {
      const queue = await all.daemon.queue()
      return queue[0]?.recipients[0]?.cause != null && queue
    },
    { what: 'a cause why it waits' },
  )
  assert.ok(entry)
  assert.equal(entry.sensitive, true)
  assert.deepEqual(all.sink.messages, [])
  const shown = await all.daemon.cli('queue', 'show', entry.queueId)
  assert.match(shown.stdout, /^Sensitive {3}leaves over a proven path only$/m)
  assert.doesNotMatch(all.daemon.log, /Jane|results of/)
})

test('over a path that is proven it goes as it is', async (t) => {
  const all = await site(t)
  await send(t, all, ['doctor@secure.test'])
  const message = await waitFor(() => receivedFor(all, 'doctor@secure.test'), { what: 'the message' })
  assert.equal(message.tls, true)
  assert.ok(`${message.content}`.includes(SUBJECT))
  await waitFor(async () => (await all.daemon.queue()).length === 0, { what: 'an empty queue' })
})

test('what waits for a domain that is secure no longer stays here', async (t) => {
  const all = await site(t)
  all.sink.fault = ({ phase }) => (phase === 'rcpt' ? { reply: '451 4.2.1 later' } : null)
  await send(t, all, ['doctor@secure.test'])
  await waitFor(async () => (await all.daemon.queue())[0]?.recipients[0]?.lastReply, { what: 'a first attempt' })
  all.register({ status: 'retired' })
  const reloaded = await all.daemon.cli('reload')
  assert.equal(reloaded.code, 0, reloaded.stderr)
  all.sink.fault = () => null
  const queue = await waitFor(
    async () => {
      const found = await all.daemon.queue()
      return /sensitive/.test(found[0]?.recipients[0]?.cause ?? '') && found
    },
    { what: 'a cause why it waits' },
  )
  assert.equal(queue.length, 1)
  assert.deepEqual(all.sink.messages, [])
})

test('nobody can be served: the reply says so, and nothing is kept', async (t) => {
  const all = await site(t)
  const said = await send(t, all, ['someone@else.test'], 550)
  assert.match(said, /cannot be sent securely to someone@else\.test\r\n550 5\.7\.1 Ask the postmaster/)
  assert.deepEqual(await all.daemon.queue(), [])
})

test('of mixed recipients one gets it encrypted, and what is for the other leaves by no means', async (t) => {
  const all = await site(t)
  const ann = issue(all.folder, 'ann', { emails: ['ann@cert.test'], extensions: MAIL_USE })
  await addCertificate(all, ann.pem)
  await send(t, all, ['ann@cert.test', 'someone@else.test'])

  const encrypted = await waitFor(() => receivedFor(all, 'ann@cert.test'), { what: 'the encrypted message' })
  const file = join(all.folder, 'received.eml')
  writeFileSync(file, encrypted.content)
  assert.doesNotMatch(`${encrypted.content}`, /Jane|results|Haemoglobin/)
  const inner = `${openssl(['cms', '-decrypt', '-in', file, '-recip', ann.pemFile, '-inkey', ann.keyFile])}`
  assert.ok(inner.includes(SUBJECT))
  assert.ok(inner.endsWith('\r\n\r\nHaemoglobin is 9.1.\r\n'))

  const [refused] = await all.daemon.queue()
  assert.ok(refused)
  assert.deepEqual([refused.sensitive, refused.recipients[0]?.state], [true, 'held'])
  // a release by mistake sends nothing in clear
  await all.daemon.cli('queue', 'release', refused.queueId)
  const entry = await waitFor(
    async () => {
      const [found] = await all.daemon.queue()
      return found?.recipients[0]?.state === 'pending' && found.recipients[0].cause !== null && found
    },
    { what: 'a cause why it waits' },
  )
  assert.match(entry.recipients[0]?.cause ?? '', /sensitive/)
  assert.equal(receivedFor(all, 'someone@else.test'), undefined)
})
