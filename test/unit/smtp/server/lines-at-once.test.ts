import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ContentReader } from '../../../../src/smtp/server/content.ts'
import { lookAtOnce } from '../../../../src/smtp/server/lines-at-once.ts'

const look = lookAtOnce()

/** Everything that is notable from `from` on. */
function seen(bytes: Buffer, from: number, before: number): number[] {
  assert.ok(look)
  look.begin(bytes, from, before)
  const found: number[] = []
  for (let at = look.next(); at < bytes.length; at = look.next()) found.push(at)
  return found
}

/** The same, byte by byte. */
function expected(bytes: Buffer, from: number, first: number): number[] {
  let before = first
  const found: number[] = []
  for (let at = from; at < bytes.length; at++) {
    const now = bytes[at] ?? 0
    if ((now === 10) !== (before === 13) || now === 0 || (before === 10 && now === 46)) found.push(at)
    before = now
  }
  return found
}

const CASES = ['\0', '\r', '\n', '\r\n.', '\n.', '\r.', '\r\r\n', '\r\n', '\x80', '\xff', '.', '\x0b\x0e', 'a'].map(
  (text) => Buffer.from(text, 'latin1'),
)

test('Whatever stands anywhere in content is seen, on this machine by many bytes at once.', () => {
  for (const length of [0, 1, 15, 16, 17, 31, 32, 33, 48]) {
    for (const before of [32, 13, 10]) {
      for (const what of CASES) {
        for (let at = 0; at <= length; at++) {
          const bytes = Buffer.concat([Buffer.alloc(at, 'x'), what, Buffer.alloc(length - at, 'y')])
          const where = `${JSON.stringify(what.toString('latin1'))} at ${at} of ${length}`
          assert.deepEqual(seen(bytes, 0, before), expected(bytes, 0, before), where)
        }
      }
    }
  }
})

test('It is seen in long content too, wherever the piece that is looked at ends.', () => {
  const line = Buffer.from(`${'x'.repeat(62)}\r\n`)
  const plain = Buffer.alloc(3 * 65_536 + 40, line)
  assert.deepEqual(seen(plain, 0, 10), [])
  for (const edge of [65_536, 131_072, 196_608]) {
    for (let at = edge - 18; at < edge + 18; at++) {
      for (const what of CASES) {
        const bytes = Buffer.from(plain)
        what.copy(bytes, at)
        assert.deepEqual(
          seen(bytes, 0, 10),
          expected(bytes, 0, 10),
          `${JSON.stringify(what.toString('latin1'))} at ${at}`,
        )
      }
    }
  }
})

/** Mostly what bears on lines. */
const text = (maxLength: number) =>
  fc
    .array(fc.constantFrom('\r\n', '\r\n.', '\r', '\n', '.', '\0', '\x80', 'a', 'abcdefghijklmnopq'), { maxLength })
    .map((parts) => parts.join(''))

test('All that is notable is seen in order, from any place on, and nothing of what was looked at before.', () => {
  const any = fc.tuple(text(60), fc.nat({ max: 40 }), fc.constantFrom(32, 13, 10))
  fc.assert(
    fc.property(any, ([content, from, before]) => {
      const bytes = Buffer.from(content, 'latin1')
      assert.deepEqual(seen(bytes, from, before), expected(bytes, from, before))
    }),
    { numRuns: 3000 },
  )
})

/** What a wire carries, told from all of it at once as text. */
function modelOf(wire: string) {
  const all = `\r\n${wire}`
  const mark = all.indexOf('\r\n.\r\n')
  const content = all.slice(0, mark + 2)
  const bare = /\r(?!\n)|(?<!\r)\n|\0/.exec(content)
  const fault = bare === null ? null : { '\r': 'bareCr', '\n': 'bareLf', '\0': 'nul' }[bare[0]]
  return {
    fault,
    used: mark + 3,
    ...(fault === null && { content: content.replaceAll('\r\n.', '\r\n').slice(2), plain: !content.includes('\r\n.') }),
  }
}

test('Content is what it is as text, wherever it is cut and whatever follows it.', () => {
  const cuts = fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 20 })
  fc.assert(
    fc.property(text(40), text(4), cuts, fc.nat({ max: 5 }), (body, after, sizes, skip) => {
      const wire = `${body}\r\n.\r\n${after}`
      const reader = new ContentReader(false)
      let [content, at, ended] = ['', 0, false]
      for (const size of [...sizes, wire.length]) {
        if (ended || at >= wire.length) break
        // behind something that is not content
        const chunk = Buffer.from(`${'\r\n.x\n'.slice(0, skip)}${wire.slice(at, at + size)}`, 'latin1')
        const piece = reader.feed(chunk, skip)
        content += piece.content.toString('latin1')
        at += piece.used - skip
        ended = piece.ended
      }
      const { fault, size, plainLines: plain } = reader
      assert.ok(ended)
      assert.deepEqual({ fault, used: at, ...(fault === null && { content, plain }) }, modelOf(wire))
      if (fault === null) assert.equal(size, content.length)
      if (fault === null) assert.equal(reader.eightBit, content.includes('\x80'))
    }),
    { numRuns: 5000 },
  )
})

const END = '.\r\n'
const filler = fc.integer({ min: 1, max: 4 }).map((n) => `${'lorem ipsum '.repeat(5)}\r\n`.repeat(n * 130))
const odd = fc.constantFrom(
  '',
  'a',
  '..a\r\n',
  '.a\r\n',
  '\r\n..\r\n',
  '\r',
  '\n',
  '\0',
  '\x80',
  '\xe9\r\n',
  '\r\n',
  '\n.\r\n',
  '\r\n.\r',
)
const wires = fc.array(fc.tuple(filler, odd), { minLength: 1, maxLength: 5 })

/** Everything that is known after each of the pieces. */
function readAll(pieces: readonly Buffer[]) {
  const reader = new ContentReader(false)
  const out: Buffer[] = []
  for (const piece of pieces) {
    const { content, used, ended } = reader.feed(Buffer.from(piece))
    out.push(Buffer.from(content))
    if (ended || reader.fault !== null) break
    assert.equal(used, piece.length)
  }
  const { fault, size, eightBit, plainLines } = reader
  return {
    fault,
    eightBit,
    plainLines,
    ...(fault === null && { size, content: Buffer.concat(out).toString('latin1') }),
  }
}

test('Content that comes in long chunks is read as it is in short ones.', () => {
  fc.assert(
    fc.property(wires, fc.integer({ min: 16_384, max: 70_000 }), (parts, length) => {
      const wire = Buffer.from(`${parts.flat().join('')}\r\n${END}`, 'latin1')
      const cut = (size: number) =>
        Array.from({ length: Math.ceil(wire.length / size) }, (_, i) => wire.subarray(i * size, (i + 1) * size))
      const long = readAll(cut(length))
      const short = readAll(cut(4000))
      // How much was read before a fault is found depends on the chunks
      const judged = long.fault === null ? short : { ...short, eightBit: long.eightBit, plainLines: long.plainLines }
      assert.deepEqual(long, judged)
    }),
    { numRuns: 150 },
  )
})
