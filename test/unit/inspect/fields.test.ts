import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatField, isFieldName } from '../../../src/inspect/fields.ts'
import { parseHeader } from '../../../src/mail/header.ts'

test('a short field stands on one line', () => {
  assert.equal(formatField('X-A', 'one two'), 'X-A: one two\r\n')
  assert.equal(formatField('X-A', ''), 'X-A:\r\n')
})

test('a long field is folded between its words, and unfolds to what it was', () => {
  const value = Array.from({ length: 60 }, (_, i) => `word${i}`).join(' ')
  const text = formatField('X-A', value)
  for (const line of text.split('\r\n')) assert.ok(line.length <= 78)
  assert.equal(parseHeader(Buffer.from(text)).fields[0]?.value, value)
})

test('whatever the value, there is one field', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (value) => {
      const { fields, malformed } = parseHeader(Buffer.from(formatField('X-A', value)))
      assert.deepEqual([fields.length, malformed], [1, 0])
    }),
  )
})

test('a value that is not ASCII travels as encoded words', () => {
  const value = 'Zoë Björnsdóttir 谢谢 '.repeat(10).trim()
  const text = formatField('X-A', value)
  assert.match(text, /^[\x20-\x7e\r\n]*$/)
  for (const line of text.split('\r\n')) assert.ok(line.length <= 78)
  const words = text.match(/=\?UTF-8\?B\?[^?]*\?=/g) ?? []
  for (const word of words) assert.ok(word.length <= 75)
  const decoded = words.map((word) => Buffer.from(word.slice(10, -2), 'base64').toString()).join('')
  assert.equal(decoded, value)
})

test('names are those of RFC 5322', () => {
  for (const name of ['X-A', 'a', '!weird~']) assert.ok(isFieldName(name), name)
  for (const name of ['', 'X A', 'X:A', 'Ä', 'X\r\n', 'x'.repeat(77)]) assert.ok(!isFieldName(name), name)
  assert.throws(() => formatField('X A', 'x'), RangeError)
})
