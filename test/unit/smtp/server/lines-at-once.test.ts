import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ContentReader } from '../../../../src/smtp/server/content.ts'
import { lookAtOnce, type Seen } from '../../../../src/smtp/server/lines-at-once.ts'

const look = lookAtOnce()

/** What is to be seen, byte by byte. */
function expected(bytes: Buffer, first: number): Seen {
  let before = first
  let notable = false
  let eightBit = false
  for (const now of bytes) {
    notable ||= (now === 10) !== (before === 13) || now === 0 || (before === 10 && now === 46)
    eightBit ||= now > 127
    before = now
  }
  return { notable, eightBit }
}

const CASES = ['\0', '\r', '\n', '\r\n.', '\n.', '\r.', '\r\r\n', '\r\n', '\x80', '\xff', '.', '\x0b\x0e', 'a'].map(
  (text) => Buffer.from(text, 'latin1'),
)

test('Whatever stands anywhere in content is seen, on this machine by many bytes at once.', () => {
  assert.ok(look)
  for (const length of [0, 1, 15, 16, 17, 31, 32, 33, 48]) {
    for (const before of [32, 13, 10]) {
      for (const what of CASES) {
        for (let at = 0; at <= length; at++) {
          const bytes = Buffer.concat([Buffer.alloc(at, 'x'), what, Buffer.alloc(length - at, 'y')])
          const seen: Seen = look(bytes, before)
          assert.deepEqual(
            seen,
            expected(bytes, before),
            `${JSON.stringify(what.toString('latin1'))} at ${at} of ${length}`,
          )
        }
      }
    }
  }
})

test('It is seen in long content too, wherever the piece that is looked at ends.', () => {
  assert.ok(look)
  const line = Buffer.from(`${'x'.repeat(62)}\r\n`)
  const plain = Buffer.alloc(3 * 65_536 + 40, line)
  assert.deepEqual(look(plain, 10), { notable: false, eightBit: false })
  for (const edge of [65_536, 131_072, 196_608]) {
    for (let at = edge - 18; at < edge + 18; at++) {
      for (const what of CASES) {
        const bytes = Buffer.from(plain)
        what.copy(bytes, at)
        assert.deepEqual(look(bytes, 10), expected(bytes, 10), `${JSON.stringify(what.toString('latin1'))} at ${at}`)
      }
    }
  }
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

test('Content that comes in long chunks is read as it is in short ones, which are searched.', () => {
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
