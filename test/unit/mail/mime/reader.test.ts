import assert from 'node:assert/strict'
import { test } from 'node:test'
import { attachedMessage, unpackMessage } from '../../../../src/mail/mime/attached.ts'
import { decodeBody } from '../../../../src/mail/mime/decode.ts'
import { leaves, walk } from '../../../../src/mail/mime/part.ts'
import { readMime, readMimeContent } from '../../../../src/mail/mime/reader.ts'
import { bytesOf, crlf, kinds, outline, plain, read, readInPieces } from './helpers.ts'

const NESTED = `From: a@client.test
Subject: results
MIME-Version: 1.0
Content-Type: multipart/mixed;
 boundary="=_outer"

For readers without MIME.
--=_outer
Content-Type: multipart/alternative; boundary=inner

--inner
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit

Plain.

--inner
Content-Type: text/html

<p>HTML.</p>
--inner--

--=_outer
Content-Type: application/pdf; name="a.pdf"
Content-Disposition: attachment; filename="a.pdf"
Content-Transfer-Encoding: base64

JVBERi0xLjcK
--=_outer
Content-Type: message/rfc822

Subject: inside
Content-Type: multipart/mixed; boundary=deep

--deep

Deep.
--deep--
--=_outer--
`

test('a message is taken apart as readers do it', () => {
  const mime = read(NESTED)
  assert.deepEqual(outline(mime), [
    '1 multipart/mixed',
    '1.1 multipart/alternative',
    '1.1.1 text/plain',
    '1.1.2 text/html',
    '1.2 application/pdf',
    '1.3 message/rfc822',
    '1.3.1 multipart/mixed',
    '1.3.1.1 text/plain',
  ])
  assert.deepEqual(mime.anomalies, [])
  assert.equal(mime.complete, true)
})

test('offsets say where each header and body stands, without the line end of the boundary', () => {
  const bytes = bytesOf(NESTED)
  const parts = [...walk(readMime(bytes).root)]
  const body = (path: string) => {
    const part = parts.find((each) => each.path === path)
    assert.ok(part)
    return bytes.toString('latin1', part.bodyStart, part.bodyEnd)
  }
  assert.equal(body('1.1.1'), 'Plain.\r\n')
  assert.equal(body('1.1.2'), '<p>HTML.</p>')
  assert.equal(body('1.2'), 'JVBERi0xLjcK')
  assert.equal(body('1.3.1.1'), 'Deep.')
  assert.ok(body('1.3').startsWith('Subject: inside\r\n') && body('1.3').endsWith('--deep--'))
  assert.ok(body('1').startsWith('For readers') && body('1').endsWith('--=_outer--\r\n'))
  const pdf = parts.find(({ path }) => path === '1.2')
  assert.ok(pdf)
  assert.ok(bytes.subarray(pdf.headerStart, pdf.bodyStart).toString().startsWith('Content-Type: application/pdf'))
  assert.deepEqual(decodeBody(bytes, pdf, 100).bytes.toString(), '%PDF-1.7\n')
})

test('where a closing boundary stands is known', () => {
  const bytes = bytesOf(NESTED)
  const { close } = readMime(bytes).root
  assert.ok(close)
  assert.equal(bytes.toString('latin1', close.start, close.end), '--=_outer--\r\n')
})

test('what comes in pieces of any size has the same structure', async () => {
  const bytes = bytesOf(NESTED)
  const whole = plain(readMime(bytes))
  for (let size = 1; size <= bytes.length; size++) assert.deepEqual(plain(readInPieces(bytes, size)), whole, `${size}`)
  const content = {
    size: bytes.length,
    bytes: null,
    async *stream() {
      yield bytes.subarray(0, 300)
      yield bytes.subarray(300)
    },
  }
  assert.deepEqual(plain(await readMimeContent(content)), whole)
})

test('line ends of LF alone are read as well, as in attached files', () => {
  const bytes = Buffer.from(NESTED.replaceAll('\r\n', '\n'))
  const mime = readMime(bytes)
  assert.deepEqual(outline(mime), outline(read(NESTED)))
  assert.deepEqual(kinds(mime), ['header-line-end'])
})

test('a message without MIME fields is one plain text', () => {
  const { root, anomalies } = read('Subject: x\n\nText.\n')
  assert.equal(root.type.full, 'text/plain')
  assert.equal(root.type.implicit, true)
  assert.equal(root.charset, null)
  assert.equal(root.encoding, '7bit')
  assert.deepEqual([root.bodyStart, root.bodyEnd], [14, 21])
  assert.deepEqual(anomalies, [])
})

test('a header alone, an empty body and nothing at all are messages too', () => {
  for (const text of ['', '\n', 'Subject: x\n', 'Subject: x\n\n', 'Subject: x']) {
    const { root, size } = read(text)
    assert.equal(root.bodyStart, size)
    assert.equal(root.bodyEnd, size)
  }
  assert.deepEqual(kinds(read('Subject: x')), ['header-unterminated'])
  assert.deepEqual(kinds(read('Subject: x\n\n')), [])
})

test('empty parts are empty, whatever stands before their boundary', () => {
  const text = 'Content-Type: multipart/mixed; boundary=b\n\n--b\n\n--b\nContent-Type: text/html\n\n\n--b--\n'
  const bytes = bytesOf(text)
  const bodies = [...leaves(readMime(bytes).root)].map((part) => decodeBody(bytes, part, 100).bytes.toString())
  assert.deepEqual(bodies, ['', ''])
})

test('boundaries may be padded with white space, and stand at the very end', () => {
  const mime = read('Content-Type: multipart/mixed; boundary=b\n\n--b \t\n\none\n--b--')
  assert.deepEqual(outline(mime), ['1 multipart/mixed', '1.1 text/plain'])
  assert.deepEqual(kinds(mime), [])
})

test('the parts of a digest are messages by default', () => {
  const mime = read('Content-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: one\n\n1\n--b--\n')
  assert.deepEqual(outline(mime), ['1 multipart/digest', '1.1 message/rfc822', '1.1.1 text/plain'])
})

test('an attached message is a part of the tree, or unpacked if it is encoded', () => {
  const inner = crlf('Subject: inside\n\nThe text.\n')
  const plainBytes = bytesOf(`Content-Type: message/rfc822\n\n${inner}`)
  const root = readMime(plainBytes).root
  assert.equal(attachedMessage(root)?.path, '1.1')
  assert.equal(unpackMessage(plainBytes, root, 1000), null)
  const encoded = Buffer.from(inner).toString('base64')
  const bytes = bytesOf(`Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n${encoded}\n`)
  const mime = readMime(bytes)
  assert.deepEqual(kinds(mime), ['encoded-message'])
  assert.equal(attachedMessage(mime.root), null)
  const unpacked = unpackMessage(bytes, mime.root, 1000)
  assert.equal(unpacked?.bytes.toString(), inner)
  assert.equal(unpacked?.mime.root.bodyStart, inner.indexOf('The text.'))
  assert.equal(unpackMessage(bytes, mime.root, inner.length - 1), null)
})
