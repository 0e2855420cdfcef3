import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { canonicalJson, type Plain } from '../../../src/mail/canonical-json.ts'

test('names stand in the order of their UTF-16 code units, as in the example of RFC 8785', () => {
  const value = { '\u20ac': 1, '\r': 2, '\ufb33': 3, '1': 4, '\ud83d\ude00': 5, '\u0080': 6, '\u00f6': 7 }
  assert.deepEqual([...canonicalJson(value).matchAll(/:(\d)/g)].map(([, n]) => n).join(''), '2467153')
})

test('text is escaped as ECMAScript does it, and no more', () => {
  assert.equal(canonicalJson({ a: '\u20ac$\u000f\nA\'B"\\/\u007f' }), '{"a":"\u20ac$\\u000f\\nA\'B\\"\\\\/\u007f"}')
  assert.equal(canonicalJson([true, null, 0, -5, '']), '[true,null,0,-5,""]')
})

for (const [what, value] of [
  ['a fraction', 0.5],
  ['a number that is not exact', 2 ** 53],
  ['minus zero', -0],
  ['not a number', Number.NaN],
  ['half a surrogate pair', 'a\ud800'],
  ['half a surrogate pair in a name', { '\ud800': 1 }],
  ['undefined', undefined as unknown as Plain],
] as const) {
  test(`${what} has no canonical form`, () => {
    assert.throws(() => canonicalJson(value), TypeError)
  })
}

test('whatever has a form is read back from it, and has the same form in whatever order it was made', () => {
  const { plain } = fc.letrec<{ plain: Plain }>((tie) => ({
    plain: fc.oneof(
      { maxDepth: 3 },
      fc.constant(null),
      fc.boolean(),
      fc.integer().map((n) => n + 0),
      fc.string({ unit: 'grapheme' }),
      fc.array(tie('plain'), { maxLength: 4 }),
      fc.dictionary(fc.string(), tie('plain'), { maxKeys: 4, noNullPrototype: true }),
    ),
  }))
  fc.assert(
    fc.property(plain, (value) => {
      const form = canonicalJson(value)
      assert.equal(canonicalJson(JSON.parse(form)), form)
      assert.equal(canonicalJson(backwards(value)), form)
    }),
  )
})

function backwards(value: Plain): Plain {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(backwards)
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([name, member]) => [name, backwards(member)]),
  )
}
