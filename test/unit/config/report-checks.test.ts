import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { load, loaded, said, withBasics } from './support.ts'

function warnings(yaml: string): string[] {
  const result = load(withBasics(yaml))
  assert.ok(result.ok, inspect(result, { depth: 9 }))
  return result.warnings.map(({ key, message }) => `${key}: ${message}`)
}

test('an address that people read takes no reports, or their mail would be swallowed', () => {
  const other = (more: string) => `reports: { tls: { receive: ops@a.test } }\n${more}`
  assert.match(
    said(other('alarms: { mailTo: [OPS@a.test] }'))[0] ?? '',
    /reports\.tls\.receive: ops@a\.test is alarms\.mailTo/,
  )
  assert.match(said(other('postmaster: ops@a.test'))[0] ?? '', /ops@a\.test is postmaster too/)
  assert.equal(loaded(other('postmaster: pm@a.test')).reports.tls.receive?.local, 'ops')
})

test('the two kinds of reports have an address each', () => {
  const both = (dmarc: string) => `reports: { tls: { receive: r@a.test }, dmarc: { receive: ${dmarc} } }`
  assert.match(said(both('R@A.test'))[0] ?? '', /reports\.dmarc\.receive: is the address of reports\.tls\.receive/)
  assert.notEqual(loaded(both('d@a.test')).reports.dmarc.receive, null)
})

test('reports that no key signs are a warning', () => {
  const reports = 'reports: { organisation: A, from: reports@a.test }\n'
  const signed = (keys: string, more = '') =>
    warnings(`${reports}inspect:\n  - sign: { selector: s, key: k.pem, ${keys} ${more} }\n`)
  const expected = /reports\.from: no key of the plugin sign is for a\.test/
  assert.match(warnings(reports).join(), expected)
  assert.match(signed('domain: b.test').join(), expected)
  assert.doesNotMatch(signed('domain: a.test').join(), expected)
  assert.doesNotMatch(signed('keys: [{ domain: a.test, selector: s, key: a.pem }]').join(), expected)
  assert.match(signed('domain: a.test,', 'mode: observe').join(), expected)
  const none = 'reports: { organisation: A, from: r@a.test, tls: { send: false }, dmarc: { send: false } }'
  assert.doesNotMatch(warnings(none).join(), expected)
})

test('reports of whom nobody knows who sent them are a warning', () => {
  const received = (chain: string) => warnings(`reports: { dmarc: { receive: r@a.test } }\n${chain}`).join()
  const expected = /reports\.dmarc\.receive: nobody looks who sends reports/
  assert.match(received(''), expected)
  assert.match(received('inspect: [{ authentication: { mode: observe } }]'), expected)
  assert.match(received('inspect: [{ authentication: { when: { direction: [inbound] } } }]'), expected)
  assert.doesNotMatch(received('inspect: [{ authentication: {} }]'), expected)
})
