import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { readCells, writeCells } from '../../../../src/config/secure-domains/csv.ts'
import {
  formatRegister,
  lineOf,
  parseRegister,
  REGISTER_LIMITS,
} from '../../../../src/config/secure-domains/register.ts'
import { registerOf, standingOf } from '../../../../src/mail/secure-domain.ts'
import { entry, HEADER, line, register, registerFrom, said } from './support.ts'

const HEX = 'ab'.repeat(32)

test('a line of the register says how a domain is reached', () => {
  const found = entry({
    domain: 'Royal.Example.test',
    subdomains: 'yes',
    requirement: 'pinned',
    fingerprints: `${HEX.toUpperCase()} ${'cd:'.repeat(31)}cd`,
    'min-tls': 'TLSv1.3',
    ciphers: 'tls_aes_256_gcm_sha384:ECDHE-RSA-AES256-GCM-SHA384',
    'next-hop': '[2001:db8::1]:2525',
  })
  assert.deepEqual(found, {
    domain: 'royal.example.test',
    subdomains: true,
    requirement: {
      prove: 'pinned',
      fingerprints: [HEX, 'cd'.repeat(32)],
      minTls: 'TLSv1.3',
      ciphers: ['TLS_AES_256_GCM_SHA384', 'ECDHE-RSA-AES256-GCM-SHA384'],
    },
    nextHop: { host: '2001:db8::1', port: 2525 },
    owner: 'Mail team of the Royal Infirmary',
    reviewedOn: Date.UTC(2026, 4, 1),
    expiresOn: Date.UTC(2027, 4, 1),
    approvers: ['A. Nightingale', 'M. Seacole'],
    status: 'active',
  })
})

test('what may be left empty is the usual', () => {
  const { requirement, nextHop } = entry()
  assert.deepEqual(requirement, { prove: 'verified', fingerprints: [], minTls: 'TLSv1.2', ciphers: null })
  assert.equal(nextHop, null)
  assert.deepEqual(entry({ 'next-hop': 'mail.example.test' }).nextHop, { host: 'mail.example.test', port: 25 })
})

test('a name with letters beyond ASCII becomes the one that the DNS knows', () => {
  assert.equal(entry({ domain: 'Bücher.example.test' }).domain, 'xn--bcher-kva.example.test')
})

test('columns may stand in any order, lines may end as on Windows, and a byte order mark may begin the file', () => {
  const names = HEADER.split(',')
  const text = `\ufeff${[...names].reverse().join(',')}\r\n${line().split(',').reverse().join(',')}\r\n`
  const found = registerFrom(text)
  assert.equal(found.lines[1]?.entry?.domain, 'royal.example.test')
  assert.equal(formatRegister(found), text)
})

test('comments and empty lines are kept, and count for nothing', () => {
  const text = `# the secure domains\n\n${HEADER}\n# hospitals, "all" of them\n${line()}\n\n`
  const found = registerFrom(text)
  assert.deepEqual(
    found.lines.map(({ entry }) => entry?.domain ?? null),
    [null, null, null, null, 'royal.example.test', null],
  )
  assert.equal(formatRegister(found), text)
})

test('a register may hold no entry yet', () => assert.deepEqual(register().lines.length, 1))

const WRONG: readonly [string, Readonly<Record<string, string>>, RegExp][] = [
  [
    'a domain that is none',
    { domain: 'royal..test' },
    /^2:1 domain: expected a domain name .*; found 'royal\.\.test'$/,
  ],
  ['an address literal', { domain: '[192.0.2.1]' }, /^2:1 domain: expected a domain name/],
  ['a leading dot', { domain: '.example.test' }, /^2:1 domain: .*subdomains says whether the names below it/],
  ['no domain', { domain: '' }, /^2:1 domain: .*; found nothing$/],
  ['subdomains', { subdomains: 'true' }, /^2:20 subdomains: expected yes or no; found 'true'$/],
  ['the requirement', { requirement: 'tls' }, /^2:23 requirement: expected verified, dane or pinned; found 'tls'$/],
  [
    'fingerprints',
    { requirement: 'pinned', fingerprints: 'abcd' },
    / fingerprints: expected SHA-256 .*; found 'abcd'$/,
  ],
  ['pinned without fingerprints', { requirement: 'pinned' }, / fingerprints: expected at least one fingerprint/],
  ['fingerprints that nobody looks at', { fingerprints: HEX }, / fingerprints: expected nothing: only pinned/],
  ['the TLS version', { 'min-tls': 'TLSv1.1' }, / min-tls: expected TLSv1\.2 or TLSv1\.3; found 'TLSv1\.1'$/],
  ['no TLS version', { 'min-tls': '' }, / min-tls: expected TLSv1\.2 or TLSv1\.3; found nothing$/],
  ['a cipher that is none', { ciphers: 'HIGH:!aNULL' }, / ciphers: expected OpenSSL's names .*, or nothing; found/],
  ['a cipher without a certificate', { ciphers: 'PSK-AES256-GCM-SHA384' }, / ciphers: expected OpenSSL's names/],
  [
    'no cipher for the least TLS version',
    { 'min-tls': 'TLSv1.3', ciphers: 'ECDHE-RSA-AES256-GCM-SHA384' },
    / ciphers: expected at least one suite of TLS 1\.3/,
  ],
  [
    'the next hop',
    { 'next-hop': 'mail.example.test:0' },
    / next-hop: expected a host or host:port .*, or nothing; found/,
  ],
  ['a port too many', { 'next-hop': 'mail.example.test:65536' }, / next-hop: expected/],
  ['no owner', { owner: '' }, / owner: expected who it is/],
  ['a formula for an owner', { owner: '=HYPERLINK()' }, / owner: expected who it is, .* not beginning with =/],
  [
    'a day that is none',
    { 'reviewed-on': '2026-02-30' },
    / reviewed-on: expected a day such as 2027-05-31; found '2026-02-30'$/,
  ],
  ['a day in another order', { 'expires-on': '01/05/2027' }, / expires-on: expected a day/],
  ['expiry on the day of review', { 'expires-on': '2026-05-01' }, / expires-on: expected a day after reviewed-on$/],
  ['one approver', { 'approver-2': '' }, / approver-2: expected who it is/],
  [
    'the same approver twice',
    { 'approver-2': ' a  NIGHTINGALE' },
    / approver-2: expected another person than approver-1/,
  ],
  ['the status', { status: 'paused' }, / status: expected active or retired; found 'paused'$/],
]

for (const [what, fields, expected] of WRONG) {
  test(`${what} is a mistake with its line, column and what would be right`, () => {
    const lines = said(`${HEADER}\n${line(fields)}\n`)
    assert.equal(lines.length, 1, lines.join('\n'))
    assert.match(lines[0] ?? '', expected)
  })
}

test('every mistake of every line is named', () => {
  const text = [HEADER, line({ status: '', owner: '' }), '# fine', line(), line({ requirement: 'no' })].join('\n')
  assert.deepEqual(
    said(text).map((each) => each.split(' ', 2).join(' ')),
    ['2:43 owner:', '2:92 status:', '5:23 requirement:'],
  )
})

test('a domain that stands there twice is named with both its lines, however it is written', () => {
  const lines = said([HEADER, line(), '', line({ domain: 'ROYAL.example.test', status: 'retired' })].join('\n'))
  assert.deepEqual(lines, ['4:1 domain: royal.example.test stands on line 2 already; take one of the two out'])
})

test('wrong quotes are named with their place', () => {
  assert.match(said(`${HEADER}\n"royal.example.test,no`)[0] ?? '', /^2:1 : a quote that is not closed on this line/)
  assert.match(said(`${HEADER}\nroyal"x",no`)[0] ?? '', /^2:6 : a quote inside a field/)
  assert.match(said(`${HEADER}\n"royal"x,no`)[0] ?? '', /^2:8 : expected a comma or the end of the line/)
})

test('too few fields and too many are named', () => {
  assert.deepEqual(said(`${HEADER}\nroyal.example.test,no`), ['2:1 : expected 13 fields, as the header has; found 2'])
  assert.deepEqual(said(`${HEADER}\n${line()},`), ['2:1 : expected 13 fields, as the header has; found 14'])
})

test('a header that is wrong is told once, with what was meant', () => {
  const lines = said(`${HEADER.replace('status', 'statuss').replace('owner', 'domain')}\n${line()}\n${line()}`)
  assert.match(lines.join('\n'), /unknown column 'statuss'; did you mean status\?/)
  assert.match(lines.join('\n'), /domain: this column stands here twice/)
  assert.match(lines.join('\n'), /missing: owner, status/)
  assert.equal(lines.length, 3)
})

test('an empty file, and one of comments alone, lacks its header', () => {
  for (const text of ['', '# nothing\n']) assert.match(said(text)[0] ?? '', /^0:0 : is empty; expected its first line/)
})

test('a file has an end to its lines, and a line to its length', () => {
  const long = said(`${HEADER}\n#${'x'.repeat(REGISTER_LIMITS.lineLength)}`)
  assert.match(long[0] ?? '', /^2:1 : has 16385 characters; a line may have 16384/)
  assert.ok(parseRegister('f', `${HEADER}\n#${'x'.repeat(REGISTER_LIMITS.lineLength - 1)}`).ok)
  const many = said(`${HEADER}\n${'\n'.repeat(REGISTER_LIMITS.lines)}`)
  assert.match(many[0] ?? '', /^0:0 : has 100001 lines; it may have 100000/)
  assert.ok(parseRegister('f', `${HEADER}\n${'\n'.repeat(REGISTER_LIMITS.lines - 1)}`).ok)
})

test('what a file holds reaches messages without control characters, and shortened', () => {
  const [message = ''] = said(`${HEADER}\n${line({ status: `\u001b[31m${'x'.repeat(200)}` })}`)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  assert.doesNotMatch(message, /[\u0000-\u001f]/)
  assert.ok(message.length < 150)
})

const cell = fc.string({ unit: 'grapheme', maxLength: 20 }).map((text) => text.replace(/[\r\n]/g, ' ').trim())

test('whatever fields hold, they are read back as they were written', () => {
  fc.assert(
    fc.property(fc.array(cell, { minLength: 1, maxLength: 8 }), (cells) => {
      const written = writeCells(cells)
      const read = readCells(written)
      assert.ok(read.ok)
      assert.deepEqual(
        read.cells.map(({ text }) => text),
        cells,
      )
      assert.ok(!written.startsWith('#'))
    }),
  )
})

const label = fc.stringMatching(/^[a-z][a-z0-9]{0,10}$/)
const name = fc.stringMatching(/^[A-Za-zäöüß"#,;' ]{1,40}$/).filter((text) => text.trim() !== '')
const days = fc.integer({ min: 0, max: 20_000 }).map((days) => new Date(Date.UTC(2000, 0, 1) + days * 86_400_000))
const anyEntry = fc
  .record({
    labels: fc.array(label, { minLength: 2, maxLength: 4 }),
    subdomains: fc.constantFrom('yes', 'no'),
    requirement: fc.constantFrom('verified', 'dane', 'pinned'),
    hex: fc.array(fc.stringMatching(/^[0-9a-f]{64}$/), { minLength: 1, maxLength: 3 }),
    owner: name,
    first: name,
    reviewed: days,
    nextHop: fc.constantFrom('', 'mail.example.test', '192.0.2.1:26', '[2001:db8::1]:27'),
    ciphers: fc.constantFrom('', 'TLS_AES_128_GCM_SHA256', 'TLS_AES_128_GCM_SHA256:ECDHE-RSA-AES128-GCM-SHA256'),
    minTls: fc.constantFrom('TLSv1.2', 'TLSv1.3'),
    status: fc.constantFrom('active', 'retired'),
  })
  .map((found) => {
    const fields = {
      domain: found.labels.join('.'),
      subdomains: found.subdomains,
      requirement: found.requirement,
      fingerprints: found.requirement === 'pinned' ? found.hex.join(' ') : '',
      'min-tls': found.minTls,
      ciphers: found.ciphers,
      'next-hop': found.nextHop,
      owner: found.owner,
      'reviewed-on': found.reviewed.toISOString().slice(0, 10),
      'expires-on': new Date(found.reviewed.getTime() + 86_400_000).toISOString().slice(0, 10),
      'approver-1': found.first,
      'approver-2': `${found.first} the other`,
      status: found.status,
    }
    return HEADER.split(',').map((column) => fields[column as keyof typeof fields])
  })

test('whatever an entry says, it says the same after it was written and read', () => {
  fc.assert(
    fc.property(anyEntry, fc.shuffledSubarray(HEADER.split(','), { minLength: 13 }), (fields, order) => {
      const first = register(writeCells(fields)).lines[1]?.entry
      assert.ok(first)
      const columns = registerFrom(order.join(',')).columns
      const again = registerFrom(`${order.join(',')}\n${lineOf(first, columns).text}`).lines[1]?.entry
      assert.deepEqual(again, first)
    }),
    { numRuns: 50 },
  )
})

test('any text is read or refused with a problem, and never throws', () => {
  const piece = fc.oneof(fc.constantFrom(',', '"', '\n', '#', HEADER, line()), fc.string({ maxLength: 10 }))
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
      const read = parseRegister('f', pieces.join(''))
      assert.ok(read.ok || read.problems.length > 0)
    }),
  )
})

test('the entry of a name itself counts before those above it, the longest of those first', () => {
  const now = Date.UTC(2026, 8, 1)
  const of = (domain: string, more: object = {}) => entry({ domain, subdomains: 'yes', ...more })
  const known = registerOf([
    of('example.test'),
    of('a.example.test', { status: 'retired' }),
    of('b.a.example.test', { subdomains: 'no' }),
    of('old.example.test', { 'reviewed-on': '2025-01-01', 'expires-on': '2026-09-01' }),
  ])
  const standing = (domain: string) => standingOf(domain, known, now).is
  assert.equal(standing('x.example.test'), 'secure')
  assert.equal(standing('x.a.example.test'), 'retired')
  assert.equal(standing('b.a.example.test'), 'secure')
  assert.equal(standing('c.b.a.example.test'), 'retired')
  assert.equal(standing('old.example.test'), 'expired')
  assert.equal(standing('myexample.test'), 'unknown')
  assert.equal(standingOf('old.example.test', known, now - 1).is, 'secure')
})
