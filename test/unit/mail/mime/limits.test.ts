import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MIME_LIMITS } from '../../../../src/mail/mime/limits.ts'
import { walk } from '../../../../src/mail/mime/part.ts'
import { readMime } from '../../../../src/mail/mime/reader.ts'
import { kinds, outline, read, readInPieces } from './helpers.ts'

const MIXED = 'Content-Type: multipart/mixed; boundary=b\r\n\r\n'

/** Generous: the machine may be busy. What is quadratic takes minutes at these sizes. */
const SOON_MS = 5000

function soon<T>(work: () => T): T {
  const from = performance.now()
  const result = work()
  const took = performance.now() - from
  assert.ok(took < SOON_MS, `it took ${took} ms`)
  return result
}

const manyParts = (count: number) => Buffer.from(`${MIXED}${'--b\r\n\r\nx\r\n'.repeat(count)}--b--\r\n`)

function nested(depth: number): string {
  let text = 'x\r\n'
  for (let i = depth; i > 0; i--) {
    text = `Content-Type: multipart/mixed; boundary=b${i}e\r\n\r\n--b${i}e\r\n${i === depth ? '\r\n' : ''}${text}\r\n--b${i}e--\r\n`
  }
  return text
}

test('as many parts as the limit, and not one more', () => {
  const limits = { ...MIME_LIMITS, parts: 11 }
  assert.equal(readMime(manyParts(10), limits).complete, true)
  const over = readMime(manyParts(11), limits)
  assert.equal(over.complete, false)
  assert.deepEqual(kinds(over), ['too-many-parts'])
  assert.equal(over.root.children.length, 10)
})

test('as deep as the limit, and not one deeper', () => {
  assert.equal(read(nested(3), { depth: 3 }).complete, true)
  const over = read(nested(4), { depth: 3 })
  assert.equal(over.complete, false)
  assert.deepEqual(kinds(over), ['too-deep'])
  assert.deepEqual(outline(over).at(-1), '1.1.1.1 multipart/mixed')
})

test('messages in messages count as levels', () => {
  const text = `${'Content-Type: message/rfc822\n\n'.repeat(5)}Subject: x\n\nx\n`
  assert.equal(read(text, { depth: 5 }).complete, true)
  assert.deepEqual(kinds(read(text, { depth: 4 })), ['too-deep'])
})

test('a header as large as the limit is read, a larger one not to its end', () => {
  const header = `X-A: ${'x'.repeat(91)}\r\nContent-Type: text/html\r\n`
  const size = header.length
  const at = readMime(Buffer.from(`${header}\r\nbody`), { ...MIME_LIMITS, headerBytes: size })
  assert.deepEqual([at.complete, at.root.type.full], [true, 'text/html'])
  const over = readMime(Buffer.from(`${header}\r\nbody`), { ...MIME_LIMITS, headerBytes: size - 1 })
  assert.deepEqual([over.complete, kinds(over)], [false, ['header-too-large']])
  assert.equal(over.root.bodyStart, size + 2)
})

test('as many fields as the limit, and not one more', () => {
  const header = 'X-A: 1\n'.repeat(20)
  assert.equal(read(`${header}\n`, { headerFields: 20 }).complete, true)
  assert.deepEqual(kinds(read(`${header}\n`, { headerFields: 19 })), ['header-too-large'])
})

test('as many parameters as the limit, and not one more', () => {
  const field = `Content-Type: text/plain${[1, 2, 3].map((i) => `; p${i}=x`).join('')}\n\n`
  assert.deepEqual(kinds(read(field, { parameters: 3 })), [])
  assert.deepEqual(kinds(read(field, { parameters: 2 })), ['too-many-parameters'])
})

test('anomalies are listed up to the limit, and each kind at least once', () => {
  const part = '--b\nContent-Type: text\n\nx\n'
  const mime = read(`Content-Type: multipart/mixed; boundary=b\n\n${part.repeat(50)}--b--\nepilogue\n`, {
    anomalies: 10,
  })
  assert.equal(mime.anomalies.length, 11)
  assert.deepEqual(kinds(mime), ['epilogue', 'malformed-type'])
})

test('ten thousand parts, nested and flat, take no time', () => {
  const mime = soon(() => readMime(manyParts(10_000), { ...MIME_LIMITS, parts: 20_000 }))
  assert.equal([...walk(mime.root)].length, 10_001)
  soon(() => readMime(manyParts(200_000)))
  soon(() => read(nested(2000), { depth: 1000 }))
})

test('headers of megabytes take no time', () => {
  const folded = `Subject: x\r\n${' x'.repeat(400)}\r\n`.repeat(10_000)
  const one = `Content-Type: text/plain; ${'a=b;'.repeat(1_000_000)}\r\n`
  const comments = `Content-Type: ${'('.repeat(2_000_000)}\r\n`
  const quoted = `Content-Type: text/plain; name="${'\\"'.repeat(1_000_000)}\r\n`
  const words = `Content-Type: text/plain; name="${'=?a?b?'.repeat(400_000)}"\r\n`
  for (const header of [folded, one, comments, quoted, words]) {
    const bytes = Buffer.from(`${header}\r\nbody`)
    const limits = { ...MIME_LIMITS, headerBytes: 16_000_000, headerFields: 1_000_000 }
    soon(() => readMime(bytes))
    const mime = soon(() => readMime(bytes, limits))
    assert.equal(mime.root.bodyStart, header.length + 2)
  }
})

test('lines that look like boundaries take no time', () => {
  const bounds = Array.from({ length: 30 }, (_, i) => 'a'.repeat(i + 1))
  const head = bounds.map((b) => `Content-Type: multipart/mixed; boundary=${b}\r\n\r\n--${b}\r\n`).join('')
  for (const line of ['--aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\r\n', '--\n', '--a \r\n']) {
    const bytes = Buffer.from(`${head}\r\n${line.repeat(200_000)}`)
    soon(() => readMime(bytes, { ...MIME_LIMITS, depth: 50 }))
    soon(() => readInPieces(bytes, 1000, { ...MIME_LIMITS, depth: 50 }))
  }
})

test('a line without an end takes no time, in whatever pieces it comes', () => {
  for (const start of ['', 'Content-Type: text/plain; name=', `${MIXED}--b`]) {
    const bytes = Buffer.from(start + 'x'.repeat(1_000_000))
    soon(() => readInPieces(bytes, 7))
  }
})
