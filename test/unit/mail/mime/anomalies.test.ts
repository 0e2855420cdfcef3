import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ANOMALY_KINDS, type AnomalyKind, weightOf } from '../../../../src/mail/mime/anomaly.ts'
import { readMime } from '../../../../src/mail/mime/reader.ts'
import { kinds, outline, read } from './helpers.ts'

const MIXED = 'Content-Type: multipart/mixed; boundary=b\n'
const long = 'x'.repeat(71)

/** Messages that hide something, or try to. */
const TRICKS: readonly (readonly [message: string, expected: readonly AnomalyKind[]])[] = [
  [`${MIXED}Content-Type: text/plain\n\n--b\n\nx\n--b--\n`, ['conflicting-field']],
  ['Content-Type: text/plain\nContent-Type: text/plain\n\n', ['duplicate-field']],
  ['Content-Transfer-Encoding: base64\nContent-Transfer-Encoding: 7bit\n\nxxxx', ['conflicting-field']],
  ['Content-Transfer-Encoding: rot13\n\nx', ['unknown-encoding']],
  ['Content-Transfer-Encoding: base64 (7bit)\n\nx', ['field-comment']],
  [`${MIXED}Content-Transfer-Encoding: base64\n\n--b\n\nx\n--b--\n`, ['encoded-multipart']],
  ['Content-Type: multipart/mixed\n\n--b\n\nx\n--b--\n', ['boundary-missing']],
  ['Content-Type: multipart/mixed; boundary=""\n\n--\n\nx\n----\n', ['boundary-missing']],
  [`Content-Type: multipart/mixed; boundary=${long}\n\n--${long}\n\nx\n--${long}--\n`, ['boundary-too-long']],
  ['Content-Type: multipart/mixed; boundary="b "\n\n--b\n\nx\n--b--\n', ['boundary-malformed']],
  ['Content-Type: multipart/mixed; boundary="b" c\n\n--b\n\nx\n--b--\n', ['boundary-malformed', 'malformed-parameter']],
  ['Content-Type: multipart/mixed; boundary="b@c"\n\n--b@c\n\nx\n--b@c--\n', ['boundary-odd']],
  ['Content-Type: multipart/mixed; boundary=b; boundary=c\n\n--b\n\nx\n--b--\n', ['duplicate-parameter']],
  [`${MIXED}\nnothing\n`, ['no-parts']],
  [`${MIXED}\n--b\n\nx\n`, ['unterminated']],
  [`${MIXED}\n--b\n\nx\n--b--\n--b\n\ny\n--b--\n`, ['reopened']],
  [`${MIXED}\n--b\n\nx\n--b--\nMore.\n`, ['epilogue']],
  [`${MIXED}\n--b\n\nx\n--bad\n--b--\n`, ['boundary-lookalike']],
  [`${MIXED}\n--b\n${MIXED}\n--b\n\nx\n--b--\n--b--\n`, ['boundary-repeated']],
  [`${MIXED}\n--b\nContent-Type: multipart/mixed; boundary=b2\n\n--b2\n\nx\n--b2--\n--b--\n`, ['boundary-prefix']],
  ['Content-Type: message/partial; id=x; number=1; total=2\n\nx', ['partial']],
  ['Content-Type: message/external-body; access-type=URL\n\nx', ['external-body']],
  ['Content-Type: text/html; charset=utf-7\n\n+ADw-script+AD4-\n', ['charset-utf7']],
  ['Content-Type: text/html; charset=UNICODE-1-1-UTF-7\n\nx', ['charset-utf7']],
  ['Content-Type: text/html; charset=klingon\n\nx', ['charset-unknown']],
  ['Content-Type: text\n\nx', ['malformed-type']],
  ['Content-Type: text / plain\n\nx', ['malformed-type']],
  ['Content-Type: text/plain (a comment); charset=utf-8\n\nx', ['field-comment']],
  ['Content-Type : text/plain\n\nx', ['header-space']],
  ['Subject: x\n \nContent-Type: text/plain\n\nx', ['header-folding']],
  [' folded\nSubject: x\n\nx', ['header-malformed']],
  ['no field\nSubject: x\n\nx', ['header-malformed']],
  ['Subject: \0\n\nx', ['header-nul']],
  ['Subject: \xe9\n\nx', ['header-8bit']],
  [`${MIXED}\n--b\nContent-Type: text/html\n--b--\n`, ['header-unterminated']],
  ['Content-Disposition: a b; filename=x\n\nx', ['malformed-disposition']],
  ['Content-Disposition: attachment; filename="a\x01.pdf"\n\nx', ['deceptive-name']],
  ['Content-Disposition: attachment; filename="=?nope?b?YQ==?="\n\nx', ['malformed-name', 'malformed-parameter']],
  ['Content-Type: text/plain; name=a.txt\nContent-Disposition: attachment; filename=a.exe\n\nx', ['conflicting-names']],
]

test('each trick is seen, and nothing else', () => {
  for (const [message, expected] of TRICKS)
    assert.deepEqual(kinds(read(message)), [...expected], JSON.stringify(message))
})

test('a CR or LF by itself in a header is seen', () => {
  for (const text of [
    'Subject: a\rContent-Type: text/html\r\n\r\nx',
    'Subject: a\nTo: b\r\n\r\nx',
    'Subject: a\r\n\nx',
  ]) {
    const found = kinds(readRaw(text))
    assert.deepEqual(found, ['header-line-end'], JSON.stringify(text))
  }
})

const readRaw = (text: string) => readMime(Buffer.from(text, 'latin1'))

test('a part after the closing boundary is found all the same', () => {
  const mime = read(`${MIXED}\n--b\n\nx\n--b--\n--b\nContent-Type: application/zip\n\ny\n--b--\n`)
  assert.deepEqual(outline(mime), ['1 multipart/mixed', '1.1 text/plain', '1.2 application/zip'])
})

test('with the same boundary on two levels the outer one goes on after the inner has closed', () => {
  const mime = read(`${MIXED}\n--b\n${MIXED}\n--b\n\nx\n--b--\n--b\nContent-Type: application/zip\n\ny\n--b--\n`)
  assert.deepEqual(outline(mime), [
    '1 multipart/mixed',
    '1.1 multipart/mixed',
    '1.1.1 text/plain',
    '1.2 application/zip',
  ])
})

test('a boundary that is another one with two dashes after it is told from its end', () => {
  const inner = 'Content-Type: multipart/mixed; boundary="b--"\n'
  const mime = read(`${MIXED}\n--b\n${inner}\n--b--\nContent-Type: text/html\n\nx\n--b----\n--b\n\ny\n--b--\n`)
  assert.ok(outline(mime).includes('1.1.1 text/html'))
  assert.deepEqual(kinds(mime).slice(0, 1), ['boundary-prefix'])
})

test('the inner multipart ends where the boundary of the outer comes', () => {
  const inner = 'Content-Type: multipart/alternative; boundary=i\n'
  const mime = read(`${MIXED}\n--b\n${inner}\n--i\n\nx\n--b\nContent-Type: application/zip\n\ny\n--b--\n`)
  assert.deepEqual(outline(mime), [
    '1 multipart/mixed',
    '1.1 multipart/alternative',
    '1.1.1 text/plain',
    '1.2 application/zip',
  ])
  assert.deepEqual(mime.anomalies, [{ kind: 'unterminated', weight: 'doubtful', part: '1.1' }])
})

test('every type that repeated fields give is there to be looked at', () => {
  const { root } = read('Content-Type: text/plain\nContent-Type: application/zip; name=x.zip\n\nx')
  assert.equal(root.type.full, 'text/plain')
  assert.deepEqual(
    root.otherTypes.map(({ value }) => value),
    ['application/zip'],
  )
})

test('where nothing was read to its end, the anomaly is ambiguous', () => {
  for (const kind of ['too-deep', 'too-many-parts', 'header-too-large', 'too-many-parameters'] as const) {
    assert.equal(weightOf(kind), 'ambiguous')
  }
  assert.ok(ANOMALY_KINDS.length > 30)
})
