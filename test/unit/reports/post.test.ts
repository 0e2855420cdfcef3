import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import test from 'node:test'
import { isPublic } from '../../../src/net/public-address.ts'
import { postReport } from '../../../src/reports/outgoing/post.ts'
import { makeCertificate } from '../../support/certs.ts'
import { temporaryFolder } from '../../support/folder.ts'
import { defer, type Scope } from '../../support/scope.ts'
import { zoneResolver } from '../../support/zone.ts'

const resolver = zoneResolver({
  'reports.theirs.test': { a: ['127.0.0.1'] },
  'inside.test': { a: ['10.1.2.3'], aaaa: ['fd00::1'] },
})

async function collector(scope: Scope, answer: number | null) {
  const certificate = makeCertificate(temporaryFolder(scope), 'collector', ['reports.theirs.test'])
  const got: { type: string | undefined; body: string; url: string | undefined }[] = []
  const server: Server = createServer({ key: certificate.key, cert: certificate.cert }, async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    got.push({ type: request.headers['content-type'], body: Buffer.concat(chunks).toString(), url: request.url })
    if (answer === null) return
    response.writeHead(answer, { location: '/elsewhere' })
    response.end('x'.repeat(100))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  defer(scope, () => {
    server.closeAllConnections()
    server.close()
  })
  const url = new URL(`https://reports.theirs.test:${(server.address() as AddressInfo).port}/v1/tls?x=1`)
  const options = { resolver, timeoutMs: 10_000, privateAddresses: true, ca: certificate.cert }
  return { got, url, options }
}

test('a report is posted with its type, and taken with any 2xx', async (t) => {
  const { got, url, options } = await collector(t, 201)
  await postReport(url, Buffer.from('packed'), options)
  assert.deepEqual(got, [{ type: 'application/tlsrpt+gzip', body: 'packed', url: '/v1/tls?x=1' }])
})

test('no redirection is followed, and what is not 2xx is a failure', async (t) => {
  for (const status of [302, 404, 500]) {
    const { got, url, options } = await collector(t, status)
    await assert.rejects(postReport(url, Buffer.from('x'), options), new RegExp(`answered ${status}`))
    assert.equal(got.length, 1)
  }
})

test('a server that does not answer, or whose certificate is not valid, gets no patience', async (t) => {
  const { url, options } = await collector(t, null)
  await assert.rejects(postReport(url, Buffer.from('x'), { ...options, timeoutMs: 200 }))
  const { ca: _, ...withoutAuthority } = options
  await assert.rejects(postReport(url, Buffer.from('x'), withoutAuthority), /certificate/)
})

test('a record leads to no private address, by name or by number', async (t) => {
  const { got, url, options } = await collector(t, 200)
  const guarded = { ...options, privateAddresses: false }
  await assert.rejects(postReport(url, Buffer.from('x'), guarded), /private addresses only/)
  await assert.rejects(postReport(new URL('https://inside.test/'), Buffer.from('x'), guarded), /private addresses only/)
  for (const host of ['127.0.0.1', '[::1]', '[::ffff:127.0.0.1]', '0x7f.1', '169.254.169.254']) {
    const literal = new URL(`https://${host}:${url.port}/`)
    await assert.rejects(postReport(literal, Buffer.from('x'), guarded), /is a private address/)
  }
  await assert.rejects(postReport(new URL('https://missing.test/'), Buffer.from('x'), guarded), /no address/)
  assert.equal(got.length, 0)
})

test('addresses of the internet are public, others are not', () => {
  for (const address of ['8.8.8.8', '2a00:1450::1', '172.15.0.1', '172.32.0.1']) assert.ok(isPublic(address), address)
  for (const address of [
    '10.0.0.1',
    '172.31.0.1',
    '192.168.1.1',
    '100.64.0.1',
    '::',
    'fe80::1',
    'fdff::1',
    'ff02::1',
    '::ffff:10.0.0.1',
    '240.0.0.1',
    'x',
  ]) {
    assert.ok(!isPublic(address), address)
  }
})
