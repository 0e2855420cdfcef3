import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { printable, printableJson } from '../../../../src/cli/text/printable.ts'

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not come through
const DANGEROUS = /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\u200b-\u200f\u2028\u2029]/

test('Whatever steers a terminal is written out', () => {
  assert.equal(printable('250 ok\x1b[2J\x07\r\nfake line'), '250 ok\\x1b[2J\\x07\\x0d\\x0afake line')
  assert.equal(printable('a\u202ecod.exe'), 'a\\u202ecod.exe')
  assert.equal(printable('\x9b31m'), '\\x9b31m')
})

test('Text of people passes unchanged', () => {
  for (const text of ['Zoë <zoë@müller.example>', '病院@例え.jp', 'مستشفى@مثال.example', '👩🏽']) {
    assert.equal(printable(text), text)
  }
})

test('Nothing dangerous comes through, as text or as JSON, and JSON keeps its value', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      assert.doesNotMatch(printable(text), DANGEROUS)
      assert.doesNotMatch(printableJson({ text }), DANGEROUS)
      assert.deepEqual(JSON.parse(printableJson({ text })), { text })
    }),
  )
  assert.deepEqual(JSON.parse(printableJson('\x1b\u202e"\\\ud800')), '\x1b\u202e"\\\ud800')
})
