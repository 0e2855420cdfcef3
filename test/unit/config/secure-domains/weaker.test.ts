import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mergeOf } from '../../../../src/config/secure-domains/edit.ts'
import { weakenings } from '../../../../src/config/secure-domains/weaker.ts'
import { registerOf } from '../../../../src/mail/secure-domain.ts'
import { entry, line, register } from './support.ts'

const NOW = Date.UTC(2026, 8, 1)
const [A, B] = ['a'.repeat(64), 'b'.repeat(64)]
type Fields = Readonly<Record<string, string>>

const weaker = (before: Fields, after: Fields) => weakenings(registerOf([entry(before)]), entry(after), NOW)

const LESS: readonly [Fields, Fields, RegExp][] = [
  [{}, { status: 'retired' }, /^is not secure any more: retired$/],
  [{}, { 'expires-on': '2026-09-01' }, /^is not secure any more: expired on 2026-09-01$/],
  [{ subdomains: 'yes' }, {}, /^the names below it are not covered any more$/],
  [{ requirement: 'dane' }, {}, /^requirement: dane becomes verified$/],
  [{ requirement: 'pinned', fingerprints: A }, {}, /^requirement: pinned becomes verified$/],
  [
    { requirement: 'pinned', fingerprints: A },
    { requirement: 'pinned', fingerprints: `${A} ${B}` },
    /^fingerprints: a{64} becomes a{64} b{64}$/,
  ],
  [{ 'min-tls': 'TLSv1.3' }, {}, /^min-tls: TLSv1\.3 becomes TLSv1\.2$/],
  [{ ciphers: 'TLS_AES_256_GCM_SHA384' }, {}, /^ciphers: TLS_AES_256_GCM_SHA384 becomes nothing$/],
  [
    { ciphers: 'TLS_AES_256_GCM_SHA384' },
    { ciphers: 'TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256' },
    /^ciphers: .* becomes /,
  ],
  [{ 'next-hop': 'a.test' }, { 'next-hop': 'b.test' }, /^next-hop: a\.test:25 becomes b\.test:25$/],
  [{ 'next-hop': 'a.test' }, {}, /^next-hop: a\.test:25 becomes nothing$/],
]

for (const [before, after, says] of LESS) {
  test(`${JSON.stringify(before)} becoming ${JSON.stringify(after)} is less protection`, () => {
    const lines = weaker(before, after)
    assert.equal(lines.length, 1, lines.join())
    assert.match(lines[0] ?? '', says)
  })
}

test('what protects as much as before, or more, needs no question', () => {
  const same: readonly [Fields, Fields][] = [
    [{}, {}],
    [{}, { 'expires-on': '2028-05-01', owner: 'another' }],
    [{}, { requirement: 'dane', subdomains: 'yes', 'min-tls': 'TLSv1.3', ciphers: 'TLS_AES_128_GCM_SHA256' }],
    [
      { requirement: 'pinned', fingerprints: `${A} ${B}` },
      { requirement: 'pinned', fingerprints: B },
    ],
    [{ status: 'retired', requirement: 'dane' }, {}],
  ]
  for (const [before, after] of same) assert.deepEqual(weaker(before, after), [])
})

test('a new entry below one that covers it is compared with that one', () => {
  const known = registerOf([entry({ domain: 'trust.test', subdomains: 'yes', requirement: 'dane' })])
  const lines = weakenings(known, entry({ domain: 'ward.trust.test' }), NOW)
  assert.deepEqual(lines, ['requirement: dane becomes verified (the entry trust.test protects it now)'])
  assert.deepEqual(weakenings(known, entry({ domain: 'other.test' }), NOW), [])
})

test('a merge counts what is new, what is other, what is the same and what it does not name', () => {
  const known = register(line(), line({ domain: 'b.test' }), line({ domain: 'c.test' }))
  const found = mergeOf(known, [entry(), entry({ domain: 'b.test', subdomains: 'yes' }), entry({ domain: 'd.test' })])
  assert.deepEqual([found.added.length, found.changed.length, found.unchanged, found.left], [1, 1, 1, 1])
})
