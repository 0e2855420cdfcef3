import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseHeader } from '../../../src/mail/header.ts'
import { addressLiteral, messageDate, protocolName, receivedField, type TraceFacts } from '../../../src/mail/trace.ts'

const facts: TraceFacts = {
  helo: 'mail.client.test',
  remoteAddress: '192.0.2.7',
  remoteName: 'mail.client.test',
  hostname: 'relay.test',
  protocol: 'ESMTPS',
  tls: { protocol: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384' },
  id: '01234567890',
  recipient: { local: 'b', domain: 'ours.test' },
  receivedAt: Date.UTC(2026, 10, 2, 9, 5, 7),
}

test('the field has the clauses of RFC 5321 in their order', () => {
  assert.equal(
    receivedField(facts),
    [
      'Received: from mail.client.test (mail.client.test [192.0.2.7])',
      '\tby relay.test (Postern) with ESMTPS id 01234567890',
      '\t(TLSv1.3 TLS_AES_256_GCM_SHA384) for <b@ours.test>;',
      '\tMon, 2 Nov 2026 09:05:07 +0000',
      '',
    ].join('\r\n'),
  )
})

test('without a single recipient there is no for clause, and without TLS no comment on it', () => {
  const field = receivedField({ ...facts, recipient: null, tls: null })
  assert.doesNotMatch(field, / for /)
  assert.doesNotMatch(field, /TLS_/)
  assert.match(field, /id 01234567890;\r\n\tMon, 2 Nov/)
})

test('addresses are literals as RFC 5321 section 4.1.3 writes them', () => {
  assert.equal(addressLiteral('192.0.2.7'), '[192.0.2.7]')
  assert.equal(addressLiteral('2001:db8::1'), '[IPv6:2001:db8::1]')
  assert.equal(addressLiteral('::ffff:192.0.2.7'), '[192.0.2.7]')
})

test('a HELO name that is no domain stands in the comment, without what could end it', () => {
  const field = receivedField({ ...facts, helo: 'ANALYSER 4) by evil.test (x', remoteName: null })
  assert.match(field, /^Received: from \[192\.0\.2\.7\] \(\[192\.0\.2\.7\] helo=ANALYSER\?4\?\?by\?evil\.test\?\?x\)/)
})

test('an address literal and an internationalised name are taken as HELO', () => {
  assert.match(receivedField({ ...facts, helo: '[192.0.2.7]' }), /^Received: from \[192\.0\.2\.7\] \(mail/)
  assert.match(receivedField({ ...facts, helo: 'bücher.test' }), /^Received: from xn--bcher-kva\.test \(/)
  assert.match(receivedField({ ...facts, helo: null }), /^Received: from \[192\.0\.2\.7\] \(mail/)
})

test('whatever HELO, reverse name and cipher say, the field is one field, ASCII and under 998 octets', () => {
  const nasty = fc.string({ unit: 'binary', maxLength: 400 })
  const lines = fc.constantFrom('a\r\nBcc: x@y.test', 'a\nb', ') (', '\0', 'x'.repeat(2000), '[IPv6:::1]\r\n')
  const any = fc.oneof(nasty, lines)
  fc.assert(
    fc.property(any, any, any, (helo, remoteName, cipher) => {
      const field = receivedField({ ...facts, helo, remoteName, tls: { protocol: 'TLSv1.3', cipher } })
      const { fields, malformed } = parseHeader(Buffer.from(field))
      assert.equal(malformed, 0)
      assert.deepEqual(
        fields.map(({ name }) => name),
        ['Received'],
      )
      assert.match(field, /^[\x20-\x7e\t\r\n]*$/)
      assert.doesNotMatch(field.slice(0, -2), /\r(?!\n\t)|(?<!\r)\n/)
      for (const line of field.split('\r\n')) assert.ok(line.length < 998)
    }),
  )
})

test('lines stay under 78 columns where their words allow it', () => {
  const long = `${'a-long-label.'.repeat(3)}test`
  const field = receivedField({ ...facts, helo: long, remoteName: null })
  for (const line of field.split('\r\n')) assert.ok(line.replace('\t', ' '.repeat(8)).length < 78, line)
})

test('the protocol is named as RFC 3848 and RFC 6531 register it', () => {
  const how = { extended: true, utf8: false, tls: false, signedIn: false }
  assert.equal(protocolName({ ...how, extended: false }), 'SMTP')
  assert.equal(protocolName(how), 'ESMTP')
  assert.equal(protocolName({ ...how, tls: true }), 'ESMTPS')
  assert.equal(protocolName({ ...how, tls: true, signedIn: true }), 'ESMTPSA')
  assert.equal(protocolName({ ...how, utf8: true }), 'UTF8SMTP')
  assert.equal(protocolName({ ...how, utf8: true, tls: true, signedIn: true }), 'UTF8SMTPSA')
})

test('dates are those of RFC 5322, in UTC', () => {
  assert.equal(messageDate(0), 'Thu, 1 Jan 1970 00:00:00 +0000')
  assert.equal(messageDate(Date.UTC(2028, 1, 29, 23, 59, 59, 999)), 'Tue, 29 Feb 2028 23:59:59 +0000')
})
