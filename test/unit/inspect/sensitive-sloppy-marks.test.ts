import assert from 'node:assert/strict'
import { test } from 'node:test'
import { markOf } from '../../../src/inspect/plugins/sensitive/marks.ts'
import { parseSensitiveOptions } from '../../../src/inspect/plugins/sensitive/options.ts'
import { parseHeader } from '../../../src/mail/header.ts'

// Programs that write encoded words wrongly are many, and readers that show them all the same, too.

const { marks } = parseSensitiveOptions({ tags: ['[secure]', '[geschützt]', '机密'], headers: ['X-Secure: yes'] })

const mark = (header: string | Buffer) => markOf(parseHeader(Buffer.from(header)).fields, marks)
const base64 = (text: string) => Buffer.from(text).toString('base64')
const utf16 = (text: string) => Buffer.from(`\ufeff${text}`, 'utf16le').swap16().toString('base64')

const SLOPPY = [
  ['with a question mark in the word', '=?utf-8?Q?=5Bsecure=5D_are_you_there??='],
  ['with a question mark before it', '=?utf-8?Q?there?_=5Bsecure=5D?='],
  ['with blanks in the word', '=?utf-8?Q?=5Bsecure=5D are you there?='],
  ['in a word without an end', '=?utf-8?Q?=5Bsecure=5D_results'],
  ['in base64 without an end', `=?utf-8?B?${base64('[secure] results')}`],
  ['with a blank after the character set', '=?utf-8 ?Q?=5Bsecure=5D?='],
  ['without a character set', '=??Q?=5Bsecure=5D?='],
  ['cut in two where one word is wrong', '=?utf-8?Q?there?_=5Bsec?= =?utf-8?Q?ure=5D?='],
  ['in UTF-7', '=?utf-7?Q?+AFs-secure+AF0-_results?='],
  ['in UTF-16 with its mark', `=?utf-16?B?${utf16('[secure] results')}?=`],
  ['with control characters in it', '[se\u0000cu\u0008re] results'],
  ['in Latin 1 that says it is UTF-8', '=?utf-8?Q?=5Bgesch=FCtzt=5D?='],
] as const

for (const [how, subject] of SLOPPY) {
  test(`the tag is found ${how}`, () => {
    assert.equal(mark(`From: a@b.test\r\nSubject: ${subject}\r\n`), 'subject')
  })
}

test('a tag with letters beyond ASCII is found in bytes that are not UTF-8', () => {
  assert.equal(mark(Buffer.from('Subject: [gesch\u00fctzt] Befund\r\n', 'latin1')), 'subject')
  assert.equal(mark(Buffer.from('Subject: [gew\u00fcrzt] Befund\r\n', 'latin1')), null)
  assert.equal(mark(Buffer.from('Subject: M\u00fcller\r\n', 'latin1')), null)
})

test('a value is the same in quotes and beside a comment', () => {
  for (const value of ['"yes"', 'yes (really)', '=?utf-8?Q?yes?='])
    assert.equal(mark(`X-Secure: ${value}\r\n`), 'header')
  for (const value of ['no (yes)', 'yes yes']) assert.equal(mark(`X-Secure: ${value}\r\n`), null)
})

test('subjects made to be hard to read are read in a moment', () => {
  const pieces = ['=?utf-7', '?= ', '=?utf-8?B?', '+AF', '((', '=?q?b?', ' ']
  const started = performance.now()
  for (const piece of pieces)
    mark(`Subject: =?${piece.repeat(Math.floor(200_000 / piece.length))}\r\nX-Secure: (${piece.repeat(20_000)}\r\n`)
  assert.ok(performance.now() - started < 5_000, `it took ${performance.now() - started} ms`)
})
