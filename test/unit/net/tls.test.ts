import assert from 'node:assert/strict'
import { once } from 'node:events'
import { renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { before, type TestContext, test } from 'node:test'
import { type ConnectionOptions, connect, type SecureContext, TLSSocket } from 'node:tls'
import { systemClock } from '../../../src/clock.ts'
import { silentLog } from '../../../src/log.ts'
import { makeSelfSigned, type SelfSigned } from '../../../src/net/certificate.ts'
import { createTlsContexts, type TlsOptions } from '../../../src/net/tls.ts'
import { manualClock } from '../../support/clock.ts'
import { temporaryFolder } from '../../support/folder.ts'
import { waitFor } from '../../support/wait.ts'

const DAY = 86_400_000
const START = Date.UTC(2026, 10, 2)
let first: SelfSigned
let second: SelfSigned

before(async () => {
  const now = Date.now()
  first = await makeSelfSigned({ names: ['first.test'], now })
  second = await makeSelfSigned({ names: ['second.test'], now })
})

interface Files {
  readonly folder: string
  readonly options: TlsOptions
  write(made: { certificate?: string; key?: string }): void
}

function files(t: TestContext): Files {
  const folder = temporaryFolder(t)
  const options = {
    certificate: join(folder, 'certificate.pem'),
    key: join(folder, 'key.pem'),
    clientCa: null,
    minVersion: 'TLSv1.2',
    ciphers: null,
    settleMs: 20,
  } as const
  const put = (file: string, text: string) => {
    writeFileSync(`${file}.new`, text)
    renameSync(`${file}.new`, file)
  }
  const write: Files['write'] = ({ certificate, key }) => {
    if (key !== undefined) put(options.key, key)
    if (certificate !== undefined) put(options.certificate, certificate)
  }
  write(first)
  return { folder, options, write }
}

/** A log that keeps what was said. */
function listening() {
  const said: string[] = []
  const keep = (_: object, message: string) => void said.push(message)
  return { said, log: { debug: keep, info: keep, warn: keep, error: keep } }
}

async function open(t: TestContext, made: Files, extra: Partial<TlsOptions> = {}) {
  const { said, log } = listening()
  const contexts = await createTlsContexts({ ...made.options, ...extra }, { log, clock: systemClock })
  t.after(() => contexts.close())
  return { contexts, said }
}

// as the SMTP server does it: a context that only comes in through SNI would bring its certificate, not its rules
async function handshake(t: TestContext, context: SecureContext, options: ConnectionOptions): Promise<TLSSocket> {
  const server = createServer((raw) => {
    const secured = new TLSSocket(raw, { isServer: true, secureContext: context })
    secured.on('error', () => raw.destroy())
    t.after(() => raw.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const { port } = server.address() as AddressInfo
  const socket = connect({ port, host: '127.0.0.1', servername: 'any.test', rejectUnauthorized: false, ...options })
  t.after(() => socket.destroy())
  await once(socket, 'secureConnect')
  return socket
}

test('a certificate and its key serve TLS 1.3', async (t) => {
  const { contexts } = await open(t, files(t))
  const socket = await handshake(t, contexts.current(), {})
  assert.equal(socket.getProtocol(), 'TLSv1.3')
  assert.equal(socket.getPeerCertificate().subject.CN, 'first.test')
  assert.deepEqual(contexts.facts().names, ['first.test'])
})

test('TLS 1.2 is served with forward secrecy and authenticated encryption', async (t) => {
  const { contexts } = await open(t, files(t))
  const socket = await handshake(t, contexts.current(), { maxVersion: 'TLSv1.2' })
  assert.match(socket.getCipher().name, /^ECDHE-RSA-(AES(128|256)-GCM|CHACHA20)/)
})

const REFUSED: readonly [string, ConnectionOptions][] = [
  ['TLS 1.1', { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' }],
  ['a suite without forward secrecy', { maxVersion: 'TLSv1.2', ciphers: 'AES128-GCM-SHA256' }],
  ['a suite in CBC mode', { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-RSA-AES128-SHA256' }],
]

for (const [what, options] of REFUSED) {
  test(`${what} is refused`, async (t) => {
    const { contexts } = await open(t, files(t))
    await assert.rejects(handshake(t, contexts.current(), options))
  })
}

test('with TLSv1.3 as the least, TLS 1.2 is refused', async (t) => {
  const { contexts } = await open(t, files(t), { minVersion: 'TLSv1.3' })
  await assert.rejects(handshake(t, contexts.current(), { maxVersion: 'TLSv1.2' }))
})

test('a client cannot renegotiate', async (t) => {
  const { contexts } = await open(t, files(t))
  const socket = await handshake(t, contexts.current(), { maxVersion: 'TLSv1.2' })
  const outcome = await new Promise((resolve) => {
    socket.on('error', resolve)
    socket.renegotiate({}, (error) => resolve(error ?? 'renegotiated'))
  })
  assert.ok(outcome instanceof Error, String(outcome))
})

test('a certificate that is moved into place counts from the next handshake', async (t) => {
  const made = files(t)
  const { contexts, said } = await open(t, made)
  const changes: string[] = []
  contexts.onChange(({ names }) => void changes.push(...names))
  made.write(second)
  await waitFor(() => changes.length > 0, { what: 'the change to be seen' })
  const socket = await handshake(t, contexts.current(), {})
  assert.equal(socket.getPeerCertificate().subject.CN, 'second.test')
  assert.deepEqual(changes, ['second.test'])
  assert.deepEqual(said, ['certificate loaded', 'certificate changed'])
})

test('a change behind a symbolic link, where no folder tells of it, is found by polling', async (t) => {
  const made = files(t)
  const links = temporaryFolder(t)
  const options = { ...made.options, certificate: join(links, 'certificate.pem'), key: join(links, 'key.pem') }
  symlinkSync(made.options.certificate, options.certificate)
  symlinkSync(made.options.key, options.key)
  const clock = manualClock(START)
  const contexts = await createTlsContexts({ ...options, pollMs: 30_000 }, { log: silentLog, clock })
  t.after(() => contexts.close())
  made.write(second)
  const passed = () => {
    clock.advance(1000)
    return contexts.facts().names[0] === 'second.test'
  }
  await waitFor(passed, { what: 'the poll to see it' })
  assert.ok(clock.now() - START >= 30_000)
})

test('a wrong certificate is reported once and leaves the old one in use', async (t) => {
  const made = files(t)
  const { contexts, said } = await open(t, made, { pollMs: 30 })
  made.write({ certificate: 'no certificate' })
  const wrong = 'new certificate is wrong: the old one stays in use'
  await waitFor(() => said.includes(wrong), { what: 'the report' })
  made.write({ certificate: first.certificate, key: second.key })
  await waitFor(() => said.filter((message) => message === wrong).length === 2, { what: 'the second report' })
  assert.equal(contexts.facts().names[0], 'first.test')
  made.write(second)
  await waitFor(() => contexts.facts().names[0] === 'second.test', { what: 'the right certificate' })
  assert.equal(said.filter((message) => message === wrong).length, 2)
})

test('reload says whether anything changed, and rejects for what is wrong', async (t) => {
  const made = files(t)
  const { contexts } = await open(t, made, { settleMs: 60_000 })
  assert.equal(await contexts.reload(), false)
  made.write(second)
  assert.equal(await contexts.reload(), true)
  rmSync(made.options.key)
  await assert.rejects(contexts.reload(), /key\.pem cannot be read/)
  assert.equal(contexts.facts().names[0], 'second.test')
})

test('a listener that was taken away hears nothing', async (t) => {
  const made = files(t)
  const { contexts } = await open(t, made, { settleMs: 60_000 })
  let heard = 0
  contexts.onChange(() => void heard++)()
  made.write(second)
  assert.equal(await contexts.reload(), true)
  assert.equal(heard, 0)
})

test('without a right certificate to start with, the reason names the file', async (t) => {
  const made = files(t)
  const start = () => createTlsContexts(made.options, { log: silentLog, clock: systemClock })
  made.write({ key: second.key })
  await assert.rejects(start(), /key\.pem is not the key of the certificate in .*certificate\.pem/)
  made.write({ certificate: 'nothing' })
  await assert.rejects(start(), /certificate\.pem: holds no certificate in PEM/)
  rmSync(made.options.certificate)
  await assert.rejects(start(), /certificate\.pem cannot be read/)
})

test('a certificate that expires within thirty days is warned of', async (t) => {
  const made = files(t)
  made.write(await makeSelfSigned({ names: ['short.test'], days: 29, now: Date.now() }))
  const { said } = await open(t, made)
  assert.ok(said.includes('certificate expires soon, or has expired'))
})

test('after a day the context is made anew, so that no ticket key lives longer', async (t) => {
  const made = files(t)
  const clock = manualClock(START)
  const contexts = await createTlsContexts(made.options, { log: silentLog, clock })
  t.after(() => contexts.close())
  const old = contexts.current()
  clock.advance(DAY + 31_000)
  await waitFor(() => contexts.current() !== old, { what: 'another context' })
})

test('after close no timer is left', async (t) => {
  const made = files(t)
  const clock = manualClock(START)
  const contexts = await createTlsContexts(made.options, { log: silentLog, clock })
  contexts.close()
  assert.equal(clock.waiting, 0)
  assert.ok(contexts.current())
})
