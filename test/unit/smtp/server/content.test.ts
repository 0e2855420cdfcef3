import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { ContentReader } from '../../../../src/smtp/server/content.ts'

const END = '.\r\n'

/** Feeds pieces until the end mark; gives what came out and what was left over. */
function read(pieces: readonly string[], lenient = false) {
  const reader = new ContentReader(lenient)
  let content = ''
  let left = ''
  let ended = false
  for (const piece of pieces) {
    if (ended) {
      left += piece
      continue
    }
    const chunk = Buffer.from(piece, 'latin1')
    const taken = reader.feed(chunk)
    content += taken.content.toString('latin1')
    ended = taken.ended
    left = piece.slice(taken.used)
  }
  const { fault, size, eightBit, normalised, plainLines } = reader
  return { content, left, ended, fault, size, eightBit, normalised, plainLines }
}

const bytes = (text: string): string[] => [...text]

/** Every way to cut a text in two, in single bytes, and not at all. */
function* cuts(text: string): Generator<string[]> {
  yield [text]
  yield bytes(text)
  for (let at = 1; at < text.length; at++) yield [text.slice(0, at), text.slice(at)]
}

/** As a client has to send it, RFC 5321 section 4.5.2. */
const stuff = (content: string): string => content.replace(/(^|\r\n)\./g, '$1..')

/** Lines of any bytes that may stand in a line, with many dots. */
const lines = fc
  .array(
    fc
      .array(fc.oneof(fc.constant(0x2e), fc.integer({ min: 1, max: 255 })), { maxLength: 12 })
      .map((line) => String.fromCharCode(...line.filter((byte) => byte !== 10 && byte !== 13))),
    { maxLength: 12 },
  )
  .map((all) => all.map((line) => `${line}\r\n`).join(''))

describe('content', () => {
  it('comes out byte for byte, whatever it is and wherever it is cut', () => {
    fc.assert(
      fc.property(lines, fc.array(fc.nat({ max: 40 }), { maxLength: 12 }), fc.boolean(), (content, sizes, lenient) => {
        let wire = `${stuff(content)}${END}NOOP\r\n`
        const pieces: string[] = []
        for (const size of sizes) {
          if (size > 0) pieces.push(wire.slice(0, size))
          wire = wire.slice(size)
        }
        if (wire !== '') pieces.push(wire)
        const result = read(
          pieces.filter((piece) => piece !== ''),
          lenient,
        )
        const { plainLines, ...rest } = result
        // A dot that a client put there in vain counts too, so that it may be false where it need not
        assert.ok(!plainLines || !/(^|\r\n)\./.test(content))
        assert.ok(plainLines || /(^|\r\n)\./.test(content))
        assert.deepEqual(rest, {
          content,
          left: 'NOOP\r\n',
          ended: true,
          fault: null,
          size: content.length,
          eightBit: /[\x80-\xff]/.test(content),
          normalised: 0,
        })
      }),
      { numRuns: 2000 },
    )
  })

  it('may be empty', () => {
    for (const pieces of cuts('.\r\n')) {
      assert.deepEqual(read(pieces), {
        content: '',
        left: '',
        ended: true,
        fault: null,
        size: 0,
        eightBit: false,
        normalised: 0,
        plainLines: true,
      })
    }
  })

  it('is known to have plain lines only where nothing was taken out or put in', () => {
    for (const [wire, lenient] of [
      ['.a\r\n.\r\n', false],
      ['a\r\n..\r\n.\r\n', false],
      ['a\n.b\r\n.\r\n', true],
      ['a\nb\r\n.\r\n', true],
    ] as const) {
      for (const pieces of cuts(wire)) {
        const { ended, plainLines } = read(pieces, lenient)
        assert.deepEqual({ ended, plainLines }, { ended: true, plainLines: false }, JSON.stringify(pieces))
      }
    }
    for (const pieces of cuts('a.\r\n b\r\n.\r\n')) assert.ok(read(pieces).plainLines)
  })

  it('keeps the line end that belongs to the end mark too', () => {
    for (const pieces of cuts('a\r\n.\r\n')) assert.equal(read(pieces).content, 'a\r\n')
  })

  it('loses one dot of a line that begins with dots, and no other dot', () => {
    for (const pieces of cuts('..\r\n...\r\n..a\r\na.\r\n.b\r\n.\r\n')) {
      assert.equal(read(pieces).content, '.\r\n..\r\n.a\r\na.\r\nb\r\n')
    }
  })

  it('leaves what follows the end mark', () => {
    const wire = 'a\r\n.\r\nMAIL FROM:<>\r\n'
    for (const pieces of cuts(wire)) assert.equal(read(pieces).left, 'MAIL FROM:<>\r\n')
  })

  it('is read from the place where it begins in a chunk', () => {
    const chunk = Buffer.from('DATA\r\n..a\r\n.\r\nQUIT\r\n')
    const { content, used, ended } = new ContentReader(false).feed(chunk, 6)
    assert.deepEqual([content.toString(), used, ended], ['.a\r\n', 14, true])
  })

  it('is where it was after a chunk with nothing of it', () => {
    const reader = new ContentReader(false)
    for (const text of ['a', 'a\r', 'a\r\n', '.']) {
      reader.feed(Buffer.from(text))
      assert.equal(reader.feed(Buffer.from('DATA\r\n'), 6).used, 6)
      assert.equal(reader.feed(Buffer.from(text.endsWith('\r') ? '\n' : 'x\r\n')).ended, false)
    }
    assert.deepEqual([reader.fault, reader.size], [null, 'aa\r\na\r\nx\r\nx\r\n'.length + 3])
  })

  it('shares memory with its chunk where no dot is taken out', () => {
    const chunk = Buffer.from('abc\r\n.\r\n')
    const { content } = new ContentReader(false).feed(chunk)
    assert.equal(content.buffer, chunk.buffer)
  })

  it('of nothing but dots is read in a time that grows with its length alone', () => {
    const chunk = Buffer.from('..\r\n'.repeat(16_384))
    const reader = new ContentReader(false)
    const begun = performance.now()
    for (let i = 0; i < 64; i++) reader.feed(Buffer.from(chunk))
    // 4 MiB: 0.1 s where it is linear, half a minute where it is not
    assert.ok(performance.now() - begun < 3000)
    assert.equal(reader.size, 64 * 16_384 * 3)
  })
})

/** What some server somewhere takes for the end of a message, with CRLF.CRLF in none of them. */
const FALSE_ENDS = [
  '\n.\n',
  '\n.\r\n',
  '\r\n.\n',
  '\r.\r',
  '\r.\r\n',
  '\r\n.\r',
  '\n.\r',
  '\r.\n',
  '\r\r\n.\r\r\n',
  '\r\n\r.\r\n',
  '\r\n.\r\r\n',
  '\r\n\0.\r\n',
  '\r\n.\0\r\n',
  '\r\0\n.\r\n',
  '\r\n.\r\0\n',
  '\0\r.\0\r\n',
]

describe('a false end of content', () => {
  for (const end of FALSE_ENDS) {
    it(`does not end it, and has it refused: ${JSON.stringify(end)}`, () => {
      const wire = `a${end}MAIL FROM:<evil@client.test>\r\nb\r\n.\r\nleft`
      for (const pieces of cuts(wire)) {
        const result = read(pieces)
        assert.deepEqual([result.ended, result.left], [true, 'left'], JSON.stringify(pieces))
        assert.notEqual(result.fault, null)
      }
    })

    it(`does not end it for a lenient client either: ${JSON.stringify(end)}`, () => {
      for (const pieces of cuts(`a${end}b\r\n.\r\nleft`)) {
        const result = read(pieces, true)
        assert.deepEqual([result.ended, result.left], [true, 'left'], JSON.stringify(pieces))
      }
    })
  }

  it('gives nothing out once it has come', () => {
    for (const pieces of cuts('a\nb\r\n.\r\n')) {
      const result = read(pieces)
      assert.equal(result.fault, 'bareLf')
      assert.match(result.content, /^a?$/)
    }
  })
})

describe('what is wrong with content', () => {
  const cases: readonly (readonly [string, string, string | null, string | null])[] = [
    ['a bare LF', 'a\nb\r\n', 'bareLf', null],
    ['a bare LF at the start', '\na\r\n', 'bareLf', null],
    ['LF CR', 'a\n\rb\r\n', 'bareLf', 'bareCr'],
    ['a bare CR', 'a\rb\r\n', 'bareCr', 'bareCr'],
    ['a CR before a line end', 'a\r\r\n', 'bareCr', 'bareCr'],
    ['a NUL', 'a\0b\r\n', 'nul', null],
    ['a dot between bare line ends', 'a\n.\nb\r\n', 'bareLf', 'bareDot'],
    ['a dot after a bare line end', 'a\n.\r\nb\r\n', 'bareLf', 'bareDot'],
    ['a dot before a bare line end', 'a\r\n.\nb\r\n', 'bareLf', 'bareDot'],
    ['a dot before a bare line end, first of all', '.\nb\r\n', 'bareLf', 'bareDot'],
    ['other control characters', 'a\t\x0b\x0c\x1b\x7fb\r\n', null, null],
  ]
  for (const [name, content, strict, lenient] of cases) {
    it(`is found wherever it is cut: ${name}`, () => {
      for (const pieces of cuts(`${content}.\r\n`)) {
        assert.equal(read(pieces).fault, strict, JSON.stringify(pieces))
        assert.equal(read(pieces, true).fault, lenient, `lenient ${JSON.stringify(pieces)}`)
      }
    })
  }
})

describe('content of a lenient client', () => {
  it('has each bare LF made CRLF, and counted', () => {
    for (const pieces of cuts('a\nb\r\n\n\r\nc\n\r\n.\r\n')) {
      const { content, normalised, size } = read(pieces, true)
      assert.deepEqual([content, normalised, size], ['a\r\nb\r\n\r\n\r\nc\r\n\r\n', 3, 15], JSON.stringify(pieces))
    }
  })

  it('keeps a dot after a bare LF, since nobody can have stuffed it', () => {
    for (const pieces of cuts('a\n.b\n..c\r\n..d\r\n.\r\n')) {
      assert.equal(read(pieces, true).content, 'a\r\n.b\r\n..c\r\n.d\r\n', JSON.stringify(pieces))
    }
  })
})
