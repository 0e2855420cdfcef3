import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { load, withBasics } from './support.ts'

/** Problems and warnings about `publish`, for a relay named a.test. */
function said(mtaSts: string, more = 'tls: { certificate: a, key: b }'): string[] {
  const listeners = '[{ port: 25 }, { address: 10.0.0.1, port: 465, tls: implicit }]'
  const domains = 'domains: { royal.test: { relayTo: mx.royal.test } }'
  const result = load(`hostname: a.test\nlisteners: ${listeners}\n${domains}\n${more}\npublish: { ${mtaSts} }\n`)
  const all = result.ok ? result.warnings : result.problems
  return all.map(({ key, message }) => `${key}: ${message}`).filter((line) => line.startsWith('publish'))
}

test('a policy is in mode testing for a week, on port 443 of every address, where only mtaSts is named', () => {
  const result = load(withBasics('tls: { certificate: a, key: b }\npublish: { mtaSts: {} }'))
  assert.ok(result.ok, inspect(result, { depth: 9 }))
  assert.deepEqual(result.config.publish.mtaSts, {
    mode: 'testing',
    maxAge: 604_800_000,
    mx: [],
    domains: [],
    listen: [{ host: '::', port: 443 }],
    certificate: null,
    key: null,
    timeouts: { handshake: 10_000, request: 10_000, answer: 10_000 },
  })
})

test('without mtaSts there is no policy', () => {
  const result = load(withBasics(''))
  assert.ok(result.ok)
  assert.equal(result.config.publish.mtaSts, null)
})

test('serving a policy needs a certificate with its key, unless another web server serves it', () => {
  const listeners = 'hostname: a.test\nlisteners: [{ port: 25, tls: none }]\n'
  const problems = (mtaSts: string) => {
    const result = load(`${listeners}publish: { mtaSts: ${mtaSts} }\n`)
    return result.ok ? [] : result.problems.map(({ key, message }) => `${key}: ${message}`)
  }
  assert.deepEqual(problems('{}'), [
    'publish.mtaSts: HTTPS needs a certificate: give publish.mtaSts.certificate and key, or those of tls',
  ])
  assert.deepEqual(problems('{ listen: [] }'), [])
  assert.deepEqual(problems('{ certificate: c, key: k }'), [])
  assert.deepEqual(problems('{ certificate: c }'), ['publish.mtaSts.key: a certificate needs its key'])
  assert.deepEqual(problems('{ key: k }'), ['publish.mtaSts.certificate: a key needs its certificate'])
})

test('only domains of ours have a policy, and no port is listened on twice', () => {
  assert.deepEqual(said('mtaSts: { domains: [royal.test, a.test] }'), [])
  assert.deepEqual(said('mtaSts: { domains: [other.test] }'), [
    'publish.mtaSts.domains[0]: other.test is no domain of ours (domains)',
  ])
  const taken = (index: number) => `publish.mtaSts.listen[0]: listeners[${index}] has this address and port already`
  assert.deepEqual(said("mtaSts: { listen: ['127.0.0.1:25'] }"), [taken(0)])
  assert.deepEqual(said("mtaSts: { listen: ['[::]:465'] }"), [taken(1)])
  assert.deepEqual(said("mtaSts: { listen: ['10.0.0.2:465'] }"), [])
})

test('a policy that does not name this server is warned of', () => {
  const warning = 'publish.mtaSts: the policy does not name a.test (hostname): others will not deliver to this server'
  assert.deepEqual(said('mx: [b.test], mtaSts: {}'), [warning])
  assert.deepEqual(said('mtaSts: { mx: [b.test] }'), [warning])
  assert.deepEqual(said('mtaSts: { mx: [b.test], mode: none }'), [])
  assert.deepEqual(said("mtaSts: { mx: ['*.test'] }"), [])
  assert.deepEqual(said('mtaSts: { mx: [b.test, a.test] }'), [])
})

test('an age below an hour, a pattern that is no host name and an unknown mode are refused', () => {
  for (const wrong of ['maxAge: 59m', 'maxAge: 366d', "mx: ['*.*.test']", "mx: ['*']", 'mode: strict'])
    assert.equal(said(`mtaSts: { ${wrong} }`).length, 1, wrong)
  for (const right of ['maxAge: 1h', 'maxAge: 365d', "mx: [a.test, '*.b.test']", 'mode: none'])
    assert.deepEqual(said(`mtaSts: { ${right} }`), [], right)
})
