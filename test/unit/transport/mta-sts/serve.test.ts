import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect as connectPlain } from 'node:net'
import { describe, it, type TestContext } from 'node:test'
import { connect, createSecureContext, type TLSSocket } from 'node:tls'
import { systemClock } from '../../../../src/clock.ts'
import { silentLog } from '../../../../src/log.ts'
import { createMetrics } from '../../../../src/observe/registry.ts'
import { fetchPolicy } from '../../../../src/transport/mta-sts/fetch.ts'
import { ownPolicy } from '../../../../src/transport/mta-sts/own.ts'
import { STS_DEFAULTS } from '../../../../src/transport/mta-sts/policies.ts'
import { parsePolicy } from '../../../../src/transport/mta-sts/policy.ts'
import {
  POLICY_SERVER_LIMITS,
  type PolicyServerLimits,
  type PolicyServerOptions,
  servePolicies,
} from '../../../../src/transport/mta-sts/serve.ts'
import { makeAuthority } from '../../../support/authority.ts'
import { defer } from '../../../support/scope.ts'
import { zoneResolver } from '../../../support/zone.ts'

const authority = makeAuthority('Test Authority')
const own = ownPolicy({ mode: 'enforce', mx: ['mx.a.test', '*.b.test'], maxAge: 604_800 })
const leaf = authority.issue(['mta-sts.a.test', 'mta-sts.b.test'])

const optionsOf = (text: string, { cert, key } = leaf): PolicyServerOptions => ({
  policies: new Map(['a.test', 'b.test'].map((domain) => [domain, text])),
  tls: { current: () => createSecureContext({ cert, key }) },
  minVersion: 'TLSv1.2',
  ciphers: null,
})

async function serve(t: TestContext, limits: Partial<PolicyServerLimits> = {}) {
  const metrics = createMetrics({ strict: true })
  const place = { host: '127.0.0.1', port: 0 }
  const seams = { log: silentLog, metrics }
  const server = await servePolicies(place, optionsOf(own.text), seams, { ...POLICY_SERVER_LIMITS, ...limits })
  defer(t, () => server.close())
  return { server, metrics }
}

const fetchOf = (domain: string, port: number) =>
  fetchPolicy(
    domain,
    { ...STS_DEFAULTS, port, authorities: [authority.alone], allowLoopback: true, timeoutMs: 10_000 },
    { resolver: zoneResolver({ [`mta-sts.${domain}`]: { a: ['127.0.0.1'] } }), clock: systemClock },
  )

interface Connect {
  readonly servername?: string
  readonly maxVersion?: 'TLSv1.1' | 'TLSv1.2'
}

async function open(t: TestContext, port: number, { servername = 'mta-sts.a.test', ...more }: Connect = {}) {
  const socket = connect({ host: '127.0.0.1', port, servername, ca: authority.alone, ...more })
  defer(t, () => socket.destroy())
  await once(socket, 'secureConnect')
  return socket
}

/** Everything that comes until the server hangs up. */
async function rest(socket: TLSSocket): Promise<string> {
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  socket.on('error', () => {})
  await new Promise((resolve) => socket.once('close', resolve))
  return Buffer.concat(chunks).toString('latin1')
}

async function ask(t: TestContext, port: number, text: string, how: Connect = {}): Promise<string> {
  const socket = await open(t, port, how)
  socket.write(text)
  return rest(socket)
}

const request = (line: string, host = 'mta-sts.a.test') => `${line} HTTP/1.1\r\nHost: ${host}\r\n\r\n`
const GET = 'GET /.well-known/mta-sts.txt'
const status = (answer: string): number => Number(answer.slice(9, 12))

describe('a policy of ours', () => {
  it('has lines that end with CRLF and read back as the same policy', () => {
    const lines = ['version: STSv1', 'mode: enforce', 'mx: mx.a.test', 'mx: *.b.test', 'max_age: 604800', '']
    assert.equal(own.text, lines.join('\r\n'))
    assert.deepEqual(parsePolicy(own.text), { ok: true, policy: own.policy })
  })

  it('has an id of letters and digits, which changes exactly when the policy does', () => {
    assert.match(own.id, /^[0-9a-z]{1,32}$/)
    assert.equal(ownPolicy({ ...own.policy, mx: [...own.policy.mx] }).id, own.id)
    const others = [
      ownPolicy({ ...own.policy, mode: 'testing' }),
      ownPolicy({ ...own.policy, maxAge: 604_801 }),
      ownPolicy({ ...own.policy, mx: ['mx.a.test'] }),
    ]
    assert.equal(new Set([own.id, ...others.map(({ id }) => id)]).size, 4)
  })
})

describe('serving policies', () => {
  it('gives our own client the policy of each of our domains', async (t) => {
    const { server } = await serve(t)
    for (const domain of ['a.test', 'b.test'])
      assert.deepEqual(await fetchOf(domain, server.port), { ok: true, policy: own.policy })
  })

  it('answers GET with the text and HEAD without it, and hangs up', async (t) => {
    const { server, metrics } = await serve(t)
    const got = await ask(t, server.port, request(GET))
    assert.match(got, /^HTTP\/1\.1 200 OK\r\n(?:.*\r\n)*content-type: text\/plain; charset=utf-8\r\n/i)
    assert.match(got, /\r\nconnection: close\r\n/i)
    assert.ok(got.endsWith(`\r\n\r\n${own.text}`))
    const head = await ask(t, server.port, request('HEAD /.well-known/mta-sts.txt'))
    assert.match(head, new RegExp(`content-length: ${own.text.length}\r\n`, 'i'))
    assert.ok(head.endsWith('\r\n\r\n'))
    assert.match(await metrics.text(), /^postern_mta_sts_requests_total\{status="200"\} 2$/m)
  })

  it('answers once on a connection, whatever follows', async (t) => {
    const { server } = await serve(t)
    const answers = await ask(t, server.port, request(GET) + request(GET) + request(GET))
    assert.equal(answers.match(/HTTP\/1\.1/g)?.length, 1)
  })

  it('knows only our policy hosts, by the name of the handshake and of the request together', async (t) => {
    const { server } = await serve(t)
    const wrong = ['mta-sts.c.test', 'a.test', 'mta-sts.b.test', 'mta-sts.', '127.0.0.1', 'mta-sts.constructor', '']
    for (const host of wrong) assert.equal(status(await ask(t, server.port, request(GET, host))), 404, host)
    for (const host of ['MTA-STS.a.test', 'mta-sts.a.test:443', 'mta-sts.a.test.'])
      assert.equal(status(await ask(t, server.port, request(GET, host))), 200, host)
    const other = await ask(t, server.port, request(GET), { servername: 'mta-sts.b.test' })
    assert.equal(status(other), 404)
  })

  it('shows no certificate to who names no host', async (t) => {
    const { server } = await serve(t)
    await assert.rejects(open(t, server.port, { servername: '' }))
  })

  it('knows one path, and no way around it', async (t) => {
    const { server } = await serve(t)
    const paths = [
      '/',
      '/.well-known/mta-sts.txt/',
      '/.well-known/mta-sts.txt?x',
      '/.well-known/../.well-known/mta-sts.txt',
      '/.well-known/mta-sts.txt/../../etc/passwd',
      '/.well-known/%2e%2e/%2e%2e/etc/passwd',
      '//.well-known/mta-sts.txt',
      '/.WELL-KNOWN/mta-sts.txt',
      '/.well-known/mta-sts.txt%00',
      'https://mta-sts.a.test/.well-known/mta-sts.txt',
    ]
    for (const path of paths) assert.equal(status(await ask(t, server.port, request(`GET ${path}`))), 404, path)
  })

  it('refuses other methods, and does not wait for their bodies', async (t) => {
    const { server } = await serve(t)
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND']) {
      const answer = await ask(t, server.port, request(`${method} /.well-known/mta-sts.txt`))
      assert.equal(status(answer), 405, method)
      assert.match(answer, /\r\nallow: GET, HEAD\r\n/i)
    }
    const body = `POST /.well-known/mta-sts.txt HTTP/1.1\r\nHost: mta-sts.a.test\r\nContent-Length: 1000000000\r\n\r\nx`
    assert.equal(status(await ask(t, server.port, body)), 405)
  })

  it('refuses a header of more than 8 KiB, and noise', async (t) => {
    const { server } = await serve(t)
    const padded = (bytes: number) => request(GET).replace('\r\n\r\n', `\r\nX: ${'x'.repeat(bytes)}\r\n\r\n`)
    assert.equal(status(await ask(t, server.port, padded(7_000))), 200)
    assert.equal(status(await ask(t, server.port, padded(9_000))), 431)
    assert.equal(status(await ask(t, server.port, '\x16\x03\x01 hello\r\n\r\n')), 400)
    assert.equal(status(await ask(t, server.port, `${GET} HTTP/1.1\r\n\r\n`)), 400)
    assert.deepEqual(await fetchOf('a.test', server.port), { ok: true, policy: own.policy })
  })

  it('hangs up on who sends a header byte by byte, or nothing', async (t) => {
    const { server } = await serve(t, { requestMs: 300, handshakeMs: 300, idleMs: 5_000 })
    const slow = await open(t, server.port)
    const drip = setInterval(() => slow.write('x'), 50)
    defer(t, () => clearInterval(drip))
    slow.write(`${GET} HTTP/1.1\r\nX: `)
    assert.equal(status(await rest(slow)), 408)
    await rest(await open(t, server.port))
    const silent = connectPlain({ host: '127.0.0.1', port: server.port })
    silent.on('error', () => {})
    await once(silent, 'close')
  })

  it('takes so many connections from one client and no more, and is there again when they end', async (t) => {
    const { server } = await serve(t, { connectionsPerClient: 3 })
    const held = await Promise.all([open(t, server.port), open(t, server.port), open(t, server.port)])
    await assert.rejects(open(t, server.port))
    for (const socket of held) socket.destroy()
    await Promise.all(held.map((socket) => socket.closed || once(socket, 'close')))
    for (let tries = 0; ; tries++) {
      const fetched = await fetchOf('a.test', server.port)
      if (fetched.ok) break
      assert.ok(tries < 50, 'it never takes connections again')
    }
  })

  it('speaks no TLS below 1.2', async (t) => {
    const { server } = await serve(t)
    await assert.rejects(open(t, server.port, { maxVersion: 'TLSv1.1', ...({ minVersion: 'TLSv1' } as object) }))
    assert.equal((await open(t, server.port, { maxVersion: 'TLSv1.2' })).getProtocol(), 'TLSv1.2')
  })

  it('serves another policy with another certificate from an update on', async (t) => {
    const { server } = await serve(t)
    const next = ownPolicy({ ...own.policy, mode: 'testing' })
    const renewed = authority.issue(['mta-sts.a.test'])
    server.update({
      ...optionsOf(next.text, renewed),
      policies: new Map([['a.test', next.text]]),
      minVersion: 'TLSv1.3',
    })
    assert.deepEqual(await fetchOf('a.test', server.port), { ok: true, policy: next.policy })
    const shown = (await open(t, server.port)).getPeerX509Certificate()?.fingerprint256
    assert.equal(shown?.replaceAll(':', '').toLowerCase(), renewed.fingerprint)
    assert.equal((await fetchOf('b.test', server.port)).ok, false)
    await assert.rejects(open(t, server.port, { maxVersion: 'TLSv1.2' }))
  })

  it('closes at once, with handshakes and requests under way', async (t) => {
    const { server } = await serve(t)
    const handshake = connectPlain({ host: '127.0.0.1', port: server.port })
    handshake.on('error', () => {})
    await once(handshake, 'connect')
    const half = await open(t, server.port)
    half.write('GET /')
    const ended = [once(handshake, 'close'), rest(half)]
    await server.close()
    await Promise.all(ended)
  })
})
