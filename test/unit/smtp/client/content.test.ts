import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Content, memoryContent, prefixedContent } from '../../../../src/mail/content.ts'
import { fitterFor, PIECE_BYTES, pieces, Stuffer } from '../../../../src/smtp/client/content.ts'

/** The bytes on the wire, end mark included; null if refused. */
function stuffed(parts: readonly Buffer[]): string | null {
  const stuffer = new Stuffer()
  const out: Buffer[] = []
  for (const part of parts) {
    const bytes = stuffer.next(part)
    if (bytes === null) return null
    out.push(bytes)
  }
  const end = stuffer.end()
  return end === null ? null : Buffer.concat([...out, end]).toString('latin1')
}

const stuffedText = (text: string) => stuffed(text === '' ? [] : [Buffer.from(text, 'latin1')])

/** What a receiver makes of it, RFC 5321 section 4.5.2. Null if there is no end mark, or something behind it. */
function received(wire: string): string | null {
  const end = wire.startsWith('.\r\n') ? 0 : wire.indexOf('\r\n.\r\n') + 2
  if (end === 1 || wire.length !== end + 3) return null
  return wire.slice(0, end).replace(/(^|\r\n)\./g, '$1')
}

const cut = (bytes: Buffer, at: readonly number[]): Buffer[] => {
  const places = [0, ...[...at].map((n) => n % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
  return places
    .slice(1)
    .map((end, i) => bytes.subarray(places[i], end))
    .filter((piece) => piece.length > 0)
}

// Text in which dots and line ends are frequent
const line = fc
  .array(fc.constantFrom('.', '.', 'a', 'ä', '\0', ' ', '..'), { maxLength: 6 })
  .map((parts) => parts.join(''))
const text = fc.array(line, { maxLength: 12 }).map((lines) => lines.join('\r\n'))
const cuts = fc.array(fc.nat(), { maxLength: 12 })

test('However content is cut into pieces, a receiver gets the very bytes, with a final CRLF.', () => {
  fc.assert(
    fc.property(text, cuts, (content, at) => {
      const wire = stuffed(cut(Buffer.from(content, 'latin1'), at))
      const expected = content === '' || content.endsWith('\r\n') ? content : `${content}\r\n`
      assert.equal(received(wire ?? ''), expected)
    }),
    { numRuns: 500 },
  )
})

test('However content with a bare CR or LF is cut into pieces, it is refused.', () => {
  const bare = fc.constantFrom('\r', '\n')
  fc.assert(
    fc.property(text, bare, text, cuts, (before, end, behind, at) => {
      const head = end === '\n' ? before.replace(/\r$/, '') : before
      const tail = end === '\r' ? behind.replace(/^\n/, '') : behind
      assert.equal(stuffed(cut(Buffer.from(`${head}x${end}y${tail}`, 'latin1'), at)), null)
    }),
    { numRuns: 500 },
  )
})

const SMUGGLED: readonly string[] = [
  'a\n.\r\nb\r\n',
  'a\r\n.\nb\r\n',
  'a\n.\nb\r\n',
  'a\r.\rb\r\n',
  'a\r\n.\rb\r\n',
  'a\r.\r\nb\r\n',
  'a\r\r\n.\r\nb\r\n',
  'a\n\r\n.\r\nb\r\n',
  '\n.\r\n',
  '\r',
  '\n',
  'a\r',
  'a\n',
  'a\r\n\r',
  'a\r\n\n',
]

for (const bytes of SMUGGLED) {
  test(`Refused in one piece and byte by byte: ${JSON.stringify(bytes)}.`, () => {
    assert.equal(stuffedText(bytes), null)
    assert.equal(stuffed([...bytes].map((byte) => Buffer.from(byte))), null)
  })
}

test('An end mark within the content is content.', () => {
  assert.equal(stuffedText('a\r\n.\r\nb\r\n'), 'a\r\n..\r\nb\r\n.\r\n')
})

test('NUL next to a dot neither hides nor makes an end mark.', () => {
  assert.equal(stuffedText('a\r\n\0.\r\nb\r\n'), 'a\r\n\0.\r\nb\r\n.\r\n')
})

test('Content without a final CRLF gets one, and content that is empty does not.', () => {
  assert.equal(stuffedText('a'), 'a\r\n.\r\n')
  assert.equal(stuffedText('a\r\n'), 'a\r\n.\r\n')
  assert.equal(stuffedText(''), '.\r\n')
})

test('Content in which no line opens with a dot is not copied.', () => {
  const bytes = Buffer.from('a.b\r\nc\r\n')
  assert.equal(new Stuffer().next(bytes), bytes)
})

test('A piece of nothing but dots and line ends is stuffed whole.', () => {
  const content = '.\r\n'.repeat(20_000)
  assert.equal(received(stuffedText(content) ?? ''), content)
})

test('Content of known lines goes out as it is, and is looked at again where its head is not as plain.', () => {
  const known = (content: Content) => !(fitterFor(content) instanceof Stuffer)
  const plain: Content = {
    size: 1,
    bytes: null,
    plainLines: true,
    stream: () => memoryContent(Buffer.from('a')).stream(),
  }
  assert.ok(known(plain))
  assert.equal(fitterFor(plain).end()?.toString(), '.\r\n')
  assert.ok(!known({ ...plain, plainLines: false }))
  assert.ok(!known(memoryContent(Buffer.from('a\r\n'))))
  const small = memoryContent(Buffer.from('a\r\n'), true)
  assert.ok(known(small))
  for (const head of ['Received: x\r\n', 'a: .\r\n ..\r\n']) {
    assert.ok(known(prefixedContent(Buffer.from(head), plain)), head)
    assert.ok(known(prefixedContent(Buffer.from(head), small)), head)
    assert.ok(!known(prefixedContent(Buffer.from(head), { ...plain, plainLines: false })), head)
  }
  for (const head of [
    'a: b',
    'a: b\n',
    'a: b\r',
    'a\rb\r\n',
    'a\nb\r\n',
    '.a\r\n',
    'a\r\n.b\r\n',
    'a\n\r\n',
    'a\r\r\n',
  ]) {
    assert.ok(!known(prefixedContent(Buffer.from(head), plain)), JSON.stringify(head))
    assert.ok(!known(prefixedContent(Buffer.from(head), small)), JSON.stringify(head))
  }
})

test('Content is cut into pieces of a bounded size, none of them empty.', async () => {
  const bytes = Buffer.alloc(PIECE_BYTES * 2 + 1, 'x')
  const sizes: number[] = []
  for await (const piece of pieces(memoryContent(bytes))) sizes.push(piece.length)
  assert.deepEqual(sizes, [PIECE_BYTES, PIECE_BYTES, 1])
  for await (const piece of pieces(memoryContent(Buffer.alloc(0)))) assert.fail(`a piece of ${piece.length}`)
})
