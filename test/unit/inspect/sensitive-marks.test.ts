import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatField } from '../../../src/inspect/fields.ts'
import { OptionsError } from '../../../src/inspect/options.ts'
import { markOf } from '../../../src/inspect/plugins/sensitive/marks.ts'
import { parseSensitiveOptions } from '../../../src/inspect/plugins/sensitive/options.ts'
import { parseHeader } from '../../../src/mail/header.ts'

const { marks } = parseSensitiveOptions({})

const mark = (header: string, given = marks) => markOf(parseHeader(Buffer.from(header)).fields, given)

const SUBJECTS = [
  ['as it is', '[secure] results'],
  ['anywhere', 'Re: Fwd: results [secure]'],
  ['in capitals', '[SECURE] results'],
  ['folded behind it', '[secure]\r\n results'],
  ['in quoted-printable', '=?utf-8?Q?=5Bsecure=5D_results?='],
  ['in base64', `=?UTF-8?B?${Buffer.from('[Secure] résultats').toString('base64')}?=`],
  ['cut in two words', '=?utf-8?q?=5Bsec?=\r\n =?utf-8?q?ure=5D?= results'],
  ['with a language', '=?us-ascii*en?q?=5Bsecure=5D?='],
  ['in another character set', '=?iso-8859-1?q?=5Bsecure=5D_caf=E9?='],
  ['as raw UTF-8', '[secure] Befund für Müller'],
  ['in full width', '［ｓｅｃｕｒｅ］ results'],
  ['with something invisible in it', '[se\u200bcu\u00adre] results'],
] as const

for (const [how, subject] of SUBJECTS) {
  test(`the tag is found ${how}`, () => {
    assert.equal(mark(`From: a@b.test\r\nSubject: ${subject}\r\n`), 'subject')
  })
}

test('what only looks like the tag marks nothing', () => {
  for (const subject of ['secure results', '[secured]', '(secure)', '=?utf-8?q?=5Bsecure?= results', '']) {
    assert.equal(mark(`Subject: ${subject}\r\nX-Note: [secure]\r\n`), null, subject)
  }
})

test('a second subject counts too, as programs differ on which one they show', () => {
  assert.equal(mark('Subject: results\r\nsubject: [secure] results\r\n'), 'subject')
})

test('the tag is found in any subject, however it is written', () => {
  const words = fc.string({ unit: 'grapheme', maxLength: 40 }).filter((text) => !/[\r\n]/.test(text))
  const written = fc.constantFrom('b' as const, 'q' as const)
  fc.assert(
    fc.property(words, words, written, fc.integer({ min: 1, max: 20 }), (before, after, encoding, piece) => {
      const subject = encoded(`${before} [SeCuRe] ${after}`, encoding, piece)
      return mark(`Subject: ${subject}\r\n`) === 'subject'
    }),
    { numRuns: 300 },
  )
})

test('a subject that this relay would write itself is read back', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 60 }), (text) => {
      return mark(formatField('Subject', `${text} [secure] ${text}`)) === 'subject'
    }),
    { numRuns: 200 },
  )
})

/** Encoded words of a few characters each, folded between any two. */
function encoded(text: string, encoding: 'b' | 'q', piece: number): string {
  const bytes = Buffer.from(text)
  const words: string[] = []
  for (let at = 0; at < bytes.length; at += piece) {
    const part = bytes.subarray(at, at + piece)
    const data =
      encoding === 'b'
        ? part.toString('base64')
        : [...part].map((byte) => `=${byte.toString(16).padStart(2, '0').toUpperCase()}`).join('')
    words.push(`=?utf-8?${encoding}?${data}?=`)
  }
  return words.join('\r\n ')
}

test('a header field marks by its name and value, whatever their case', () => {
  assert.equal(mark('x-postern-secure:  YES \r\n'), 'header')
  assert.equal(mark('X-Postern-Secure: no\r\n'), null)
  const own = parseSensitiveOptions({ tags: [], headers: ['Sensitivity: Company-Confidential', 'X-Ward: *'] }).marks
  assert.equal(mark('Sensitivity: company-confidential\r\n', own), 'header')
  assert.equal(mark('Sensitivity: Personal\r\n', own), null)
  assert.equal(mark('X-Ward: 7\r\n', own), 'header')
  assert.equal(mark('Subject: [secure]\r\n', own), null)
})

test('options that could not work are refused in words', () => {
  const wrong: readonly [object, RegExp][] = [
    [{ tags: ['x'] }, /tags/],
    [{ tags: ['\u200b\u200b\u200b'] }, /tags/],
    [{ headers: ['no colon'] }, /headers/],
    [{ outerSubject: 'gr\u00fc\u00df' }, /outerSubject/],
    [{ advice: 'two\r\nlines' }, /advice/],
    [{ key: '/k.pem' }, /belong together/],
    [{ maxEncrypted: 0 }, /maxEncrypted/],
    [{ largest: 1023 }, /largest/],
    [{ tag: '[x]' }, /no option tag/],
  ]
  for (const [options, said] of wrong) {
    assert.throws(
      () => parseSensitiveOptions(options),
      (error: Error) => error instanceof OptionsError && said.test(error.message),
      JSON.stringify(options),
    )
  }
})
