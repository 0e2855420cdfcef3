import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeText } from '../../../../src/mail/mime/charset.ts'
import { bodyDecoder, decodeBody, decodeBytes } from '../../../../src/mail/mime/decode.ts'
import type { Encoding } from '../../../../src/mail/mime/part.ts'
import { readMime } from '../../../../src/mail/mime/reader.ts'
import { findUuBlocks } from '../../../../src/mail/mime/uuencode.ts'
import { bytesOf } from './helpers.ts'

function decoded(text: string, encoding: Encoding): [string, ...string[]] {
  const { bytes, flaws } = decodeBytes(Buffer.from(text, 'latin1'), encoding, 1_000_000)
  return [bytes.toString('latin1'), ...flaws]
}

test('base64 is decoded, and what is odd about it is said', () => {
  const cases: readonly (readonly [string, ...string[]])[] = [
    ['', ''],
    ['YWJj', 'abc'],
    ['YW\r\nJj\r\n', 'abc'],
    ['YWI=', 'ab'],
    ['YQ==', 'a'],
    ['YQ', 'a'],
    ['YWI', 'ab'],
    ['YWJjZ', 'abc', 'invalid-base64'],
    ['YW-Jj', 'abc', 'invalid-base64'],
    ['YQ==YmM=', 'abc', 'base64-after-end'],
    ['=YWJj', 'abc', 'invalid-base64', 'base64-after-end'],
    ['!!', '', 'invalid-base64'],
  ]
  for (const [text, ...expected] of cases) assert.deepEqual(decoded(text, 'base64'), expected, text)
})

test('quoted-printable is decoded, and what is odd about it is said', () => {
  const cases: readonly (readonly [string, ...string[]])[] = [
    ['', ''],
    ['caf=E9', 'caf\xe9'],
    ['caf=e9', 'caf\xe9'],
    ['a=\r\nb', 'ab'],
    ['a= \t\r\nb', 'ab'],
    ['a=\nb', 'ab'],
    ['a \t\r\nb', 'a\r\nb'],
    ['a  b', 'a  b'],
    ['a  ', 'a'],
    ['a=20\r\n', 'a \r\n'],
    ['a=', 'a'],
    ['a=  ', 'a'],
    ['1=2', '1=2', 'invalid-quoted-printable'],
    ['1=zz2', '1=zz2', 'invalid-quoted-printable'],
    ['= x', '= x', 'invalid-quoted-printable'],
    ['=\rx', '=\rx', 'invalid-quoted-printable'],
    ['a\rb \r', 'a\rb \r'],
    ['\xe9', '\xe9'],
  ]
  for (const [text, ...expected] of cases) assert.deepEqual(decoded(text, 'quoted-printable'), expected, text)
})

const UU = 'begin 644 a.txt\n#86)C\n$9&5F9P``\n`\nend\n'

test('uuencoded parts are decoded, and blocks of it found within text', () => {
  assert.deepEqual(decoded(UU, 'uuencode'), ['abcdefg'])
  assert.deepEqual(decoded(UU.replaceAll('\n', '\r\n'), 'uuencode'), ['abcdefg'])
  assert.deepEqual(decoded('begin 644 x\n#86)C\n', 'uuencode'), ['abc', 'invalid-uuencode'])
  const text = Buffer.from(`Hello.\r\nbegin to read\r\n${UU}Bye.\r\n${UU}begin 600 open\n#86)C\n`)
  const blocks = findUuBlocks(text)
  assert.deepEqual(
    blocks.map(({ name }) => name),
    ['a.txt', 'a.txt', 'open'],
  )
  const [first] = blocks
  assert.ok(first)
  assert.equal(decoded(text.toString('latin1', first.start, first.end), 'uuencode')[0], 'abcdefg')
  assert.equal(blocks.at(-1)?.end, text.length)
  assert.equal(findUuBlocks(text, 1).length, 1)
})

const ENCODINGS = ['base64', 'quoted-printable', 'uuencode', '7bit'] as const

test('whatever the pieces, the content is the same', () => {
  const alphabet = fc.constantFrom(
    ...'ABab09+/=-',
    '=3D',
    '=\r\n',
    '\r\n',
    ' ',
    '\t',
    '\n',
    '\r',
    'begin 644 x\n',
    '\nend\n',
  )
  const property = fc.property(
    fc.array(alphabet, { maxLength: 60 }),
    fc.constantFrom(...ENCODINGS),
    fc.integer({ min: 1, max: 9 }),
    (chars, encoding, size) => {
      const bytes = Buffer.from(chars.join(''))
      const decoder = bodyDecoder(encoding)
      const pieces: Buffer[] = []
      for (let at = 0; at < bytes.length; at += size) pieces.push(decoder.push(bytes.subarray(at, at + size)))
      pieces.push(decoder.end())
      const whole = decodeBytes(bytes, encoding, 10_000)
      assert.deepEqual(Buffer.concat(pieces).toString('latin1'), whole.bytes.toString('latin1'))
      assert.deepEqual([...decoder.flaws].sort(), [...whole.flaws].sort())
    },
  )
  fc.assert(property, { numRuns: 500 })
})

test('base64 of any bytes comes back, with lines of any length', () => {
  const property = fc.property(fc.uint8Array({ maxLength: 300 }), fc.integer({ min: 1, max: 80 }), (bytes, width) => {
    const lines = Buffer.from(bytes)
      .toString('base64')
      .replace(new RegExp(`.{${width}}`, 'g'), '$&\r\n')
    const back = decodeBytes(Buffer.from(lines), 'base64', 10_000)
    assert.deepEqual([...back.bytes], [...bytes])
    assert.deepEqual([...back.flaws], [])
  })
  fc.assert(property, { numRuns: 200 })
})

test('no more is decoded than the limit', () => {
  const text = Buffer.from('x'.repeat(1000))
  const bodies = { base64: text.toString('base64'), 'quoted-printable': `${text}`, '7bit': `${text}` } as const
  for (const encoding of ['base64', 'quoted-printable', '7bit'] as const) {
    const body = Buffer.from(bodies[encoding])
    const at = decodeBytes(body, encoding, 1000)
    assert.deepEqual([at.bytes.length, at.complete], [1000, true])
    const over = decodeBytes(body, encoding, 999)
    assert.deepEqual([over.bytes.length, over.complete], [999, false])
  }
  const large = Buffer.alloc(8_000_000, 'QUJD')
  assert.deepEqual(decodeBytes(large, 'base64', 6_000_000).bytes.length, 6_000_000)
})

test('a body is cut from its message and decoded', () => {
  const bytes = bytesOf(
    'Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Transfer-Encoding: base64\n\nYWJj\n--b--\n',
  )
  const [part] = readMime(bytes).root.children
  assert.ok(part)
  assert.equal(decodeBody(bytes, part, 10).bytes.toString(), 'abc')
})

test('character sets are decoded by any of their names', () => {
  const cases: readonly (readonly [string | null, readonly number[], string, boolean])[] = [
    ['utf-8', [0xc5, 0xb5], 'ŵ', true],
    ['ISO-8859-1', [0xe9], 'é', true],
    ['iso-8859-15', [0xa4], '€', true],
    ['Windows-1252', [0x80], '€', true],
    ['cp-1252', [0x80], '€', true],
    ['ks_c_5601-1987', [0xc7, 0xd1], '한', true],
    ['cp932', [0x82, 0xa0], 'あ', true],
    ['utf-16le', [0x41, 0], 'A', true],
    [null, [0xc3, 0xa9], 'é', true],
    [null, [0xe9], 'é', true],
    ['klingon', [0xe9], 'é', false],
    ['utf-8', [0xff], '\ufffd', true],
    ['constructor', [0x41], 'A', false],
  ]
  for (const [label, bytes, text, known] of cases) {
    assert.deepEqual(decodeText(Buffer.from(bytes), label), { text, known }, String(label))
  }
})
