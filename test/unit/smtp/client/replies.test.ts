import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Reply } from '../../../../src/mail/reply.ts'
import { DEFAULT_LIMITS } from '../../../../src/smtp/client/index.ts'
import { ReplyParser } from '../../../../src/smtp/client/replies.ts'

const LIMITS = { ...DEFAULT_LIMITS, replyLine: 20, replyLines: 3, replyBytes: 45 }

function parse(chunks: readonly (string | Buffer)[], limits = DEFAULT_LIMITS) {
  const parser = new ReplyParser(limits)
  const replies: Reply[] = []
  for (const chunk of chunks) {
    const wrong = parser.feed(Buffer.from(chunk), (reply) => replies.push(reply) > 0)
    if (wrong !== null) return { replies, wrong, parser }
  }
  return { replies, wrong: null, parser }
}

test('A reply of one line has a code, an enhanced code and a text.', () => {
  const { replies } = parse(['550 5.1.1 Nobody here\r\n'])
  assert.deepEqual(replies, [{ code: 550, enhanced: '5.1.1', lines: ['Nobody here'] }])
})

test('A reply of several lines gives all of them, each without the enhanced code.', () => {
  const { replies } = parse(['452-4.2.2 One\r\n452-4.2.2 Two\r\n452 4.2.2 Three\r\n'])
  assert.deepEqual(replies, [{ code: 452, enhanced: '4.2.2', lines: ['One', 'Two', 'Three'] }])
})

test('A code may stand alone.', () => {
  assert.deepEqual(parse(['250\r\n']).replies, [{ code: 250, enhanced: null, lines: [''] }])
})

test('An enhanced code of another class than the reply is only text.', () => {
  assert.deepEqual(parse(['250 5.1.1 odd\r\n']).replies, [{ code: 250, enhanced: null, lines: ['5.1.1 odd'] }])
})

test('Several replies in one piece come out in order.', () => {
  const { replies } = parse(['250 a\r\n354 b\r\n250 c\r\n'])
  assert.deepEqual(
    replies.map(({ code }) => code),
    [250, 354, 250],
  )
})

test('Control characters in a reply become spaces.', () => {
  assert.deepEqual(parse(['250 a\x00b\x1b[1m\r\n']).replies[0]?.lines, ['a b [1m'])
})

test('Text above ASCII is read as UTF-8, also where a piece ends within a character.', () => {
  const bytes = Buffer.from('250 reçu\r\n')
  const cut = bytes.indexOf(0xc3) + 1
  assert.deepEqual(parse([bytes.subarray(0, cut), bytes.subarray(cut)]).replies[0]?.lines, ['reçu'])
})

test('However replies are cut into pieces, the same replies come out.', () => {
  const text = '220-a\r\n220 b\r\n250 2.0.0 fine\r\n550-5.7.1 no\r\n550 5.7.1 never\r\n'
  const whole = parse([text]).replies
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: text.length })), (cuts) => {
      const at = [0, ...cuts.sort((a, b) => a - b), text.length]
      const pieces = at.slice(1).map((end, i) => text.slice(at[i], end))
      assert.deepEqual(parse(pieces).replies, whole)
    }),
    { numRuns: 200 },
  )
})

const WRONG: readonly (readonly [string, string])[] = [
  ['a line that ends in LF only', '250 fine\n'],
  ['an LF within a line', '250 fi\nne\r\n'],
  ['a CR within a line', '250 fi\rne\r\n'],
  ['two CR before the LF', '250 fine\r\r\n'],
  ['a code of two digits', '25 fine\r\n'],
  ['a code of four digits', '2500 fine\r\n'],
  ['a code below 200', '150 fine\r\n'],
  ['a code above 599', '600 fine\r\n'],
  ['a code with a letter', '2x0 fine\r\n'],
  ['an empty line', '\r\n'],
  ['text', 'SSH-2.0-OpenSSH_9.2\r\n'],
  ['an HTTP answer', 'HTTP/1.1 400 Bad Request\r\n'],
  ['a last line of another code', '250-a\r\n550 b\r\n'],
]

for (const [what, bytes] of WRONG) {
  test(`It is no reply: ${what}.`, () => {
    const { replies, wrong } = parse([bytes])
    assert.notEqual(wrong, null)
    assert.deepEqual(replies, [])
    // The same byte by byte
    assert.notEqual(parse([...bytes]).wrong, null)
  })
}

test('A line may be as long as the limit and no longer.', () => {
  const line = (length: number) => `250 ${'x'.repeat(length - 6)}\r\n`
  assert.equal(parse([line(20)], LIMITS).replies.length, 1)
  assert.match(String(parse([line(21)], LIMITS).wrong), /more than 20 octets/)
  assert.equal(parse([...line(20)], LIMITS).replies.length, 1)
  assert.match(String(parse([...line(21)], LIMITS).wrong), /more than 20 octets/)
})

test('A line without end is given up at the limit.', () => {
  assert.match(String(parse(['2'.repeat(21)], LIMITS).wrong), /more than 20 octets/)
})

test('A reply may have as many lines as the limit and no more.', () => {
  const lines = (count: number) => `${'250-x\r\n'.repeat(count - 1)}250 x\r\n`
  assert.equal(parse([lines(3)], LIMITS).replies.length, 1)
  assert.match(String(parse([lines(4)], LIMITS).wrong), /more than 3 lines/)
})

test('A reply may have as many octets as the limit and no more.', () => {
  const lines = (octets: number) => `250-${'x'.repeat(14)}\r\n250 ${'y'.repeat(octets - 26)}\r\n`
  assert.equal(parse([lines(40)], { ...LIMITS, replyBytes: 40 }).replies.length, 1)
  assert.match(String(parse([lines(40)], { ...LIMITS, replyBytes: 39 }).wrong), /more than 39 octets/)
})

test('The limits begin anew with each reply.', () => {
  assert.equal(parse(Array(50).fill('250-aaaa\r\n250 bbbb\r\n'), LIMITS).replies.length, 50)
})

test('Part of a reply is known to be one.', () => {
  assert.equal(parse(['250 fine\r\n']).parser.partial, false)
  assert.equal(parse(['250 fine\r\n2']).parser.partial, true)
  assert.equal(parse(['250-fine\r\n']).parser.partial, true)
})
