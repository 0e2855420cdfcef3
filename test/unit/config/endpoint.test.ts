import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatHostPort, parseHostPort } from '../../../src/config/endpoint.ts'

test('hosts are read with and without a port, in every notation', () => {
  const written: [string, string][] = [
    ['mail.example.test', 'mail.example.test:25'],
    ['Mail.Example.Test:2525', 'mail.example.test:2525'],
    ['mail.example.test.', 'mail.example.test:25'],
    ['localhost', 'localhost:25'],
    ['10.1.2.3:26', '10.1.2.3:26'],
    ['2001:db8::1', '[2001:db8::1]:25'],
    ['[2001:db8::1]', '[2001:db8::1]:25'],
    ['[2001:db8::1]:587', '[2001:db8::1]:587'],
    ['bücher.example.test', 'xn--bcher-kva.example.test:25'],
  ]
  for (const [text, expected] of written) {
    const found = parseHostPort(text, 25)
    assert.equal(found && formatHostPort(found), expected, text)
  }
})

test('what is no host, or has no possible port, is refused', () => {
  const wrong = [
    '',
    ':25',
    'host:',
    'host:65536',
    'host:-1',
    'host:smtp',
    'a b',
    '10.1.2.300',
    '10.1.2',
    '[10.1.2.3]:25',
    'a:1:2',
    '[::1',
    'a..b',
  ]
  for (const text of [...wrong, null, 25, {}]) assert.equal(parseHostPort(text, 25), undefined, String(text))
})

test('what is written reads back as the same host and port', () => {
  const host = fc.oneof(fc.domain(), fc.ipV4(), fc.ipV6())
  fc.assert(
    fc.property(host, fc.integer({ min: 0, max: 65535 }), (name, port) => {
      const found = parseHostPort(formatHostPort({ host: name, port }), 25)
      assert.deepEqual(found, { host: name.toLowerCase() === name ? name : found?.host, port })
    }),
  )
})
