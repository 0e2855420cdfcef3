import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isFinal, MX_ROUTE, type Route, type RouteTable, type RouteTls, routeTo } from '../../../src/deliver/route.ts'
import { hosts } from './relay.ts'

const VERIFIED: RouteTls = { mode: 'required', verify: true, options: {} }
const LOGIN = { user: 'postern', password: 'secret' }

const SMARTHOST: Route = { ...hosts(['smarthost.example.test', 587]), tls: VERIFIED, login: LOGIN }
const EXACT = hosts(['exact.example.test', 25])
const BELOW = hosts(['below.example.test', 25])
const DEEP = hosts(['deep.example.test', 25])

const TABLE: RouteTable = {
  default: MX_ROUTE,
  domains: new Map<string, Route>([
    ['example.org', EXACT],
    ['.example.org', BELOW],
    ['.a.example.org', DEEP],
    ['smart.test', SMARTHOST],
    ['[192.0.2.1]', EXACT],
  ]),
}

describe('the route to', () => {
  const cases: [destination: string, route: Route][] = [
    ['example.org', EXACT],
    ['b.example.org', BELOW],
    ['c.b.example.org', BELOW],
    ['a.example.org', BELOW],
    ['x.a.example.org', DEEP],
    ['otherexample.org', MX_ROUTE],
    ['example.net', MX_ROUTE],
    ['[192.0.2.1]', EXACT],
    ['[192.0.2.2]', MX_ROUTE],
  ]
  for (const [destination, route] of cases) {
    it(`${destination} is the longest match of the table`, () => {
      assert.deepEqual(routeTo(destination, TABLE), { route, domain: destination })
    })
  }

  it('a host that an operator names is that host, with TLS where it is offered', () => {
    assert.deepEqual(routeTo('[mail.example.net]:26', TABLE)?.route, hosts(['mail.example.net', 26]))
  })

  it('a host that the table knows keeps its TLS and its login', () => {
    assert.deepEqual(routeTo('smarthost.example.test:587', TABLE)?.route, SMARTHOST)
    assert.deepEqual(routeTo('smarthost.example.test:25', TABLE)?.route, hosts(['smarthost.example.test', 25]))
  })

  it('an LMTP server or socket is final', () => {
    const overTcp = routeTo('lmtp:[10.0.0.1]:24', TABLE)?.route
    const overSocket = routeTo('lmtp:/run/lmtp', TABLE)?.route
    assert.ok(overTcp && overSocket)
    assert.equal(overTcp.via === 'hosts' && overTcp.protocol, 'lmtp')
    assert.deepEqual(overSocket, { via: 'socket', path: '/run/lmtp' })
    assert.deepEqual([overTcp, overSocket, EXACT, MX_ROUTE, { via: 'store' } as const].map(isFinal), [
      true,
      true,
      false,
      false,
      true,
    ])
  })

  it('what is no destination is none', () => assert.equal(routeTo('not a domain', TABLE), null))
})
