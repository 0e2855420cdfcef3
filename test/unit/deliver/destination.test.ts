import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { formatDestination, parseDestination } from '../../../src/deliver/destination.ts'

describe('a destination', () => {
  const cases: [text: string, canonical: string | null, is?: string][] = [
    ['example.org', 'example.org', 'domain'],
    ['Bücher.Example', 'xn--bcher-kva.example', 'domain'],
    ['[192.0.2.1]', '[192.0.2.1]', 'domain'],
    ['[IPv6:2001:db8::1]', '[ipv6:2001:db8::1]', 'domain'],
    ['[mail.example.org]:25', '[mail.example.org]:25', 'host'],
    ['mail.example.org:2525', '[mail.example.org]:2525', 'host'],
    ['10.1.2.3:25', '[10.1.2.3]:25', 'host'],
    ['[10.1.2.3]:65535', '[10.1.2.3]:65535', 'host'],
    ['[2001:DB8::1]:25', '[2001:db8::1]:25', 'host'],
    ['lmtp:[10.1.2.3]:24', 'lmtp:[10.1.2.3]:24', 'host'],
    ['lmtp:/run/dovecot/lmtp', 'lmtp:/run/dovecot/lmtp', 'socket'],
    ['', null],
    ['exa mple.org', null],
    ['example.org.', null],
    ['[mail.example.org]', null],
    ['[mail.example.org]:0', null],
    ['[mail.example.org]:65536', null],
    ['[mail.example.org]:25x', null],
    ['10.1.2:25', null],
    ['2001:db8::1:25', null],
    ['lmtp:', null],
    ['lmtp:run/x', null],
    ['lmtp:example.org', null],
    [`lmtp:/${'x'.repeat(107)}`, null],
    ['lmtp:/run/\n', null],
    ['http://example.org', null],
  ]
  for (const [text, canonical, is] of cases) {
    it(`written ${JSON.stringify(text.slice(0, 40))} is ${canonical === null ? 'none' : canonical}`, () => {
      const parsed = parseDestination(text)
      assert.equal(parsed === null ? null : formatDestination(parsed), canonical)
      if (is) assert.equal(parsed?.is, is)
    })
  }

  it('reads its own text as itself', () => {
    const host = fc.oneof(fc.domain(), fc.ipV4(), fc.ipV6())
    fc.assert(
      fc.property(
        host,
        fc.integer({ min: 1, max: 65_535 }),
        fc.constantFrom('smtp', 'lmtp'),
        (name, port, protocol) => {
          const destination = parseDestination(`${protocol === 'lmtp' ? 'lmtp:' : ''}[${name}]:${port}`)
          assert.ok(destination)
          assert.deepEqual(parseDestination(formatDestination(destination)), destination)
        },
      ),
    )
  })

  it('never throws, whatever is typed', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => void parseDestination(text)))
  })
})
