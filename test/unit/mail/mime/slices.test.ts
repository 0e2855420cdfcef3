import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Content, memoryContent } from '../../../../src/mail/content.ts'
import { readSpans, splice } from '../../../../src/mail/mime/slices.ts'

/** Content that is not in memory, and comes in pieces. */
const streamed = (bytes: Buffer, piece: number): Content => ({
  size: bytes.length,
  bytes: null,
  async *stream() {
    for (let at = 0; at < bytes.length; at += piece) yield bytes.subarray(at, at + piece)
  },
})

async function all(content: Content): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of content.stream()) chunks.push(chunk)
  const bytes = Buffer.concat(chunks)
  assert.equal(bytes.length, content.size)
  return bytes.toString()
}

/** Places in order: pairs of start and end. */
const places = fc
  .array(fc.nat(30), { maxLength: 8 })
  .map((points) => points.sort((a, b) => a - b))
  .map((points) => points.flatMap((start, i) => (i % 2 === 0 ? [{ start, end: points[i + 1] ?? start }] : [])))

test('spliced content is the old one with the edits, in memory and streamed', async () => {
  const property = fc.asyncProperty(places, fc.integer({ min: 1, max: 12 }), async (spans, piece) => {
    const bytes = Buffer.from('abcdefghijklmnopqrstuvwxyz01234'.slice(0, 30))
    const edits = spans.map((span, i) => ({ ...span, bytes: Buffer.from(i % 3 === 2 ? '' : `<${i}>`) }))
    let expected = ''
    let from = 0
    for (const edit of edits) {
      expected += bytes.toString('latin1', from, edit.start) + edit.bytes
      from = edit.end
    }
    expected += bytes.toString('latin1', from)
    assert.equal(await all(splice(memoryContent(bytes), edits)), expected)
    const content = splice(streamed(bytes, piece), edits)
    assert.equal(await all(content), expected)
    assert.equal(await all(content), expected, 'a second time')
  })
  await fc.assert(property, { numRuns: 300 })
})

test('spans are read in one pass', async () => {
  const property = fc.asyncProperty(places, fc.integer({ min: 1, max: 12 }), async (spans, piece) => {
    const bytes = Buffer.from('abcdefghijklmnopqrstuvwxyz0123')
    const expected = spans.map(({ start, end }) => bytes.toString('latin1', start, end))
    assert.deepEqual((await readSpans(memoryContent(bytes), spans)).map(String), expected)
    assert.deepEqual((await readSpans(streamed(bytes, piece), spans)).map(String), expected)
  })
  await fc.assert(property, { numRuns: 300 })
})

test('edits out of order or out of bounds are refused', () => {
  const content = memoryContent(Buffer.from('abc'))
  const bytes = Buffer.from('x')
  for (const edits of [
    [{ start: 2, end: 1, bytes }],
    [{ start: 2, end: 4, bytes }],
    [
      { start: 2, end: 2, bytes },
      { start: 1, end: 1, bytes },
    ],
  ]) {
    assert.throws(() => splice(content, edits), RangeError)
  }
  assert.equal(splice(content, []), content)
})

test('an edit of content without a byte is its only bytes', async () => {
  assert.equal(await all(splice(streamed(Buffer.alloc(0), 1), [{ start: 0, end: 0, bytes: Buffer.from('x') }])), 'x')
})
