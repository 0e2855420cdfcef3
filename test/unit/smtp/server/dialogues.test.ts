import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { dial, startWire, type WireOptions } from './support.ts'

/** What is said, line by line: `C:` the client, `S:` the server (lines of one reply joined by `|`), `X:` the server closes. */
type Dialogue = readonly string[]

const HELLO: Dialogue = ['S: 220 relay.test ESMTP Postern', 'C: HELO client.test', 'S: 250 relay.test']
const EXTENSIONS = '250-PIPELINING|250-SIZE 36700160|250-8BITMIME|250-SMTPUTF8|250-ENHANCEDSTATUSCODES|250 DSN'
const EHLO: Dialogue = ['S: 220 relay.test ESMTP Postern', 'C: EHLO client.test', `S: 250-relay.test|${EXTENSIONS}`]
const MAIL: Dialogue = ['C: MAIL FROM:<a@client.test>', 'S: 250 2.0.0 Yes']
const RCPT: Dialogue = ['C: RCPT TO:<b@relay.test>', 'S: 250 2.0.0 Yes']
const DATA: Dialogue = ['C: DATA', 'S: 354 End data with <CR><LF>.<CR><LF>']
const MESSAGE: Dialogue = ['C: Subject: x', 'C: ', 'C: text', 'C: .']
const QUIT: Dialogue = ['C: QUIT', 'S: 221 2.0.0 Bye', 'X:']
const LENIENT: WireOptions = { limits: { lenient: true } }

const DIALOGUES: readonly (readonly [string, Dialogue, WireOptions?])[] = [
  ['a message after EHLO', [...EHLO, ...MAIL, ...RCPT, ...DATA, ...MESSAGE, 'S: 250 2.0.0 Taken 1', ...QUIT]],
  ['a message after HELO', [...HELLO, ...MAIL, ...RCPT, ...DATA, ...MESSAGE, 'S: 250 2.0.0 Taken 1', ...QUIT]],
  [
    'two messages in one session',
    [
      ...EHLO,
      ...[...MAIL, ...RCPT, ...DATA, ...MESSAGE, 'S: 250 2.0.0 Taken 1'],
      ...[...MAIL, ...RCPT, ...RCPT, ...DATA, ...MESSAGE, 'S: 250 2.0.0 Taken 2'],
      ...QUIT,
    ],
  ],
  [
    'verbs in any case, with blanks around arguments',
    [
      ...EHLO,
      'C: mAiL  from:<a@client.test>  ',
      'S: 250 2.0.0 Yes',
      'C: rcpt TO: <b@relay.test>',
      'S: 250 2.0.0 Yes',
      'C: quit ',
      'S: 221 2.0.0 Bye',
    ],
  ],
  ['NOOP with and without an argument', [...EHLO, 'C: NOOP', 'S: 250 2.0.0 OK', 'C: NOOP what', 'S: 250 2.0.0 OK']],
  ['HELP', [...EHLO, 'C: HELP MAIL', 'S: 214 2.0.0 See RFC 5321']],
  ['VRFY tells nothing', [...EHLO, 'C: VRFY root', 'S: 252 2.5.0 Cannot verify; send the message and see']],
  ['EXPN tells nothing', [...EHLO, 'C: EXPN staff', 'S: 502 5.5.1 Command not implemented']],
  ['an unknown command', [...EHLO, 'C: XYZZY', 'S: 500 5.5.1 Command not known', ...QUIT]],
  [
    'verbs of the library that are none',
    [
      ...EHLO,
      ...['WIZ', 'SHELL', 'KILL', 'XCLIENT ADDR=1.2.3.4', 'XFORWARD X=Y'].flatMap((verb) => [
        `C: ${verb}`,
        'S: 500 5.5.1 Command not known',
      ]),
    ],
  ],
  [
    'names of properties are no verbs',
    [...EHLO, 'C: constructor', 'S: 500 5.5.1 Command not known', 'C: __proto__ x', 'S: 500 5.5.1 Command not known'],
  ],
  ['an empty line', [...EHLO, 'C: ', 'S: 500 5.5.1 Command not known']],
  ['MAIL before HELO', [HELLO[0] ?? '', 'C: MAIL FROM:<a@client.test>', 'S: 503 5.5.1 Say HELO or EHLO first']],
  ['RCPT before HELO', [HELLO[0] ?? '', 'C: RCPT TO:<a@client.test>', 'S: 503 5.5.1 Say HELO or EHLO first']],
  ['DATA before HELO', [HELLO[0] ?? '', 'C: DATA', 'S: 503 5.5.1 Say HELO or EHLO first']],
  ['RCPT before MAIL', [...EHLO, 'C: RCPT TO:<b@relay.test>', 'S: 503 5.5.1 MAIL first']],
  ['DATA before MAIL', [...EHLO, 'C: DATA', 'S: 503 5.5.1 MAIL first']],
  ['DATA before RCPT', [...EHLO, ...MAIL, 'C: DATA', 'S: 554 5.5.1 No valid recipients']],
  ['MAIL in a transaction', [...EHLO, ...MAIL, 'C: MAIL FROM:<>', 'S: 503 5.5.1 A transaction is under way already']],
  ['RSET ends a transaction', [...EHLO, ...MAIL, 'C: RSET', 'S: 250 2.0.0 OK', ...MAIL]],
  ['EHLO ends a transaction', [...EHLO, ...MAIL, 'C: EHLO client.test', `S: 250-relay.test|${EXTENSIONS}`, ...MAIL]],
  [
    'a refused EHLO leaves the transaction',
    [...EHLO, ...MAIL, 'C: EHLO', 'S: 501 5.5.4 A domain name or an address literal is needed', ...RCPT],
  ],
  [
    'arguments where there are none',
    [
      ...EHLO,
      ...['DATA x', 'RSET x', 'QUIT x'].flatMap((line) => [
        `C: ${line}`,
        'S: 501 5.5.4 This command takes no arguments',
      ]),
    ],
  ],
  ['STARTTLS where it is not offered', [...EHLO, 'C: STARTTLS', 'S: 502 5.5.1 TLS is not offered']],
  ['AUTH where it is not offered', [...EHLO, 'C: AUTH PLAIN AGEAYg==', 'S: 502 5.5.1 AUTH is not offered']],
  ['parameters after HELO', [...HELLO, 'C: MAIL FROM:<a@client.test> SIZE=1', 'S: 555 5.5.4 Parameter SIZE not known']],
  [
    'an address literal in EHLO',
    [
      HELLO[0] ?? '',
      'C: EHLO [10.1.2.3]',
      `S: 250-relay.test|${EXTENSIONS}`,
      'C: EHLO [IPv6:2001:db8::1]',
      `S: 250-relay.test|${EXTENSIONS}`,
    ],
  ],
  [
    'odd names in HELO',
    [
      HELLO[0] ?? '',
      ...['HELO', 'HELO two words', 'HELO -x-', 'HELO a(b)', 'HELO a.'].flatMap((line) => [
        `C: ${line}`,
        'S: 501 5.5.4 A domain name or an address literal is needed',
      ]),
    ],
  ],
  [
    'odd names in HELO of a lenient client',
    [
      HELLO[0] ?? '',
      ...['HELO two words', 'HELO -x-', 'HELO PRINTER (3rd floor)'].flatMap((line) => [
        `C: ${line}`,
        'S: 250 relay.test',
      ]),
    ],
    LENIENT,
  ],
  [
    'addresses without brackets',
    [...EHLO, 'C: MAIL FROM:a@client.test', 'S: 501 5.5.4 Syntax: MAIL FROM:<address> [parameters]'],
  ],
  [
    'addresses without brackets of a lenient client',
    [...EHLO, 'C: MAIL FROM: a@client.test SIZE=5', 'S: 250 2.0.0 Yes', 'C: RCPT TO:b@relay.test', 'S: 250 2.0.0 Yes'],
    LENIENT,
  ],
  [
    'control characters in a command',
    [
      ...EHLO,
      'C: NOOP a\tb',
      'S: 500 5.5.2 Control characters or invalid UTF-8 in the command',
      'C: MAIL FROM:<a\0@client.test>',
      'S: 500 5.5.2 Control characters or invalid UTF-8 in the command',
      'C: NOOP a\rb',
      'S: 500 5.5.2 Control characters or invalid UTF-8 in the command',
    ],
  ],
  [
    'bytes that are not UTF-8',
    [...EHLO, 'C: NOOP \xff', 'S: 500 5.5.2 Control characters or invalid UTF-8 in the command'],
  ],
  [
    'C1 control characters in UTF-8',
    [...EHLO, 'C: NOOP \xc2\x85', 'S: 500 5.5.2 Control characters or invalid UTF-8 in the command'],
  ],
  ['a web request', [HELLO[0] ?? '', 'C: POST / HTTP/1.1', 'S: 421 4.7.0 This is a mail server', 'X:']],
  ['a web request in the middle', [...EHLO, 'C: GET /x HTTP/1.0', 'S: 421 4.7.0 This is a mail server', 'X:']],
  [
    'TLS where clear text is spoken',
    [HELLO[0] ?? '', 'C: \x16\x03\x01\x02\x00', 'S: 421 4.7.0 This is a mail server', 'X:'],
  ],
  [
    'our name and banner',
    ['S: 220 mx.example.test ready', 'C: HELO a', 'S: 250 mx.example.test'],
    { hostname: 'mx.example.test', banner: 'ready' },
  ],
  [
    'the size limit in EHLO',
    [HELLO[0] ?? '', 'C: EHLO client.test', `S: 250-relay.test|${EXTENSIONS.replace('36700160', '1000')}`],
    { limits: { size: 1000 } },
  ],
  [
    'STARTTLS where it is offered',
    [
      HELLO[0] ?? '',
      'C: EHLO client.test',
      `S: 250-relay.test|${EXTENSIONS.replace('250 DSN', '250-DSN|250 STARTTLS')}`,
      'C: STARTTLS now',
      'S: 501 5.5.4 This command takes no arguments',
    ],
    {
      tls: {
        mode: 'starttls',
        secureContext: () => {
          throw new Error('no context')
        },
      },
    },
  ],
  [
    'the handler refuses the connection',
    ['S: 554-5.7.1 No|554 5.7.1 never', 'X:'],
    { handler: { connect: () => ({ code: 554, enhanced: '5.7.1', lines: ['No', 'never'] }) } },
  ],
  [
    'the handler refuses EHLO',
    [
      HELLO[0] ?? '',
      'C: EHLO client.test',
      'S: 550 5.7.1 No',
      'C: MAIL FROM:<>',
      'S: 503 5.5.1 Say HELO or EHLO first',
    ],
    { handler: { hello: () => ({ code: 550, enhanced: '5.7.1', lines: ['No'] }) } },
  ],
  [
    'the handler refuses MAIL',
    [...EHLO, 'C: MAIL FROM:<>', 'S: 450 4.7.1 Later', 'C: RCPT TO:<b@relay.test>', 'S: 503 5.5.1 MAIL first'],
    { handler: { mail: () => ({ code: 450, enhanced: '4.7.1', lines: ['Later'] }) } },
  ],
  [
    'the handler refuses RCPT',
    [...EHLO, ...MAIL, 'C: RCPT TO:<b@relay.test>', 'S: 550 5.1.1 Who?', 'C: DATA', 'S: 554 5.5.1 No valid recipients'],
    { handler: { rcpt: () => ({ code: 550, enhanced: '5.1.1', lines: ['Who?'] }) } },
  ],
  [
    'the handler refuses DATA',
    [...EHLO, ...MAIL, ...RCPT, 'C: DATA', 'S: 452 4.3.1 Full', 'C: RSET', 'S: 250 2.0.0 OK'],
    { handler: { data: () => ({ code: 452, enhanced: '4.3.1', lines: ['Full'] }) } },
  ],
  [
    'the handler ends the session',
    [...EHLO, 'C: MAIL FROM:<>', 'S: 421 4.7.0 Go', 'X:'],
    { handler: { mail: () => ({ code: 421, enhanced: '4.7.0', lines: ['Go'], close: true }) } },
  ],
  [
    'a reply that would be two',
    [...EHLO, 'C: MAIL FROM:<>', 'S: 450 4.0.0 a??250 b?c', 'C: NOOP', 'S: 250 2.0.0 OK'],
    { handler: { mail: () => ({ code: 450, enhanced: '4.0.0', lines: ['a\r\n250 b\u00e9c'] }) } },
  ],
  [
    'a reply whose text begins with an enhanced code has no second one',
    [...EHLO, 'C: MAIL FROM:<>', 'S: 450 4.7.1 Later'],
    { handler: { mail: () => ({ code: 450, enhanced: null, lines: ['4.7.1 Later'] }) } },
  ],
  [
    'a handler that throws',
    [...EHLO, 'C: MAIL FROM:<>', 'S: 451 4.3.0 Local error, try again later', 'C: NOOP', 'S: 250 2.0.0 OK'],
    {
      handler: {
        mail: () => {
          throw new Error('bug')
        },
      },
    },
  ],
  [
    'a handler that rejects',
    [...EHLO, 'C: MAIL FROM:<>', 'S: 451 4.3.0 Local error, try again later', 'C: NOOP', 'S: 250 2.0.0 OK'],
    {
      handler: {
        mail: async () => {
          throw new Error('bug')
        },
      },
    },
  ],
  [
    'a handler whose answer lacks its text',
    [...EHLO, 'C: MAIL FROM:<>', 'S: 451 4.3.0 Local error, try again later'],
    { handler: { mail: () => ({ code: 250 }) as never } },
  ],
  [
    'a handler whose answer is no reply',
    [
      ...EHLO,
      'C: MAIL FROM:<>',
      'S: 451 4.3.0 Local error, try again later',
      'C: RCPT TO:<b@relay.test>',
      'S: 503 5.5.1 MAIL first',
    ],
    { handler: { mail: () => undefined as never } },
  ],
  [
    'a handler that answers later',
    [...EHLO, 'C: MAIL FROM:<>', 'S: 250 2.1.0 At last', ...RCPT],
    {
      handler: {
        mail: () =>
          new Promise((resolve) => setTimeout(resolve, 5, { code: 250, enhanced: '2.1.0', lines: ['At last'] })),
      },
    },
  ],
  [
    'a sink that fails at the end',
    [...EHLO, ...MAIL, ...RCPT, ...DATA, ...MESSAGE, 'S: 451 4.3.0 Local error, try again later', ...MAIL],
    {
      sink: {
        end: async () => {
          throw new Error('disk')
        },
      },
    },
  ],
  [
    'a sink that fails on the way',
    [...EHLO, ...MAIL, ...RCPT, ...DATA, ...MESSAGE, 'S: 451 4.3.0 Local error, try again later', ...MAIL],
    {
      sink: {
        write: () => {
          throw new Error('disk')
        },
      },
    },
  ],
  [
    'a sink that fails on the way, later',
    [...EHLO, ...MAIL, ...RCPT, ...DATA, ...MESSAGE, 'S: 451 4.3.0 Local error, try again later', ...MAIL],
    {
      sink: {
        write: async () => {
          throw new Error('disk')
        },
      },
    },
  ],
]

describe('a dialogue', () => {
  for (const [name, dialogue, options] of DIALOGUES) {
    it(`goes as it is written: ${name}`, async (t) => {
      const { port } = await startWire(t, options)
      const client = dial(t, port)
      for (const line of dialogue) {
        const text = line.slice(3)
        if (line.startsWith('C:')) client.send(`${text}\r\n`)
        else if (line.startsWith('S:')) assert.equal(await client.reply(), text)
        else assert.equal(await client.closed(), '')
      }
    })
  }

  it('may be said in one breath, and is answered in one', async (t) => {
    const { port } = await startWire(t)
    const client = dial(t, port)
    await client.reply()
    await client.ask('EHLO client.test')
    let chunks = 0
    client.socket.on('data', () => chunks++)
    client.send('MAIL FROM:<a@b.test>\r\nRCPT TO:<b@relay.test>\r\nRCPT TO:<c@relay.test>\r\nDATA\r\n')
    assert.equal(await client.reply(), '250 2.0.0 Yes')
    assert.equal(await client.reply(), '250 2.0.0 Yes')
    assert.equal(await client.reply(), '250 2.0.0 Yes')
    assert.match(await client.reply(), /^354 /)
    assert.equal(chunks, 1)
  })

  it('goes on with what follows the end mark in the same breath', async (t) => {
    const { port, messages } = await startWire(t)
    const client = dial(t, port)
    await client.reply()
    await client.say('EHLO client.test', 'MAIL FROM:<a@b.test>', 'RCPT TO:<b@relay.test>', 'DATA')
    client.send('one\r\n.\r\nMAIL FROM:<>\r\nRCPT TO:<c@relay.test>\r\nDATA\r\n')
    assert.equal(await client.reply(), '250 2.0.0 Taken 1')
    assert.equal(await client.reply(), '250 2.0.0 Yes')
    assert.equal(await client.reply(), '250 2.0.0 Yes')
    assert.match(await client.reply(), /^354 /)
    client.send('two\r\n.\r\nQUIT\r\n')
    assert.equal(await client.reply(), '250 2.0.0 Taken 2')
    assert.equal(await client.reply(), '221 2.0.0 Bye')
    assert.deepEqual(
      messages.map(({ content, rcptTo }) => [content, ...rcptTo]),
      [
        ['one\r\n', 'b@relay.test'],
        ['two\r\n', 'c@relay.test'],
      ],
    )
  })

  it('is the same, byte by byte', async (t) => {
    const { port, messages } = await startWire(t)
    const client = dial(t, port)
    await client.reply()
    const say = async (text: string): Promise<string> => {
      for (const byte of text) {
        client.send(byte)
        await new Promise((resolve) => setImmediate(resolve))
      }
      return client.reply()
    }
    assert.match(await say('EHLO client.test\r\n'), /^250-/)
    assert.match(await say('MAIL FROM:<a@b.test>\r\n'), /^250 /)
    assert.match(await say('RCPT TO:<b@relay.test>\r\n'), /^250 /)
    assert.match(await say('DATA\r\n'), /^354 /)
    assert.match(await say('..a\r\n.b\r\n\r\n.\r\n'), /^250 /)
    assert.equal(messages[0]?.content, '.a\r\nb\r\n\r\n')
  })
})
