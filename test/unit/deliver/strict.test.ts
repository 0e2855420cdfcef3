import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import type { RouteTls } from '../../../src/deliver/route.ts'
import { makeCertificate } from '../../support/certs.ts'
import { temporaryFolder } from '../../support/folder.ts'
import { parseReport } from '../../support/report.ts'
import { startSink } from '../../support/sink.ts'
import { hosts, routes, startRelay } from './relay.ts'

const DAY = 86_400_000

async function setUp(t: TestContext, offers: { tls: boolean; requireTls: boolean; trusted: boolean }) {
  const certificate = makeCertificate(temporaryFolder(t), 'hop', ['127.0.0.1'])
  const hop = await startSink(t, {
    tls: offers.tls ? certificate : null,
    extensions: ['PIPELINING', '8BITMIME', ...(offers.requireTls ? ['REQUIRETLS'] : [])],
  })
  const home = await startSink(t)
  const options = offers.trusted ? { ca: certificate.cert } : {}
  const route = { ...hosts(hop.port), tls: { mode: 'opportunistic', verify: false, options } as const }
  const relay = await startRelay(t, { options: { routes: routes({ 'royal.example.test': hosts(home.port) }, route) } })
  return { hop, home, relay }
}

const GOOD = { tls: true, requireTls: true, trusted: true }

describe('a message that requires TLS (RFC 8689)', () => {
  it('goes over TLS that is proven, and says so to the next hop', async (t) => {
    const { hop, relay } = await setUp(t, GOOD)
    await relay.submit({ to: 'a@example.org', envelope: { requireTls: true } })
    await relay.quiet()
    assert.equal(hop.messages[0]?.tls, true)
    assert.match(hop.messages[0]?.mailParameters ?? '', /REQUIRETLS/)
  })

  for (const [title, offers] of [
    ['no TLS', { ...GOOD, tls: false }],
    ['TLS that is not proven', { ...GOOD, trusted: false }],
  ] as const) {
    it(`waits where the next hop offers ${title}, and holds up nobody else`, async (t) => {
      const { hop, home, relay } = await setUp(t, offers)
      await relay.submit({ to: 'strict@example.org', envelope: { requireTls: true, ret: 'full' } })
      await relay.quiet()
      await relay.submit({ to: 'usual@example.org' })
      await relay.quiet()
      assert.deepEqual(
        hop.messages.map(({ rcptTo }) => rcptTo[0]?.address),
        ['usual@example.org'],
      )
      const { destinations } = await relay.spool.summary()
      assert.equal(
        destinations.find(({ blockedUntil }) => blockedUntil),
        undefined,
      )
      await relay.advance(5 * DAY + 300_000)
      const bounce = home.messages
        .map(({ content }) => parseReport(content))
        .find(({ perRecipient }) => perRecipient[0]?.get('action') === 'failed')
      assert.equal(bounce?.returned?.type, 'text/rfc822-headers', 'RET=FULL is disregarded')
    })
  }

  it('fails where the next hop does not know REQUIRETLS', async (t) => {
    const { hop, home, relay } = await setUp(t, { ...GOOD, requireTls: false })
    await relay.submit({ to: 'a@example.org', envelope: { requireTls: true } })
    await relay.quiet()
    assert.equal(hop.messages.length, 0)
    const [report] = home.messages.map(({ content }) => parseReport(content))
    assert.equal(report?.perRecipient[0]?.get('status'), '5.7.30')
    assert.equal(report?.perRecipient[0]?.get('remote-mta'), undefined, 'the words are our own')
  })

  it('passes over a host without it for one that has it', async (t) => {
    const certificate = makeCertificate(temporaryFolder(t), 'hop', ['127.0.0.1'])
    const without = await startSink(t, { tls: certificate, extensions: ['8BITMIME'] })
    const has = await startSink(t, { tls: certificate, extensions: ['REQUIRETLS'] })
    const route = {
      ...hosts(without.port, has.port),
      tls: { mode: 'opportunistic', verify: false, options: { ca: certificate.cert } } as const,
    }
    const relay = await startRelay(t, { options: { routes: routes({}, route) } })
    await relay.submit({ to: 'a@example.org', envelope: { requireTls: true } })
    await relay.quiet()
    assert.deepEqual([without.messages.length, has.messages.length], [0, 1])
  })

  it('that is a bounce goes on where REQUIRETLS is not offered', async (t) => {
    const { hop, relay } = await setUp(t, { ...GOOD, requireTls: false })
    await relay.submit({ from: null, to: 'a@example.org', envelope: { requireTls: true } })
    await relay.quiet()
    assert.equal(hop.messages.length, 1)
    assert.doesNotMatch(hop.messages[0]?.mailParameters ?? '', /REQUIRETLS/)
  })
})

describe('a route that requires TLS', () => {
  const route = (port: number, tls: RouteTls) => ({ ...hosts(port), tls })

  it('takes no message without it', async (t) => {
    const hop = await startSink(t)
    const relay = await startRelay(t, {
      options: { routes: routes({}, route(hop.port, { mode: 'required', verify: false, options: {} })) },
    })
    await relay.submit({ to: 'a@example.org' })
    await relay.quiet()
    assert.equal(hop.messages.length, 0)
    assert.match((await relay.spool.summary()).destinations[0]?.reason ?? '', /4\.7\.5 .*STARTTLS is not offered/)
  })

  it('that is verified takes only a certificate that holds', async (t) => {
    const certificate = makeCertificate(temporaryFolder(t), 'hop', ['127.0.0.1'])
    const hop = await startSink(t, { tls: certificate })
    const untrusted: RouteTls = { mode: 'required', verify: true, options: {} }
    const relay = await startRelay(t, { options: { routes: routes({}, route(hop.port, untrusted)) } })
    await relay.submit({ to: 'a@example.org' })
    await relay.quiet()
    assert.equal(hop.messages.length, 0)
    const trusted = routes({}, route(hop.port, { ...untrusted, options: { ca: certificate.cert } }))
    const again = await startRelay(t, { options: { routes: trusted } })
    await again.submit({ to: 'a@example.org' })
    await again.quiet()
    assert.equal(hop.messages.length, 1)
    const attempt = again.log.find(({ message }) => message === 'attempt')
    assert.deepEqual(attempt?.fields.security, { source: 'route', proves: 'pkix' })
    assert.equal((attempt?.fields.tls as { verified: boolean } | undefined)?.verified, true)
  })
})
