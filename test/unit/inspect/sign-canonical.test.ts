import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import fc from 'fast-check'
import { type BodyCanon, BodyHash } from '../../../src/inspect/dkim/body.ts'
import { bodyStart, rawFields, relaxedField } from '../../../src/inspect/dkim/header.ts'

type Hasher = { update(bytes: Buffer): void; digest(encoding: string): string; canonicalizedLength: number }
const { dkimBody } = createRequire(import.meta.url)('mailauth/lib/dkim/body/index.js') as {
  dkimBody(canon: string, algorithm: string, limit: number | ''): Hasher
}

function hashOf(canon: BodyCanon, pieces: readonly Buffer[], limit = Infinity): string {
  const hash = new BodyHash(canon, 'sha256', limit)
  for (const piece of pieces) hash.update(piece)
  return hash.digest()
}

const sha256 = (text: string): string => createHash('sha256').update(text, 'latin1').digest('base64')

const known: readonly (readonly [BodyCanon, body: string, canonical: string])[] = [
  // RFC 6376 section 3.4.5
  ['relaxed', ' C \r\nD \t E\r\n\r\n\r\n', ' C\r\nD E\r\n'],
  ['simple', ' C \r\nD \t E\r\n\r\n\r\n', ' C \r\nD \t E\r\n'],
  ['simple', '', '\r\n'],
  ['relaxed', '', ''],
  ['simple', '\r\n\r\n', '\r\n'],
  ['relaxed', '\r\n\r\n', ''],
  ['relaxed', ' \t \r\n', ''],
  ['relaxed', 'text', 'text\r\n'],
  ['simple', 'text', 'text\r\n'],
  ['relaxed', 'text \t', 'text\r\n'],
  ['simple', 'text \t', 'text \t\r\n'],
  ['relaxed', '\t\r\n\r\n  a', '\r\n\r\n a\r\n'],
  ['simple', '\r\n a', '\r\n a\r\n'],
]
for (const [canon, body, canonical] of known) {
  test(`${canon} makes ${JSON.stringify(body)} into ${JSON.stringify(canonical)}, wherever it is cut`, () => {
    const bytes = Buffer.from(body)
    for (let cut = 0; cut <= bytes.length; cut++) {
      assert.equal(hashOf(canon, [bytes.subarray(0, cut), bytes.subarray(cut)]), sha256(canonical), `cut at ${cut}`)
    }
    assert.equal(
      hashOf(
        canon,
        [...bytes].map((byte) => Buffer.of(byte)),
      ),
      sha256(canonical),
    )
  })
}

// what canonical forms are about, with text and bytes above 127 between
const bodies = fc
  .array(fc.constantFrom('\r\n', ' ', '\t', 'a', 'text', '\u00e9', '\r\n\r\n', '  ', '.', '--x'), { maxLength: 60 })
  .map((parts) => Buffer.from(parts.join(''), 'latin1'))

test('any body, cut anywhere, has the hash that another implementation gives it', () => {
  const cuts = fc.array(fc.nat(200), { maxLength: 5 })
  fc.assert(
    fc.property(fc.constantFrom<BodyCanon>('simple', 'relaxed'), bodies, cuts, (canon, bytes, places) => {
      const other = dkimBody(canon, 'sha256', '')
      other.update(bytes)
      const sorted = [0, ...places.map((at) => Math.min(at, bytes.length)), bytes.length].sort((a, b) => a - b)
      const pieces = sorted.slice(1).map((end, i) => bytes.subarray(sorted[i], end))
      assert.equal(hashOf(canon, pieces), other.digest('base64'))
    }),
    { numRuns: 500 },
  )
})

test('a limit cuts the canonical body, and the rest is counted', () => {
  fc.assert(
    fc.property(fc.constantFrom<BodyCanon>('simple', 'relaxed'), bodies, fc.nat(50), (canon, bytes, limit) => {
      const other = dkimBody(canon, 'sha256', limit)
      other.update(bytes)
      const ours = new BodyHash(canon, 'sha256', limit)
      ours.update(bytes)
      assert.equal(ours.digest(), other.digest('base64'))
      assert.equal(ours.length, other.canonicalizedLength)
      assert.equal(ours.hashed, Math.min(limit, ours.length))
    }),
    { numRuns: 300 },
  )
})

const BARE = 'a\rb\nc\r\r\n\n\r'
test('CR and LF by themselves are text, wherever they are cut', () => {
  const bytes = Buffer.from(BARE)
  for (let cut = 0; cut <= bytes.length; cut++) {
    const pieces = [bytes.subarray(0, cut), bytes.subarray(cut)]
    assert.equal(hashOf('simple', pieces), sha256(`${BARE}\r\n`))
    assert.equal(hashOf('relaxed', pieces), sha256(`${BARE}\r\n`))
  }
})

for (const [what, text] of [
  ['spaces', ' '.repeat(4_000_000)],
  ['empty lines', '\r\n'.repeat(2_000_000)],
  ['lines of white space', ' \t\r\n'.repeat(1_000_000)],
  ['a line without end', 'x'.repeat(4_000_000)],
] as const) {
  test(`a body of ${what} takes no longer than its length`, () => {
    const bytes = Buffer.from(`a${text}b`)
    const pieces = Array.from({ length: 64 }, (_, i) =>
      bytes.subarray((i * bytes.length) / 64, ((i + 1) * bytes.length) / 64),
    )
    const started = process.cpuUsage()
    hashOf('relaxed', pieces)
    const { user, system } = process.cpuUsage(started)
    assert.ok((user + system) / 1000 < 3_000, `${(user + system) / 1000} ms`)
  })
}

test('fields are parted at lines that begin one; other lines belong to the field above', () => {
  const fields = rawFields(Buffer.from('A: 1\r\n folded\r\nno field\r\nB : 2\r\n\r\n'))
  assert.deepEqual(fields, [
    { name: 'A', text: 'A: 1\r\n folded\r\nno field' },
    { name: 'B', text: 'B : 2' },
  ])
  assert.deepEqual(rawFields(Buffer.from('\r\n')), [])
})

test('the relaxed form of a field is that of RFC 6376 section 3.4.2', () => {
  assert.equal(relaxedField('A: X '), 'a:X')
  assert.equal(relaxedField('B : Y\t\r\n\tZ  '), 'b:Y Z')
  assert.equal(relaxedField('Subject:'), 'subject:')
  assert.equal(relaxedField('Subject:  \t '), 'subject:')
  assert.equal(relaxedField('X:\r\n \r\n a'), 'x:a')
})

test('the body begins after the first empty line', () => {
  assert.equal(bodyStart(Buffer.from('A: 1\r\n\r\nbody\r\n\r\n')), 8)
  assert.equal(bodyStart(Buffer.from('\r\nbody')), 2)
  assert.equal(bodyStart(Buffer.from('A: 1\r\n')), -1)
})
