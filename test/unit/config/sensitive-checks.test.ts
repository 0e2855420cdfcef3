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

test('a signing key and its certificate belong together', () => {
  const [problem] = said('inspect: [{ sensitive: { key: keys/smime.pem } }]')
  assert.match(problem ?? '', /belong together/)
})
