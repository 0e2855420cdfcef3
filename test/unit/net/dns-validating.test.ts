import assert from 'node:assert/strict'
import { createSocket, type RemoteInfo } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { after, before, describe, it, type TestContext } from 'node:test'
import { decode, encode } from 'dns-packet'
import type { Resolver } from '../../../src/net/dns.ts'
import { createResolver, type DnsOptions } from '../../../src/net/dns-resolver.ts'
import { manualClock } from '../../support/clock.ts'
import { needDnssec, startSignedZone, type ValidatingServer } from '../../support/dnssec.ts'
import { startNameServer } from '../../support/name-server.ts'
import type { Scope } from '../../support/scope.ts'

const DIGEST = 'ab'.repeat(32)
const SIGNED = {
  'signed.test': [
    '@ MX 20 mx2',
    '@ MX 10 mx',
    'mx A 127.0.0.1',
    'mx AAAA ::1',
    'mx2 A 127.0.0.2',
    `_25._tcp.mx TLSA 3 1 1 ${DIGEST}`,
    '@ TXT "v=spf1" " -all"',
    'null MX 0 .',
    'alias CNAME mx',
    'leaves CNAME host.unsigned.test.',
    'broken A 127.0.0.1',
    'half A 127.0.0.1',
    'half AAAA ::1',
    `_25._tcp.broken TLSA 3 1 1 ${DIGEST}`,
    ...Array.from({ length: 90 }, (_, i) => `long TXT "${i} ${'x'.repeat(200)}"`),
  ],
}
const UNSIGNED = { 'unsigned.test': ['@ MX 10 host', 'host A 127.0.0.1', `_25._tcp.host TLSA 3 1 1 ${DIGEST}`] }
const BOGUS = ['broken.signed.test A', '_25._tcp.broken.signed.test TLSA', 'half.signed.test AAAA']

const ask = (server: string, options: DnsOptions = {}) =>
  createResolver({ servers: [server], validating: true, timeoutMs: 2000, ...options }, manualClock())

const tlsa = (resolver: Resolver, name: string) => {
  assert.ok(resolver.resolveTlsa)
  return resolver.resolveTlsa(name)
}

describe('a validating resolver, with nsd and unbound', () => {
  const undo: (() => unknown)[] = []
  const scope = { after: (fn: () => unknown) => void undo.push(fn) } as unknown as Scope
  let zones: ValidatingServer | null = null

  before(async () => {
    const here = needDnssec({ skip() {} } as unknown as TestContext)
    if (here) zones = await startSignedZone(scope, { signed: SIGNED, unsigned: UNSIGNED, bogus: BOGUS })
  })
  after(async () => {
    for (const fn of undo.reverse()) await fn()
  })

  const test = (title: string, body: (resolver: Resolver) => Promise<void>) =>
    it(title, async (t) => {
      if (!needDnssec(t) || zones === null) return
      await body(ask(zones.server))
    })

  test('says that DNSSEC vouches for records of a signed zone', async (resolver) => {
    const mx = await resolver.resolveMx('Signed.test.')
    assert.ok(mx.is === 'found' && mx.authentic)
    assert.deepEqual(
      new Set(mx.records.map(({ preference, exchange }) => `${preference} ${exchange}`)),
      new Set(['10 mx.signed.test', '20 mx2.signed.test']),
    )
    assert.deepEqual(await resolver.resolveAddresses('mx.signed.test'), {
      is: 'found',
      records: [
        { address: '127.0.0.1', family: 4 },
        { address: '::1', family: 6 },
      ],
      authentic: true,
    })
    assert.deepEqual(await resolver.resolveTxt('signed.test'), {
      is: 'found',
      records: ['v=spf1 -all'],
      authentic: true,
    })
    assert.deepEqual(await resolver.resolveMx('null.signed.test'), {
      is: 'found',
      records: [{ preference: 0, exchange: '' }],
      authentic: true,
    })
  })

  test('reads TLSA records', async (resolver) => {
    assert.deepEqual(await tlsa(resolver, '_25._tcp.mx.signed.test'), {
      is: 'found',
      records: [{ usage: 3, selector: 1, matching: 1, data: Buffer.from(DIGEST, 'hex') }],
      authentic: true,
    })
  })

  test('says that DNSSEC vouches for absence, too', async (resolver) => {
    assert.deepEqual(await resolver.resolveMx('nowhere.signed.test'), { is: 'none', why: 'nxdomain', authentic: true })
    assert.deepEqual(await resolver.resolveMx('mx.signed.test'), { is: 'none', why: 'nodata', authentic: true })
    assert.deepEqual(await tlsa(resolver, '_25._tcp.mx2.signed.test'), { is: 'none', why: 'nxdomain', authentic: true })
    assert.deepEqual(await resolver.resolveAddresses('nowhere.signed.test'), {
      is: 'none',
      why: 'nxdomain',
      authentic: true,
    })
  })

  test('does not say so of a zone that is not signed', async (resolver) => {
    assert.deepEqual(await resolver.resolveMx('unsigned.test'), {
      is: 'found',
      records: [{ preference: 10, exchange: 'host.unsigned.test' }],
    })
    const found = await tlsa(resolver, '_25._tcp.host.unsigned.test')
    assert.ok(found.is === 'found' && found.authentic === undefined)
  })

  test('gives no answer where a signature does not hold', async (resolver) => {
    assert.equal((await resolver.resolveAddresses('broken.signed.test')).is, 'failed')
    assert.equal((await tlsa(resolver, '_25._tcp.broken.signed.test')).is, 'failed')
  })

  test('goes on calling a name signed where the question for one family is made to fail', async (resolver) => {
    assert.deepEqual(await resolver.resolveAddresses('half.signed.test'), {
      is: 'found',
      records: [{ address: '127.0.0.1', family: 4 }],
      authentic: true,
    })
  })

  test('follows aliases and tells where they lead', async (resolver) => {
    const alias = await resolver.resolveAddresses('alias.signed.test')
    assert.ok(alias.is === 'found' && alias.records.length === 2)
    assert.equal(alias.canonical, 'mx.signed.test')
    assert.equal(alias.authentic, true)
  })

  test('tells an alias that is signed from its unsigned end', async (resolver) => {
    assert.deepEqual(await resolver.resolveAddresses('leaves.signed.test'), {
      is: 'found',
      records: [{ address: '127.0.0.1', family: 4 }],
      canonical: 'host.unsigned.test',
      aliasAuthentic: true,
    })
  })

  test('asks over TCP for what is too long for a datagram', async (resolver) => {
    const found = await resolver.resolveTxt('long.signed.test')
    assert.ok(found.is === 'found' && found.records.length === 90)
  })
})

/** A name server whose every reply a test writes by hand. */
async function handWritten(
  t: TestContext,
  reply: (packet: Buffer, peer: RemoteInfo, send: (data: Buffer) => void) => void,
) {
  const socket = createSocket('udp4')
  socket.on('message', (packet, peer) => reply(packet, peer, (data) => socket.send(data, peer.port, peer.address)))
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  t.after(() => socket.close())
  return `127.0.0.1:${socket.address().port}`
}

const FLAGS = 0x81a0 & 0x7fff

function replyTo(packet: Buffer, change: { id?: number; name?: string; ttl?: number; flags?: number } = {}): Buffer {
  const query = decode(packet)
  const name = change.name ?? query.questions?.[0]?.name ?? ''
  return encode({
    type: 'response',
    id: change.id ?? query.id ?? 0,
    flags: change.flags ?? FLAGS,
    questions: [{ type: 'TXT', name }],
    answers: [{ type: 'TXT', name, ttl: change.ttl ?? 60, data: 'hello' }],
  })
}

describe('a validating resolver', () => {
  it('is only believed at a loopback address', () => {
    for (const server of ['192.0.2.1', '192.0.2.1:53', '[2001:db8::1]:53', 'resolver.example.test', 'nonsense['])
      assert.throws(() => ask(server), /loopback/)
    assert.throws(() => createResolver({ validating: true }, manualClock()), /must be named/)
    for (const server of ['127.0.0.53', '127.0.0.1:5353', '::1', '[::1]:53']) assert.ok(ask(server))
  })

  it('gives no TLSA records without validation', () => {
    assert.equal(createResolver({ servers: ['127.0.0.1'] }, manualClock()).resolveTlsa, undefined)
  })

  it('answers as the other one does where nothing is signed', async (t) => {
    const zone = { 'a.test': { mx: [[10, 'B.a.test']] as const, txt: ['x'.repeat(300)] }, '192.0.2.1': {} }
    const reverse = { '1.2.0.192.in-addr.arpa': { ptr: ['Host.Test'] } }
    const { server } = await startNameServer(t, { ...zone, ...reverse })
    const resolver = ask(server)
    assert.deepEqual(await resolver.resolveMx('a.test'), {
      is: 'found',
      records: [{ preference: 10, exchange: 'b.a.test' }],
    })
    assert.deepEqual(await resolver.resolveTxt('a.test'), { is: 'found', records: ['x'.repeat(300)] })
    assert.deepEqual(await resolver.reverse('192.0.2.1'), { is: 'found', records: ['host.test'] })
    assert.deepEqual(await resolver.reverse('no address'), { is: 'none', why: 'nxdomain' })
    assert.deepEqual(await resolver.resolveMx('nowhere.test'), { is: 'none', why: 'nxdomain' })
    assert.deepEqual(await resolver.resolveAddresses('a.test'), { is: 'none', why: 'nodata' })
    assert.deepEqual(await resolver.resolveMx(`${'x'.repeat(64)}.test`), { is: 'none', why: 'nxdomain' })
    assert.deepEqual(await resolver.resolveAddresses('localhost'), {
      is: 'found',
      records: [
        { address: '127.0.0.1', family: 4 },
        { address: '::1', family: 6 },
      ],
    })
  })

  it('calls silence, refusal and failure a failure, after the configured tries', async (t) => {
    for (const fault of ['silence', 'servfail', 'refused'] as const) {
      const { server, asked } = await startNameServer(t, {}, { fault: () => fault })
      const answer = await ask(server, { timeoutMs: 50, tries: 3 }).resolveTxt('a.test')
      assert.equal(answer.is, 'failed')
      assert.equal(asked.length, 3)
    }
  })

  it('asks the next server where one fails', async (t) => {
    const bad = await startNameServer(t, {}, { fault: () => 'servfail' })
    const good = await startNameServer(t, { 'a.test': { txt: ['hello'] } })
    const resolver = createResolver({ servers: [bad.server, good.server], validating: true }, manualClock())
    assert.deepEqual(await resolver.resolveTxt('a.test'), { is: 'found', records: ['hello'] })
  })

  it('gives up at the deadline however many tries are left', async (t) => {
    const { server } = await startNameServer(t, {}, { fault: () => 'silence' })
    const started = performance.now()
    const answer = await ask(server, { timeoutMs: 100, tries: 100, deadlineMs: 250 }).resolveTxt('a.test')
    assert.equal(answer.is, 'failed')
    assert.ok(performance.now() - started < 5000)
  })

  it('takes no answer with another id or to another question', async (t) => {
    const server = await handWritten(t, (packet, _, send) => {
      const { id = 0 } = decode(packet)
      send(replyTo(packet, { id: id ^ 1 }))
      send(replyTo(packet, { name: 'other.test' }))
      send(packet)
    })
    assert.equal((await ask(server, { timeoutMs: 100, tries: 1 }).resolveTxt('a.test')).is, 'failed')
  })

  it('takes the right answer that comes after wrong ones', async (t) => {
    const server = await handWritten(t, (packet, _, send) => {
      send(replyTo(packet, { id: ((decode(packet).id ?? 0) + 1) & 0xffff }))
      send(replyTo(packet))
    })
    assert.deepEqual(await ask(server).resolveTxt('a.test'), { is: 'found', records: ['hello'], authentic: true })
  })

  it('takes no answer from another address', async (t) => {
    const stranger = createSocket('udp4')
    t.after(() => stranger.close())
    const server = await handWritten(t, (packet, peer) => stranger.send(replyTo(packet), peer.port, peer.address))
    assert.equal((await ask(server, { timeoutMs: 100, tries: 1 }).resolveTxt('a.test')).is, 'failed')
  })

  it('calls junk a failure', async (t) => {
    for (const junk of [Buffer.alloc(0), Buffer.from('junk'), Buffer.alloc(4000, 0xc0), Buffer.alloc(60_000, 0xff)]) {
      const server = await handWritten(t, (_, __, send) => send(junk))
      assert.equal((await ask(server, { timeoutMs: 200, tries: 1 }).resolveTxt('a.test')).is, 'failed')
    }
  })

  it('keeps an answer with what vouches for it for its own time, and no longer', async (t) => {
    let asked = 0
    const server = await handWritten(t, (packet, _, send) => {
      asked++
      send(replyTo(packet, { ttl: 30 }))
    })
    const clock = manualClock()
    const resolver = createResolver({ servers: [server], validating: true }, clock)
    await resolver.resolveTxt('a.test')
    clock.advance(29_000)
    assert.deepEqual(await resolver.resolveTxt('a.test'), { is: 'found', records: ['hello'], authentic: true })
    assert.equal(asked, 1)
    clock.advance(2000)
    await resolver.resolveTxt('a.test')
    assert.equal(asked, 2)
  })

  it('hangs up on a TCP server that answers something else, or never ends', async (t) => {
    for (const flood of [Buffer.from([0, 4, 1, 2, 3, 4]), Buffer.from([0xff, 0xff, 0, 0])]) {
      const tcp = createServer((socket) => {
        socket.on('error', () => {})
        socket.write(flood)
      })
      tcp.listen(0, '127.0.0.1')
      await once(tcp, 'listening')
      t.after(() => tcp.close())
      const { port } = tcp.address() as { port: number }
      const udp = createSocket('udp4')
      udp.bind(port, '127.0.0.1')
      await once(udp, 'listening')
      t.after(() => udp.close())
      udp.on('message', (packet, peer) => udp.send(replyTo(packet, { flags: FLAGS | 0x0200 }), peer.port, peer.address))
      const answer = await ask(`127.0.0.1:${port}`, { timeoutMs: 200, tries: 1 }).resolveTxt('a.test')
      assert.equal(answer.is, 'failed')
    }
  })
})
