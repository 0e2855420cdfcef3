import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../../src/clock.ts'
import { silentLog } from '../../src/log.ts'
import { registerOf } from '../../src/mail/secure-domain.ts'
import { openTransport } from '../../src/transport/open.ts'
import { makeAuthority } from '../support/authority.ts'
import { MODERN, type Peer, startPeer } from '../support/peer.ts'
import type { Scope } from '../support/scope.ts'
import { startStripper } from '../support/stripper.ts'
import { type ZoneEntry, zoneResolver } from '../support/zone.ts'
import { entry } from '../unit/config/secure-domains/support.ts'
import { mxAt, startRelay } from '../unit/deliver/relay.ts'

// Somebody on the path, or with a hand on the DNS, between the relay and the server that takes mail for two
// domains. secure.test is in the register; ordinary.test is not, and takes whatever it can get.

const authority = makeAuthority('Test Authority')
// Nobody vouches for the MX: so the certificate must be the domain's own, whatever the exchanger is called
const GOOD = authority.issue(['mx.shared.test', 'secure.test'])
const WITH_TLS = [...MODERN, 'STARTTLS']

const server = (t: Scope, tls: { key: string; cert: string } | null): Promise<Peer> =>
  startPeer(t, tls ? { extensions: WITH_TLS, tls } : {})

/** A relay whose MX port is `port`, under the real rules of transport security. */
async function site(t: Scope, port: number) {
  const zone: Record<string, ZoneEntry> = {
    'secure.test': { mx: [[10, 'mx.shared.test']] },
    'ordinary.test': { mx: [[10, 'mx.shared.test']] },
    'mx.shared.test': { a: ['127.0.0.1'] },
    'mx.attacker.test': { a: ['127.0.0.1'] },
  }
  const register = registerOf([
    entry({ domain: 'secure.test', 'expires-on': '2099-01-01', 'reviewed-on': '2026-01-01' }),
  ])
  const security = await openTransport(
    { register, dane: true, mtaSts: false, exceptions: [], folder: null },
    { resolver: zoneResolver(zone), clock: systemClock, log: silentLog },
  )
  const { routes, lookup } = mxAt(port)
  const tls = { mode: 'opportunistic', verify: false, options: { ca: authority.cert } } as const
  const options = { routes: { ...routes, default: { via: 'mx', port, tls } as const }, lookup, register }
  const relay = await startRelay(t, { zone, security, realTime: true, options })
  t.after(() => security.close())
  const mailBoth = async () => {
    await relay.submit({ to: 'patient@secure.test', content: SECRET })
    await relay.submit({ to: 'anybody@ordinary.test' })
    await relay.quiet()
  }
  return { relay, zone, mailBoth, options }
}

const SECRET = 'From: a@royal.example.test\r\nSubject: the secret result\r\n\r\nPOSITIVE\r\n'

type Site = Awaited<ReturnType<typeof site>>

/** What waits, and why. */
async function waiting({ relay }: Site): Promise<readonly (readonly [string, string | null])[]> {
  const { entries } = await relay.spool.list({}, { after: null, limit: 10 })
  return entries.flatMap(({ recipients }) => recipients.map((each) => [each.address, each.lastReply] as const))
}

/** The secure domain's mail waits with its cause, which operators hear of at once; the other's has gone on. */
async function assertHeld(all: Site, cause: RegExp): Promise<void> {
  const held = await waiting(all)
  assert.deepEqual(
    held.map(([address]) => address),
    ['patient@secure.test'],
  )
  assert.match(held[0]?.[1] ?? '', cause)
  const raised = all.relay.alarms.filter(({ is }) => is === 'raised')
  assert.deepEqual([...new Set(raised.map(({ key }) => key))], ['path secure.test'])
  assert.match(raised[0]?.text ?? '', cause)
  assert.doesNotMatch(JSON.stringify([all.relay.alarms, all.relay.log]), /secret result|POSITIVE/)
  const { destinations } = await all.relay.spool.summary()
  assert.deepEqual(
    destinations.filter(({ blockedUntil }) => blockedUntil).map(({ destination }) => destination),
    ['secure.test'],
  )
}

const receivedFrom = (peer: Peer): (string | undefined)[] =>
  peer.messages.map(({ rcpts }) => /[a-z]+@[a-z.]+/.exec(rcpts.join())?.[0])

test('Two domains share an exchanger that is proven: their mail goes over connections of its own each.', async (t) => {
  const good = await server(t, GOOD)
  const all = await site(t, good.port)
  await all.mailBoth()
  assert.deepEqual(receivedFrom(good).sort(), ['anybody@ordinary.test', 'patient@secure.test'])
  assert.equal(good.connections.length, 2)
  const [secure] = all.relay.log.filter(({ fields }) => fields.destination === 'secure.test' && fields.relayed === 1)
  assert.ok(secure)
  const { key, ...security } = secure.fields.security as { key: string; source: string; proves: string }
  assert.deepEqual(security, { source: 'register', proves: 'pkix' })
  assert.match(key, /^register /)
  const { cipher, protocol, ...tls } = secure.fields.tls as Record<string, unknown>
  assert.deepEqual(tls, { fingerprint: GOOD.fingerprint, verified: true })
  assert.deepEqual([typeof cipher, protocol], ['string', 'TLSv1.3'])
  // The first success ends what an earlier run may have raised
  assert.ok(all.relay.alarms.every(({ is }) => is === 'cleared'))
})

test('An attacker who strips STARTTLS reads no byte of a message for a secure domain.', async (t) => {
  const stripper = await startStripper(t, (await server(t, GOOD)).port)
  const all = await site(t, stripper.port)
  await all.mailBoth()
  await assertHeld(all, /mx\.shared\.test\[127\.0\.0\.1\].*STARTTLS is not offered/)
  assert.match(stripper.seen(), /anybody@ordinary\.test/, 'who asks for no security gets what there is')
  assert.doesNotMatch(stripper.seen(), /secure\.test|POSITIVE/)
})

test('An attacker who swaps the certificate gets no byte of a message for a secure domain.', async (t) => {
  const attacker = await server(t, makeAuthority('Another Authority').issue(['mx.shared.test', 'secure.test']))
  const all = await site(t, attacker.port)
  await all.mailBoth()
  await assertHeld(all, /the certificate does not hold: its authority is not trusted/)
  assert.deepEqual(receivedFrom(attacker), ['anybody@ordinary.test'])
  assert.doesNotMatch(JSON.stringify(attacker.commands), /secure\.test/)
})

test('An attacker who forges the MX gets no byte, though his own certificate is valid for his own name.', async (t) => {
  const attacker = await server(t, authority.issue(['mx.attacker.test']))
  const all = await site(t, attacker.port)
  for (const domain of ['secure.test', 'ordinary.test']) all.zone[domain] = { mx: [[10, 'mx.attacker.test']] }
  await all.mailBoth()
  await assertHeld(all, /the certificate does not hold: it is for DNS:mx\.attacker\.test, not for secure\.test/)
  assert.deepEqual(receivedFrom(attacker), ['anybody@ordinary.test'])
  assert.doesNotMatch(JSON.stringify(attacker.commands), /secure\.test/)
})

test('What was held goes out once the path is proven again, and the alarm is over.', async (t) => {
  const attacker = await server(t, makeAuthority('Another Authority').issue(['mx.shared.test', 'secure.test']))
  const all = await site(t, attacker.port)
  await all.mailBoth()
  const good = await server(t, GOOD)
  const mended = { ...all.options.routes, default: { ...all.options.routes.default, port: good.port } }
  const { deliver } = all.relay
  deliver.update({ ...all.relay.options, routes: mended })
  deliver.retryNow()
  await all.relay.spool.act({ do: 'retry' }, {}, 'operator')
  deliver.poke()
  await all.relay.quiet()
  assert.deepEqual(receivedFrom(good), ['patient@secure.test'])
  assert.deepEqual(all.relay.alarms.at(-1), { is: 'cleared', key: 'path secure.test' })
})
