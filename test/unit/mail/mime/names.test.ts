import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseFieldValue } from '../../../../src/mail/mime/parameters.ts'
import { fileName } from '../../../../src/mail/mime/part.ts'
import { decodeWords } from '../../../../src/mail/mime/words.ts'
import { read } from './helpers.ts'

/** The name in a message whose fields are these (latin1). */
const nameOf = (fields: string): string | null => fileName(read(`${fields}\n\nx`).root)

test('a file name is found in whatever way it is written', () => {
  const cases: readonly (readonly [string, string | null])[] = [
    ['Content-Disposition: attachment; filename="a b.pdf"', 'a b.pdf'],
    ['Content-Disposition: attachment; filename=a b.pdf', 'a b.pdf'],
    ['Content-Disposition: attachment; FileName = a.pdf', 'a.pdf'],
    ['Content-Disposition: attachment; filename="a\\"b.pdf"', 'a"b.pdf'],
    ['Content-Disposition: attachment; filename="a;b.pdf"', 'a;b.pdf'],
    ['Content-Disposition: attachment; filename="never ends.pdf', 'never ends.pdf'],
    ['Content-Disposition: attachment;\n filename="a\n b.pdf"', 'a b.pdf'],
    ['Content-Disposition: attachment (why); filename=a.pdf (yes)', 'a.pdf'],
    ["Content-Disposition: attachment; filename*=utf-8''%C5%B5.pdf", 'ŵ.pdf'],
    ["Content-Disposition: attachment; filename*=iso-8859-1'cy'caf%E9.pdf", 'café.pdf'],
    ["Content-Disposition: attachment; filename*0*=utf-8''%C5; filename*1*=%B5; filename*2=.pdf", 'ŵ.pdf'],
    ['Content-Disposition: attachment; filename*0=a; filename*1=.pdf', 'a.pdf'],
    ['Content-Disposition: attachment; filename*1=.pdf; filename*0=a', 'a.pdf'],
    ["Content-Disposition: attachment; filename=w.pdf; filename*=utf-8''%C5%B5.pdf", 'ŵ.pdf'],
    ['Content-Disposition: attachment; filename="=?utf-8?Q?=C5=B5.pdf?="', 'ŵ.pdf'],
    ['Content-Disposition: attachment; filename==?utf-8?B?xbUucGRm?=', 'ŵ.pdf'],
    ['Content-Disposition: attachment; filename="=?utf-8?Q?=C5?= =?utf-8?Q?=B5?=.pdf"', 'ŵ.pdf'],
    ['Content-Disposition: attachment; filename="\xc5\xb5.pdf"', 'ŵ.pdf'],
    ['Content-Disposition: attachment; filename="\xe9.pdf"', 'é.pdf'],
    ['Content-Type: application/pdf; name=a.pdf', 'a.pdf'],
    ['Content-Type: application/pdf; name=a.pdf\nContent-Disposition: attachment; filename=b.pdf', 'b.pdf'],
    ['Content-Type: application/pdf', null],
  ]
  for (const [fields, expected] of cases) assert.equal(nameOf(fields), expected, fields)
})

test('every name that a part is given is there, with what the header holds', () => {
  const fields =
    "Content-Type: x/y; name=c.exe\nContent-Disposition: attachment; filename=b.pdf; filename*=utf-8''a.pdf\n\nx"
  assert.deepEqual(read(fields).root.fileNames, [
    { text: 'a.pdf', raw: "utf-8''a.pdf", from: 'filename' },
    { text: 'b.pdf', raw: 'b.pdf', from: 'filename' },
    { text: 'c.exe', raw: 'c.exe', from: 'name' },
  ])
})

test('a name that turns its direction is deceptive', () => {
  const { root, anomalies } = read("Content-Disposition: attachment; filename*=utf-8''ann%E2%80%AEfdp.exe\n\nx")
  assert.equal(fileName(root), 'ann\u202efdp.exe')
  assert.deepEqual(
    anomalies.map(({ kind }) => kind),
    ['deceptive-name'],
  )
})

test('encoded words are decoded as readers do', () => {
  const cases: readonly (readonly [string, string, boolean])[] = [
    ['plain', 'plain', true],
    ['=?utf-8?q?a_b?=', 'a b', true],
    ['=?utf-8?q?a?= =?utf-8?q?b?=', 'ab', true],
    ['=?utf-8?q?a?=  c', 'a  c', true],
    ['x =?utf-8*en?b?YQ==?= y', 'x a y', true],
    ['=?utf-8?b?YWI?=', 'ab', true],
    ['=?utf-8?q?a?= =?iso-8859-1?q?=E9?=', 'aé', true],
    ['=?nope?q?a?=', 'a', false],
    ['=?utf-8?q?=FF?=', '\ufffd', false],
    ['=?utf-8?x?a?=', '=?utf-8?x?a?=', false],
    ['=?', '=?', false],
  ]
  for (const [value, text, sound] of cases) assert.deepEqual(decodeWords(value), { text, sound }, value)
})

test('a field of any characters is read without a throw', () => {
  const chars = fc.constantFrom(...';="\\()*\'%?=0aA \t', 'name', 'utf-8', '=?utf-8?q?', '\xff', '\0')
  const property = fc.property(fc.array(chars, { maxLength: 80 }), (parts) => {
    const { parameters } = parseFieldValue(parts.join(''), 10)
    assert.ok(parameters.size <= 10)
  })
  fc.assert(property, { numRuns: 1000 })
})
