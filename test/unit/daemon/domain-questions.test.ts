import assert from 'node:assert/strict'
import { test } from 'node:test'
import { wayTo } from '../../../src/daemon/domain-questions.ts'
import { PathDecisions } from '../../../src/deliver/path-security.ts'
import { type HostsRoute, MX_ROUTE, OPPORTUNISTIC, type Route } from '../../../src/deliver/route.ts'
import { Router } from '../../../src/deliver/router.ts'
import { TlsKeys } from '../../../src/deliver/tls-keys.ts'
import { registerOf } from '../../../src/mail/secure-domain.ts'
import { noTlsResults } from '../../../src/transport/contract.ts'
import { manualClock } from '../../support/clock.ts'
import { scriptedSecurity } from '../../support/security.ts'
import { zoneResolver } from '../../support/zone.ts'
import { entry } from '../config/secure-domains/support.ts'

const NOW = Date.UTC(2026, 8, 1)
const ZONE = {
  'many.test': {
    mx: [
      [20, 'b.many.test'],
      [10, 'a.many.test'],
    ],
  },
  'vouched.test': { mx: [[10, 'mx.vouched.test']], authentic: true },
  'alone.test': { a: ['192.0.2.1'] },
  'null.test': { mx: [[0, '']] },
} as const

const SMARTHOST: HostsRoute = {
  via: 'hosts',
  protocol: 'smtp',
  hosts: [{ host: 'smart.test', port: 587 }],
  order: 'listed',
  tls: { ...OPPORTUNISTIC, mode: 'required', verify: true },
  login: null,
}

function ways(domains: Readonly<Record<string, Route>> = {}, ...entries: Parameters<typeof registerOf>[0]) {
  const routes = { default: MX_ROUTE, domains: new Map(Object.entries(domains)) }
  return { routes, register: registerOf(entries), resolver: zoneResolver(ZONE, ['mx failing.test']), now: NOW }
}

test('mail for a domain goes by its exchangers, the best first, as the route says', async () => {
  const { says, question } = await wayTo('many.test', 'sensitive', ways())
  assert.equal(says, 'by its exchangers (MX), without DNSSEC')
  assert.deepEqual(question, {
    domain: 'many.test',
    hosts: [
      { host: 'a.many.test', port: 25 },
      { host: 'b.many.test', port: 25 },
    ],
    from: 'mx',
    authentic: false,
    routeTls: OPPORTUNISTIC,
    need: 'sensitive',
  })
})

test('a domain without an exchanger stands for itself', async () => {
  const { says, question } = await wayTo('alone.test', 'none', ways())
  assert.match(says, /^to the domain itself, for it has no MX/)
  assert.deepEqual([question?.from, question?.hosts], ['implicit', [{ host: 'alone.test', port: 25 }]])
})

test('where no host can be found, the reason stands in place of a path', async () => {
  for (const [domain, reason] of [
    ['null.test', /null MX/],
    ['nowhere.test', /does not exist/],
    ['failing.test', /DNS cannot be asked/],
  ] as const) {
    const { says, question } = await wayTo(domain, 'none', ways())
    assert.equal(question, null)
    assert.match(says, reason)
  }
})

test('a route names its hosts, and its own TLS holds for them', async () => {
  const { says, question } = await wayTo('many.test', 'none', ways({ 'many.test': SMARTHOST }))
  assert.equal(says, 'to smart.test:587, by its route')
  assert.deepEqual(
    [question?.from, question?.hosts, question?.routeTls],
    ['configured', SMARTHOST.hosts, SMARTHOST.tls],
  )
})

test('the next hop of an entry that is in force counts before the route; of one that is not, it does not', async () => {
  const registered = (more: object) => entry({ domain: 'many.test', 'next-hop': '[2001:db8::1]:26', ...more })
  const active = await wayTo('many.test', 'none', ways({ 'many.test': SMARTHOST }, registered({})))
  assert.equal(active.says, 'to [2001:db8::1]:26, by the next hop of its entry in the register')
  assert.equal(active.question?.from, 'configured')
  const retired = await wayTo('many.test', 'none', ways({}, registered({ status: 'retired' })))
  assert.equal(retired.question?.from, 'mx')
})

test('a next hop that is only thought of counts before all', async () => {
  const known = ways({}, entry({ domain: 'many.test', 'next-hop': 'old.test' }))
  const { says, question } = await wayTo('many.test', 'none', known, { host: 'new.test', port: 25 })
  assert.equal(says, 'to new.test:25, by the next hop that was asked for')
  assert.deepEqual(question?.hosts, [{ host: 'new.test', port: 25 }])
})

test('there is no path to a socket or mailboxes on this machine', async () => {
  for (const route of [{ via: 'store' }, { via: 'socket', path: '/run/lmtp' }] as const) {
    const { says, question } = await wayTo('many.test', 'none', ways({ 'many.test': route }))
    assert.equal(question, null)
    assert.match(says, /on this machine: there is no path/)
  }
})

test('the question is the one that delivery asks', async () => {
  const known = ways(
    { 'routed.test': SMARTHOST },
    entry({ domain: 'registered.test', 'next-hop': 'mx.registered.test:2525' }),
  )
  const security = scriptedSecurity()
  const clock = manualClock(NOW)
  const decisions = new PathDecisions(security, noTlsResults, clock, 10)
  const { routes, register, resolver } = known
  const router = new Router(routes, register, { resolver, tlsKeys: new TlsKeys(), decisions, clock })
  for (const domain of ['many.test', 'alone.test', 'vouched.test', 'routed.test', 'registered.test']) {
    await router.find({ destination: domain, domain, need: 'requiretls' })
    assert.deepEqual((await wayTo(domain, 'requiretls', known)).question, security.asked.at(-1), domain)
  }
  assert.equal(security.asked.length, 5)
})
