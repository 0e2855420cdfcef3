import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { silentLog } from '../../../src/log.ts'
import { registerOf } from '../../../src/mail/secure-domain.ts'
import type { PathQuestion } from '../../../src/transport/contract.ts'
import { openTransport } from '../../../src/transport/open.ts'
import { makeCertificate } from '../../support/certs.ts'
import { temporaryFolder } from '../../support/folder.ts'
import { decideByRoute, type Script, scriptedSecurity } from '../../support/security.ts'
import { type Sink, startSink } from '../../support/sink.ts'
import { type Zone, zoneResolver } from '../../support/zone.ts'
import { entry } from '../config/secure-domains/support.ts'
import { mxAt, type RelaySetting, startRelay, type TestRelay } from './relay.ts'

// Who can answer in the place of the DNS, or keep it from answering, gets no mail that is not for him.

const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE
const EVIL = 'mx.evil.test'

/** Both domains' exchangers are the attacker's host, who has a certificate for it that everybody trusts. */
const FORGED: Zone = {
  'secure.test': { mx: [[10, EVIL]] },
  'partner.test': { mx: [[10, EVIL]] },
  [EVIL]: { a: ['127.0.0.1'], authentic: true },
}

async function attacked(t: TestContext, setting: (options: PathQuestion['routeTls']['options']) => RelaySetting) {
  const certificate = makeCertificate(temporaryFolder(t), 'evil', [EVIL])
  const evil = await startSink(t, { tls: certificate })
  const made = setting({ ca: certificate.cert })
  const { routes, lookup } = mxAt(evil.port)
  const tls = { mode: 'opportunistic', verify: false, options: { ca: certificate.cert } } as const
  const table = { ...routes, default: { via: 'mx', port: evil.port, tls } } as const
  const relay = await startRelay(t, { zone: FORGED, ...made, options: { routes: table, lookup, ...made.options } })
  return { evil, relay }
}

async function lastReply(relay: TestRelay): Promise<string> {
  const { entries } = await relay.spool.list({}, { after: null, limit: 1 })
  return entries[0]?.recipients[0]?.lastReply ?? ''
}

async function sendBy(relay: TestRelay, to: string, destination: string): Promise<void> {
  const queueId = await relay.enqueue({ to })
  await relay.spool.act({ do: 'reroute', destination }, { queueIds: [queueId] }, 'operator')
  relay.deliver.poke()
  await relay.quiet()
}

describe('mail for a secure domain that an operator sends to another domain', () => {
  for (const requirement of ['verified', 'dane'] as const) {
    it(`does not reach the host that a forged MX names there (${requirement})`, async (t) => {
      const secure = entry({ domain: 'secure.test', requirement, 'expires-on': '2099-01-01' })
      const resolver = zoneResolver({
        ...FORGED,
        [`_25._tcp.${EVIL}`]: { tlsa: [`3 1 1 ${'ab'.repeat(32)}`], authentic: true },
      })
      const options = { register: registerOf([secure]), dane: true, mtaSts: false, exceptions: [], folder: null }
      const { clock } = await startRelay(t)
      const security = await openTransport(options, { resolver, clock, log: silentLog })
      t.after(() => security.close())
      const { evil, relay } = await attacked(t, () => ({ security }))
      await sendBy(relay, 'a@secure.test', 'partner.test')
      assert.deepEqual(evil.messages, [])
      assert.match(
        await lastReply(relay),
        requirement === 'dane' ? /DNSSEC does not vouch/ : /mx\.evil\.test, not for partner\.test/,
      )
    })
  }

  it('leaves no decision behind for mail that goes the usual way', async (t) => {
    // what the domain publishes binds its own exchangers only
    const script: Script = (question) =>
      question.from === 'mx'
        ? { source: 'mta-sts', key: 'sts', stopped: { text: 'not in the policy', status: '4.7.5' } }
        : undefined
    const { evil, relay } = await attacked(t, () => ({ security: scriptedSecurity(script) }))
    await sendBy(relay, 'a@secure.test', 'partner.test')
    await relay.submit({ to: 'b@secure.test' })
    await relay.quiet()
    assert.deepEqual(recipients(evil), ['a@secure.test'])
  })
})

const recipients = ({ messages }: Sink) => messages.flatMap(({ rcptTo }) => rcptTo.map(({ address }) => address))

describe('a domain that the DNS cannot be asked about any more', () => {
  it('is sent to by what was known, but not beyond the end of what allowed it', async (t) => {
    let ends = 0
    const security = scriptedSecurity((question) => {
      return {
        ...decideByRoute(question),
        source: 'exception',
        key: 'exception',
        until: Math.min(ends, ends - 3 * MINUTE),
        ends,
      }
    })
    const { evil, relay } = await attacked(t, () => ({ security }))
    ends = relay.clock.now() + 4 * MINUTE
    await relay.submit({ to: 'a@secure.test' })
    await relay.quiet()
    relay.resolver.failing.add('mx secure.test')
    relay.clock.advance(2 * MINUTE)
    await relay.submit({ to: 'b@secure.test' })
    await relay.quiet()
    assert.deepEqual(recipients(evil), ['a@secure.test', 'b@secure.test'])
    relay.clock.advance(3 * MINUTE)
    await relay.submit({ to: 'late@secure.test' })
    await relay.quiet()
    assert.deepEqual(recipients(evil), ['a@secure.test', 'b@secure.test'])
    assert.match(await lastReply(relay), /DNS cannot be asked/)
  })
})

describe('decisions on a clock that was set back', () => {
  it('are made anew, as nobody knows how old they are', async (t) => {
    const security = scriptedSecurity()
    const { evil, relay } = await attacked(t, () => ({ security }))
    security.script = () => ({ until: relay.clock.now() + MINUTE })
    await relay.submit({ to: 'a@secure.test' })
    await relay.quiet()
    security.script = () => ({ stopped: { text: 'a policy has come', status: '4.7.5' } })
    relay.clock.jump(-DAY)
    relay.deliver.retryNow()
    await relay.submit({ to: 'b@secure.test' })
    await relay.quiet()
    assert.deepEqual(recipients(evil), ['a@secure.test'])
  })
})

describe('a sensitive message', () => {
  it('does not leave on a certificate that only says who the host is that the DNS named', async (t) => {
    const security = scriptedSecurity((question) => ({
      ...decideByRoute({ ...question, need: 'none' }),
      stopped: null,
    }))
    const { evil, relay } = await attacked(t, () => ({ security }))
    await relay.submit({ to: 'a@secure.test', envelope: { sensitive: true } })
    await relay.quiet()
    assert.deepEqual(evil.messages, [])
    assert.match(await lastReply(relay), /4\.7\.5 .*not proven/)
  })
})
