import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { load, said, withBasics } from './support.ts'

const CLIENT = "clients: [{ name: ward, senders: ['*'], networks: [10.0.0.0/8], tls: optional, sensitive: true }]\n"

function warnings(yaml: string): string[] {
  const result = load(withBasics(yaml))
  assert.ok(result.ok, inspect(result, { depth: 9 }))
  return result.warnings.map(({ key, message }) => `${key}: ${message}`)
}

test('a client whose mail is all sensitive needs the plugin that sees to it', () => {
  const expected = 'nothing sees to it: put the plugin sensitive into inspect, or take this out'
  assert.deepEqual(said(CLIENT), [`1:91 clients[0].sensitive: ${expected}`])
  assert.equal(load(withBasics(`${CLIENT}inspect: [{ sensitive: {} }]`)).ok, true)
})

test('what encrypts comes before what signs', () => {
  const sign = 'sign: { selector: a, key: keys/a.pem }'
  const [problem, ...others] = said(`inspect: [{ ${sign} }, { sensitive: {} }]`)
  assert.match(problem ?? '', /^1:\d+ inspect\[1\]: .* put it before sign$/)
  assert.deepEqual(others, [])
  assert.equal(load(withBasics(`inspect: [{ sensitive: {} }, { ${sign} }]`)).ok, true)
})

test('it is doubted that sensitive mail should go nowhere, or leave as any other', () => {
  assert.deepEqual(warnings('inspect: [{ sensitive: { mode: tag } }]'), [
    'inspect[0].sensitive.mode: in mode tag sensitive mail leaves as any other, in clear where the path is',
    'inspect[0]: there are no secureDomains: sensitive mail reaches only those whose certificates are known',
  ])
  assert.deepEqual(warnings(''), [])
})

test('it is doubted that a scanner elsewhere should read sensitive mail off the network in clear', () => {
  const asked = (virus: string, spam: string, sensitive = true) =>
    warnings(`inspect: [{ virus: ${virus} }, { spam: ${spam} }${sensitive ? ', { sensitive: {} }' : ''}]`).flatMap(
      (line) => /^(\S+): (\S+) is asked over the network in clear/.exec(line)?.slice(1).join(' ') ?? [],
    )
  const far = ['{ clamd: [/run/clamd.ctl, "192.0.2.1:3310"] }', '{ rspamd: ["http://rspamd.test:11333"] }'] as const
  assert.deepEqual(asked(...far), [
    'inspect[0].virus.clamd 192.0.2.1:3310',
    'inspect[1].spam.rspamd http://rspamd.test:11333',
  ])
  assert.deepEqual(asked(...far, false), [], 'where no mail is sensitive')
  assert.deepEqual(asked('{ clamd: "[::1]:3310" }', '{ rspamd: "https://rspamd.test" }'), [])
  assert.deepEqual(asked('{ clamd: "localhost:3310" }', '{ rspamd: "http://[::1]:11333" }'), [])
  assert.deepEqual(asked('{ clamd: "[2001:db8::1]:3310" }', '{ spamd: "spamd:783" }'), [
    'inspect[0].virus.clamd [2001:db8::1]:3310',
    'inspect[1].spam.spamd spamd:783',
  ])
})

test('a signing key and its certificate belong together', () => {
  const [problem] = said('inspect: [{ sensitive: { key: keys/smime.pem } }]')
  assert.match(problem ?? '', /belong together/)
})
