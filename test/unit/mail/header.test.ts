import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { memoryContent } from '../../../src/mail/content.ts'
import { fieldsNamed, HeaderReader, parseHeader, readHeader } from '../../../src/mail/header.ts'

const limits = { bytes: 1000, fields: 10 }

function read(text: string, pieces: number[] = [], bounds = limits) {
  const reader = new HeaderReader(bounds)
  const bytes = Buffer.from(text)
  let at = 0
  for (const size of pieces) {
    reader.push(bytes.subarray(at, at + size))
    at += size
  }
  reader.push(bytes.subarray(at))
  return reader.header()
}

const pairs = ({ fields }: { fields: readonly { name: string; value: string }[] }) =>
  fields.map(({ name, value }) => [name, value])

test('fields come in their order, unfolded, with their names as written', () => {
  const header = read('Subject: one\r\n two\r\n\tthree\r\nX-EMPTY:\r\nx-spaced :  y  \r\n\r\nBody: no\r\n')
  assert.deepEqual(pairs(header), [
    ['Subject', 'one two\tthree'],
    ['X-EMPTY', ''],
    ['x-spaced', 'y'],
  ])
  assert.equal(header.bytes.toString(), 'Subject: one\r\n two\r\n\tthree\r\nX-EMPTY:\r\nx-spaced :  y  \r\n')
})

test('the bytes of each field are known', () => {
  const { bytes, fields } = read('A: 1\r\n 2\r\nB: 3\r\n\r\n')
  assert.deepEqual(
    fields.map(({ start, end }) => bytes.toString('latin1', start, end)),
    ['A: 1\r\n 2\r\n', 'B: 3\r\n'],
  )
})

test('UTF-8 in values is read as such', () => {
  assert.deepEqual(pairs(read('Subject: Zoë\r\n\r\n')), [['Subject', 'Zoë']])
})

test('a header without a body, or without its last line end, ends with the content', () => {
  assert.deepEqual(pairs(read('A: 1\r\nB: 2')), [
    ['A', '1'],
    ['B', '2'],
  ])
  assert.deepEqual(pairs(read('A: 1\r\n')), [['A', '1']])
})

test('content that begins with an empty line has an empty header', () => {
  const header = read('\r\nA: 1\r\n')
  assert.deepEqual([header.fields.length, header.headless, header.bytes.length], [0, false, 0])
})

test('content whose first line is no field has no header at all', () => {
  for (const text of ['Hello there\r\nA: 1\r\n\r\n', ' A: 1\r\n\r\n', 'From a Mon\r\nA: 1\r\n\r\n', ': x\r\n\r\n']) {
    const header = read(text)
    assert.deepEqual([header.headless, header.fields.length, header.bytes.length], [true, 0, 0], text)
  }
})

test('lines that are no field are counted and left out, and what continues them too', () => {
  const header = read('A: 1\r\nno field\r\n folded\r\nB: 2\r\n\r\n')
  assert.deepEqual(pairs(header), [
    ['A', '1'],
    ['B', '2'],
  ])
  assert.equal(header.malformed, 2)
})

test('a header of exactly the limit is whole, and one byte more is too large', () => {
  const exact = `A: ${'x'.repeat(995)}\r\n`
  assert.equal(read(`${exact}\r\nbody`).tooLarge, false)
  assert.equal(read(`${exact}\r\nbody`).bytes.length, 1000)
  assert.equal(read(`B${exact}\r\nbody`).tooLarge, true)
})

test('as many fields as allowed are taken, and one more is too many', () => {
  assert.equal(read(`${'A: 1\r\n'.repeat(10)}\r\n`).tooLarge, false)
  const header = read(`${'A: 1\r\n'.repeat(11)}\r\n`)
  assert.deepEqual([header.tooLarge, header.fields.length], [true, 10])
})

test('content without an end of header is held up to the limit only', () => {
  const reader = new HeaderReader(limits)
  const piece = Buffer.from(`A: ${'x'.repeat(60)}\r\n`)
  for (let i = 0; i < 1000; i++) reader.push(piece)
  assert.equal(reader.wanting, false)
  const header = reader.header()
  assert.equal(header.tooLarge, true)
  assert.ok(header.bytes.length <= limits.bytes)
})

test('what was pushed may be overwritten afterwards', () => {
  const reader = new HeaderReader(limits)
  const chunk = Buffer.from('A: 1\r\nB')
  reader.push(chunk)
  chunk.fill(0)
  reader.push(Buffer.from(': 2\r\n\r\n'))
  assert.deepEqual(pairs(reader.header()), [
    ['A', '1'],
    ['B', '2'],
  ])
})

test('it makes no difference in what pieces content comes', () => {
  const line = fc.constantFrom('A: 1\r\n', 'Subject: x\r\n', ' folded\r\n', 'none\r\n', '\r\n', 'B:\r\n', 'x')
  fc.assert(
    fc.property(fc.array(line, { maxLength: 12 }), fc.array(fc.integer({ min: 0, max: 7 })), (lines, pieces) => {
      const text = lines.join('')
      const whole = read(text)
      const pieced = read(text, pieces)
      assert.deepEqual(pairs(pieced), pairs(whole))
      assert.deepEqual([pieced.headless, pieced.malformed], [whole.headless, whole.malformed])
      assert.ok(pieced.bytes.equals(whole.bytes))
    }),
  )
})

test('no bytes make the reader fail', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const { fields } = parseHeader(Buffer.from(bytes))
      for (const { value } of fields) assert.equal(typeof value, 'string')
    }),
  )
})

test('a header that comes byte by byte costs no more than its size', () => {
  const reader = new HeaderReader({ bytes: 262_144, fields: 1000 })
  const line = Buffer.from(`A: ${'x'.repeat(500)}\r\n`)
  for (let i = 0; i < 200_000; i++) reader.push(line.subarray(i % line.length, (i % line.length) + 1))
  assert.ok(reader.wanting)
  assert.equal(reader.header().bytes.length, 200_000)
})

test('the header of content is read without the rest of it', async () => {
  let asked = 0
  const content = {
    size: 1e9,
    bytes: null,
    async *stream() {
      for (;;) {
        asked++
        yield Buffer.from(asked === 2 ? '\r\nbody' : 'A: 1\r\n')
      }
    },
  }
  assert.deepEqual(pairs(await readHeader(content)), [['A', '1']])
  assert.equal(asked, 2)
  assert.deepEqual(pairs(await readHeader(memoryContent(Buffer.from('B: 2\r\n\r\nx')))), [['B', '2']])
})

test('fields are found by name, whatever its case', () => {
  const header = read('Received: 1\r\nRECEIVED: 2\r\nX-Received: 3\r\n\r\n')
  assert.deepEqual(
    fieldsNamed(header, 'received').map(({ value }) => value),
    ['1', '2'],
  )
})

const FIELD = /^([!-9;-~]+)[ \t]*:/

/** Line by line, as RFC 5322 has it. */
function modelOf(text: string) {
  const end = text.startsWith('\r\n') ? 0 : text.indexOf('\r\n\r\n') + 2
  const lines = (end === 1 ? text : text.slice(0, end)).match(/.*?\r\n|.+$/gs) ?? []
  const fields: { name: string; text: string }[] = []
  let [malformed, open] = [0, false]
  for (const line of lines) {
    const name = FIELD.exec(line)?.[1]
    const last = fields.at(-1)
    if (/^[ \t]/.test(line) && open && last !== undefined) last.text += line
    else if (/^[ \t]/.test(line) || name === undefined) malformed++
    else fields.push({ name, text: line })
    if (!/^[ \t]/.test(line)) open = name !== undefined
    if (fields.length === 0) return { headless: true, fields: [], malformed: 0 }
  }
  return { headless: false, fields, malformed }
}

test('a header is the same wherever it is cut, and is what its lines are', () => {
  const words = ['A', 'Subject', ':', ' ', '\t', '\r\n', '\r\n\r\n', '\r', '\n', 'ü', '\0', 'x y', 'b:1\r\n', 'b :\r\n']
  const texts = fc.array(fc.constantFrom(...words), { maxLength: 30 }).map((parts) => parts.join(''))
  const cuts = fc.array(fc.integer({ min: 1, max: 12 }), { maxLength: 12 })
  fc.assert(
    fc.property(texts, cuts, (text, pieces) => {
      const bounds = { bytes: 1000, fields: 100 }
      const header = read(text, pieces, bounds)
      assert.deepEqual(read(text, [], bounds), header)
      const { headless, malformed, bytes } = header
      const fields = header.fields.map(({ name, start, end }) => ({ name, text: bytes.toString('utf8', start, end) }))
      assert.deepEqual({ headless, fields, malformed }, modelOf(text))
    }),
    { numRuns: 3000 },
  )
})

test('a header of exactly the limit is whole, and one more byte is too many, in one chunk or in many', () => {
  for (const [length, tooLarge] of [
    [limits.bytes - 1, false],
    [limits.bytes, false],
    [limits.bytes + 1, true],
  ] as const) {
    const text = `A: ${'x'.repeat(length - 5)}\r\n\r\nbody`
    for (const pieces of [[], Array(text.length).fill(1), [500], [length], [length + 1], [length + 3]]) {
      const header = read(text, pieces)
      assert.deepEqual([header.tooLarge, header.bytes.length], [tooLarge, Math.min(length, limits.bytes)])
    }
  }
})

test('what is kept of a header is its own, and goes on as it was when its chunk is written over', () => {
  const chunk = Buffer.from('A: 1\r\n\r\nbody')
  const reader = new HeaderReader(limits)
  reader.push(chunk)
  chunk.fill('x')
  assert.deepEqual(pairs(reader.header()), [['A', '1']])
})
