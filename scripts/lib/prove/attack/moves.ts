import fc from 'fast-check'
import type { Move } from './wire.ts'

export type { Move }

export interface Session {
  readonly moves: readonly Move[]
  /** Cut off in the middle of a message. */
  readonly drop: boolean
}

/** RCPT arguments: ours, others', and what open relays have fallen for. */
export const RECIPIENTS: readonly string[] = [
  'b@ours.test',
  'c@ours.test',
  'd+e@OURS.test',
  '"x y"@ours.test',
  'victim@else.test',
  'victim%else.test@ours.test',
  '@ours.test:victim@else.test',
  'victim@else.test@ours.test',
  '"victim@else.test"@ours.test',
  'else.test!victim',
  'victim@[127.0.0.1]',
  'victim@ours.test.else.test',
  'victim@оurs.test',
  'vic\0tim@ours.test',
  'victim@else.test\0@ours.test',
  `${'x'.repeat(65)}@ours.test`,
  `v@${'x.'.repeat(130)}test`,
]
const SENDERS = ['a@client.test', '', 'a@ours.test', 'chief@relay.test', 'a@[127.0.0.1]', 'ä@client.test'] as const
const ODD_LINES: readonly string[] = [
  '',
  ' ',
  '.',
  'DATA',
  'RSET',
  'NOOP x',
  'RSET x',
  'EHLO',
  'EHLO client.test',
  'HELO client.test',
  'HELP',
  'VRFY b@ours.test',
  'EXPN all',
  'STARTTLS',
  'STARTTLS now',
  'AUTH PLAIN AGEAYg==',
  'AUTH LOGIN',
  'BDAT 20 LAST',
  'BDAT 0 LAST',
  'XCLIENT ADDR=127.0.0.9',
  'PROXY TCP4 127.0.0.9 127.0.0.1 25 25',
  'TURN',
  'mail from:<a@client.test>',
  'MAIL FROM: <a@client.test> SIZE=99999999999999999999',
  'MAIL FROM:<a@client.test> BODY=BINARYMIME',
  'MAIL FROM:<a@client.test> SIZE=-1',
  'MAIL FROM:<a@client.test> REQUIRETLS',
  'RCPT TO:<b@ours.test> NOTIFY=NEVER ORCPT=rfc822;b+40ours.test',
  'RCPT TO:<b@ours.test> ORCPT=rfc822;a+0D+0AMAIL',
  'RCPT TO:<',
  'RCPT TO:b@ours.test',
  'MAIL FROM:<a@client.test>\0',
  '\x16\x03\x01\x02\x00',
  'x'.repeat(4000),
  'x'.repeat(5000),
  'ä\x80\xff',
]
const LINE_ENDS = ['\r\n', '\r\n', '\r\n', '\r\n', '\n', '\r', '\r\r\n', '\0\r\n'] as const
const CONTENT = [
  '\r\n',
  '\r\n',
  '\r\n.',
  '\r\n..',
  '\n',
  '\r',
  '.',
  '\0',
  'text',
  'Subject: x',
  ': ',
  ' ',
  'ä',
  '\r\n\r\n',
] as const
const SMUGGLED = '\r\nMAIL FROM:<evil@relay.test>\r\nRCPT TO:<victim@ours.test>\r\nDATA\r\nforged\r\n.\r\n'

/** Cuts a text where it likes. */
const pieces = (text: string): fc.Arbitrary<readonly string[]> =>
  fc.array(fc.nat(Math.max(0, text.length)), { maxLength: 4 }).map((cuts) => {
    const at = [0, ...cuts.sort((a, b) => a - b), text.length]
    return at
      .slice(1)
      .map((end, i) => text.slice(at[i], end))
      .filter((piece) => piece !== '')
  })

const move = (text: fc.Arbitrary<string>, wait: fc.Arbitrary<boolean>): fc.Arbitrary<Move> =>
  text.chain((whole) => fc.record({ pieces: pieces(whole), wait }))

const lineEnd = fc.constantFrom(...LINE_ENDS)
const content = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.array(fc.constantFrom(...CONTENT), { maxLength: 12 }).map((parts) => `A: b\r\n\r\n${parts.join('')}`),
  },
  {
    weight: 3,
    arbitrary: fc
      .array(fc.constantFrom('\r\n', '.', 'text', '\r\n.', 'ä', ' '), { maxLength: 12 })
      .map((parts) => parts.join('')),
  },
  fc.constantFrom('\n.\n', '\n.\r\n', '\r\n.\n', '\r.\r', '\r\n.\r').map((end) => `A: b\r\n\r\nc${end}${SMUGGLED}`),
  fc.constantFrom(20, 70_000).map((length) => `A: b\r\n\r\n${'x'.repeat(length)}`),
)

/** A whole transaction, in one write up to DATA, as clients that pipeline do. */
const transaction: fc.Arbitrary<readonly Move[]> = fc
  .record({
    from: fc.constantFrom(...SENDERS),
    to: fc.array(fc.constantFrom(...RECIPIENTS), { minLength: 1, maxLength: 3 }),
    body: content,
    end: fc.constantFrom('\r\n.\r\n', '\r\n.\r\n', '\r\n.\r\nNOOP\r\n', '\r\n.\r\nMAIL FROM:<a@client.test>\r\n'),
  })
  .chain(({ from, to, body, end }) => {
    const envelope = `RSET\r\nMAIL FROM:<${from}>\r\n${to.map((each) => `RCPT TO:<${each}>\r\n`).join('')}DATA\r\n`
    return fc.tuple(move(fc.constant(envelope), fc.constant(true)), move(fc.constant(`${body}${end}`), fc.boolean()))
  })

const oddMove = move(
  fc.tuple(fc.constantFrom(...ODD_LINES), lineEnd).map(([line, end]) => `${line}${end}`),
  fc.boolean(),
).map((each) => [each])
const noise = move(
  fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
  fc.boolean(),
).map((each) => [each])

const HELLO: Move = { pieces: ['EHLO client.test\r\n'], wait: true }

export const session = (): fc.Arbitrary<Session> =>
  fc.record({
    moves: fc
      .array(fc.oneof({ weight: 4, arbitrary: transaction }, { weight: 3, arbitrary: oddMove }, noise), {
        maxLength: 5,
      })
      .map((parts) => [HELLO, ...parts.flat()]),
    drop: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
  })
