import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeAddition } from '../../../../../src/mail/mime/insert/addition.ts'
import { crlf, kinds } from '../helpers.ts'
import { contentAt, put, putInto, TEXT } from './helpers.ts'

/** What stands in the body of a single text part afterwards, as it stands there. */
async function body(fields: string, text: string, options = {}): Promise<string> {
  const header = crlf(`Subject: x\n${fields}\n`)
  const { text: after } = await putInto(header + text, options)
  assert.ok(after.startsWith(header))
  return after.slice(header.length)
}

const PLAIN = 'Content-Type: text/plain; charset=utf-8\n'
const QP = `${PLAIN}Content-Transfer-Encoding: quoted-printable\n`
const BASE64 = `${PLAIN}Content-Transfer-Encoding: base64\n`
const QP_TEXT = TEXT.replace('-- \r', '--=20\r')

test('a plain text gets it below, after an empty line', async () => {
  for (const fields of ['', PLAIN, 'Content-Type: text/plain\n', `${PLAIN}Content-Transfer-Encoding: 8bit\n`]) {
    assert.equal(await body(fields, 'Hello.\r\n'), `Hello.\r\n\r\n${TEXT}\r\n`)
    assert.equal(await body(fields, 'Hello.'), `Hello.\r\n\r\n${TEXT}\r\n`)
    assert.equal(await body(fields, ''), `${TEXT}\r\n`)
  }
})

test('or above', async () => {
  assert.equal(await body(PLAIN, 'Hello.\r\n', { place: 'top' }), `${TEXT}\r\n\r\nHello.\r\n`)
  assert.equal(await body(PLAIN, '', { place: 'top' }), `${TEXT}\r\n`)
  const mark = '\xef\xbb\xbf'
  assert.equal(await body(PLAIN, `${mark}Hello.\r\n`, { place: 'top' }), `${mark}${TEXT}\r\n\r\nHello.\r\n`)
})

test('quoted-printable is added in quoted-printable, and what was there stays as it was written', async () => {
  const cases: readonly (readonly [string, string])[] = [
    ['caf=C3=A9 =\r\nlong\r\n', `caf=C3=A9 =\r\nlong\r\n\r\n${QP_TEXT}\r\n`],
    ['Hello.', `Hello.\r\n\r\n${QP_TEXT}\r\n`],
    // an open soft line break must not swallow the new line
    ['Hello.=', `Hello.=\r\n\r\n\r\n${QP_TEXT}\r\n`],
    ['Hello.=\r\n', `Hello.=\r\n\r\n\r\n${QP_TEXT}\r\n`],
    ['Hello.= ', `Hello.= \r\n\r\n\r\n${QP_TEXT}\r\n`],
    ['', `${QP_TEXT}\r\n`],
  ]
  for (const [before, after] of cases) assert.equal(await body(QP, before), after, JSON.stringify(before))
  assert.equal(await body(QP, 'Hello.\r\n', { place: 'top' }), `${QP_TEXT}\r\n\r\nHello.\r\n`)
  const top = await body(QP, '=EF=BB=BFHello.\r\n', { place: 'top' })
  assert.equal(top, `=EF=BB=BF=\r\n${QP_TEXT}\r\n\r\nHello.\r\n`)
})

test('base64 is written anew, in lines as long as they were', async () => {
  const old = 'Hello, this is a text of some length, so that it needs lines.\r\n'
  const lines = Buffer.from(old).toString('base64').replace(/.{40}/g, '$&\r\n')
  const { text, ...after } = await putInto(crlf(`${BASE64}\n`) + lines)
  const encoded = text.slice(text.indexOf('\r\n\r\n') + 4).split('\r\n')
  assert.equal(encoded[0], lines.split('\r\n')[0])
  assert.ok(encoded.slice(0, -2).every((line) => line.length === 40))
  assert.equal(contentAt({ text, ...after } as never, '1').toString(), `${old}\r\n${TEXT}\r\n`)
})

test('flowed text gets lines that do not flow', async () => {
  const fields = 'Content-Type: text/plain; format=flowed\n'
  const addition = makeAddition(' indented\n> no quote\nFrom us\nplain ', null, 'postern-tagline')
  const header = crlf(`${fields}\n`)
  const { text } = await putInto(`${header}Hello.\r\n`, {}, addition)
  assert.equal(text, `${header}Hello.\r\n\r\n  indented\r\n > no quote\r\n From us\r\nplain\r\n`)
})

test('single-byte character sets are written as what they are', async () => {
  const cases: readonly (readonly [string, string, readonly number[]])[] = [
    ['iso-8859-1', 'é', [0xe9]],
    ['ISO-8859-15', '€', [0xa4]],
    ['windows-1252', '’€', [0x92, 0x80]],
    ['windows-1251', 'Ж', [0xc6]],
    ['koi8-r', 'Ж', [0xf6]],
    ['iso-8859-14', 'ŵ', [0xf0]],
    ['utf-8', 'ŵ', [0xc5, 0xb5]],
  ]
  for (const [charset, chars, expected] of cases) {
    const addition = makeAddition(`Confidential ${chars}`, null, 'postern-tagline')
    const header = crlf(`Content-Type: text/plain; charset="${charset}"\nContent-Transfer-Encoding: 8bit\n\n`)
    const { bytes } = await putInto(`${header}x\r\n`, {}, addition)
    const wanted = Buffer.concat([Buffer.from('\r\nConfidential '), Buffer.from(expected), Buffer.from('\r\n')])
    assert.ok(bytes.subarray(-wanted.length).equals(wanted), charset)
  }
})

const WELSH = makeAddition('Mae’r e-bost hwn yn gyfrinachol, ŵyr pawb.', null, 'postern-tagline')
const OWN =
  'Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\nContent-Disposition: inline\r\n\r\nMae=E2=80=99r e-bost hwn yn gyfrinachol, =C5=B5yr pawb.'

test('a text that its character set cannot hold gets a part of its own around it', async () => {
  for (const fields of [
    'Content-Type: text/plain; charset=us-ascii',
    'Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: 8bit',
    'Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 7bit',
    'Content-Type: text/plain; charset=iso-2022-jp\r\nContent-Transfer-Encoding: 7bit',
    'Content-Type: text/plain; charset=klingon\r\nContent-Language: cy',
  ]) {
    const message = `MIME-Version: 1.0\r\nSubject: x\r\n${fields}\r\nX-Y: z\r\n\r\nHello.\r\n`
    const { text, mime } = await putInto(message, {}, WELSH)
    const type = 'Content-Type: multipart/mixed;\r\n boundary="=_new"\r\n'
    assert.equal(
      text,
      `MIME-Version: 1.0\r\nSubject: x\r\n${type}X-Y: z\r\n\r\n--=_new\r\n${fields}\r\n\r\nHello.\r\n\r\n--=_new\r\n${OWN}\r\n--=_new--\r\n`,
    )
    assert.deepEqual(
      kinds(mime).filter((kind) => kind !== 'charset-unknown'),
      [],
    )
  }
})

test('a message without MIME fields becomes a MIME message for that', async () => {
  const { text } = await putInto('Subject: x\r\n\r\nHello.\r\n', { place: 'top' }, WELSH)
  const fields = 'MIME-Version: 1.0\r\nContent-Type: multipart/mixed;\r\n boundary="=_new"\r\n'
  assert.equal(text, `Subject: x\r\n${fields}\r\n--=_new\r\n${OWN}\r\n--=_new\r\n\r\nHello.\r\n\r\n--=_new--\r\n`)
})

test('in a multipart/mixed the part of its own stands beside the text', async () => {
  const head = 'Content-Type: multipart/mixed; boundary=b\r\n\r\n'
  const first = '--b\r\nContent-Type: text/plain\r\n\r\nHello.\r\n'
  const rest = '--b\r\nContent-Type: application/pdf\r\n\r\n%PDF\r\n--b--\r\n'
  const below = await putInto(head + first + rest, {}, WELSH)
  assert.equal(below.text, `${head}${first}--b\r\n${OWN}\r\n${rest}`)
  const above = await putInto(head + first + rest, { place: 'top' }, WELSH)
  assert.equal(above.text, `${head}--b\r\n${OWN}\r\n${first}${rest}`)
})

test('in a multipart/alternative only the form that cannot hold it is wrapped', async () => {
  const head = 'Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n'
  const plain = 'Content-Type: text/plain\r\n\r\nHello.'
  const html = '\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>Hello.</p>\r\n'
  const { text, mime } = await putInto(`${head}${plain}${html}--b--\r\n`, {}, WELSH)
  const wrapped = `Content-Type: multipart/mixed;\r\n boundary="=_new"\r\n\r\n--=_new\r\n${plain}\r\n--=_new\r\n${OWN}\r\n--=_new--`
  assert.ok(text.startsWith(`${head}${wrapped}${html}`))
  assert.match(text, /Mae&#8217;r e-bost hwn yn gyfrinachol, &#373;yr pawb\./)
  assert.deepEqual(mime.anomalies, [])
})

test('a multipart/related is wrapped as a whole', async () => {
  const related =
    'Content-Type: multipart/related; boundary=r\r\n\r\n--r\r\nContent-Type: text/html; charset=utf-16\r\nContent-Transfer-Encoding: base64\r\n\r\nPABwAD4A\r\n--r\r\nContent-Type: image/png\r\n\r\nx\r\n--r--'
  const head = 'Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n'
  const { text, mime } = await putInto(`${head}${related}\r\n--b--\r\n`, {}, WELSH)
  assert.ok(text.includes(`--=_new\r\n${related}\r\n--=_new\r\n${OWN}\r\n--=_new--\r\n--b--\r\n`))
  assert.deepEqual(mime.anomalies, [])
})

test('an empty part whose header touches the boundary keeps that whole', async () => {
  const head = 'Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n'
  const tail = '--b--\r\n'
  const { text, mime } = await putInto(`${head}\r\n${tail}`)
  assert.equal(text, `${head}\r\n${TEXT}\r\n${tail}`)
  assert.deepEqual(mime.anomalies, [])
  const own = await putInto(`${head}\r\n${tail}`, {}, WELSH)
  assert.equal(own.text, `${head}\r\n\r\n--b\r\n${OWN}\r\n${tail}`)
  for (const encoding of ['base64', 'quoted-printable']) {
    const encoded = `${head}Content-Transfer-Encoding: ${encoding}\r\n\r\n${tail}`
    const after = await putInto(encoded)
    assert.equal(contentAt(after, '1.1').toString(), TEXT)
    assert.ok(after.text.endsWith(`\r\n${tail}`))
  }
})

test('lines stay within what may travel', async () => {
  const long = makeAddition('é'.repeat(150), null, 'postern-tagline')
  const { text } = await putInto(crlf(`${QP}\n`), {}, long)
  assert.ok(text.split('\r\n').every((line) => line.length <= 76))
  const wrapped = await putInto('Subject: x\r\n\r\nx\r\n', {}, long)
  assert.ok(wrapped.text.split('\r\n').every((line) => line.length <= 76))
})

test('a message in more forms than people write is left alone', async () => {
  const forms = (count: number) =>
    `Content-Type: multipart/alternative; boundary=b\r\n\r\n${'--b\r\n\r\nx\r\n'.repeat(count)}--b--\r\n`
  assert.ok(Buffer.isBuffer(await put(forms(6))))
  assert.equal(await put(forms(7)), 'too-large')
  assert.equal(await put(forms(9000)), 'too-large')
})

test('text with more than the limit is left alone', async () => {
  const message = `Subject: x\r\n\r\n${'x'.repeat(100)}`
  assert.ok(Buffer.isBuffer(await put(message, { maxText: 100 })))
  assert.equal(await put(message, { maxText: 99 }), 'too-large')
})
