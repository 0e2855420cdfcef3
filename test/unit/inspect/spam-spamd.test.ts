import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { parseSpamOptions } from '../../../src/inspect/plugins/spam/options.ts'
import { spamPlugins } from '../../../src/inspect/plugins/spam/spam.ts'
import { traceOf } from '../../../src/inspect/plugins/spam/spamd.ts'
import { defer } from '../../support/scope.ts'
import { chainMessage, chainOf, kept, MESSAGE, never, SESSION, textOf } from './harness.ts'

/** The plugin with a stub for its only spamd; gives what it was asked. */
async function trial(t: TestContext, answer: (socket: Socket) => void, options: object = {}) {
  const asked: string[] = []
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
    })
    socket.on('error', () => {})
    socket.on('end', () => {
      if (text.startsWith('PING')) return void socket.end('SPAMD/1.5 0 PONG\r\n')
      asked.push(text)
      answer(socket)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  defer(t, () => server.close())
  const spamd = `127.0.0.1:${(server.address() as AddressInfo).port}`
  const context = kept()
  const chain = chainOf(spamPlugins(parseSpamOptions({ spamd, timeout: 400, ...options }), context), context)
  defer(t, () => chain.close())
  const scan = async () => {
    const outcome = await chain.data(chainMessage(), never)
    return { action: outcome.verdict.action, message: await textOf(outcome) }
  }
  return { scan, asked, chain }
}

const answer = (score: string, symbols: string, length = symbols.length) =>
  `SPAMD/1.1 0 EX_OK\r\nContent-length: ${length}\r\nSpam: False ; ${score} / 5.0\r\n\r\n${symbols}`

test('spamd gets the message with its length, and below a field that tells where it came from', async (t) => {
  const { scan, asked } = await trial(t, (socket) => socket.end(answer('1.5', 'NO_RELAYS,R_ODD')))
  const { action, message } = await scan()
  assert.equal(action, 'continue')
  assert.match(message, /^X-Spam-Status: No, score=1\.50 required=6\.00\r\n.*\r\nX-Spam-Symbols: NO_RELAYS R_ODD\r\n/)
  const [, length, sent = ''] =
    /^SYMBOLS SPAMC\/1\.5\r\nContent-length: (\d+)\r\n\r\n([\s\S]*)$/.exec(asked[0] ?? '') ?? []
  assert.equal(sent.length, Number(length))
  assert.ok(sent.endsWith(MESSAGE))
  assert.match(
    sent,
    /^Return-Path: <a@client\.test>\r\nReceived: from client\.test \(unknown \[192\.0\.2\.7\]\)\r\n\tby /,
  )
})

test('its score counts like any other', async (t) => {
  for (const [score, action] of [
    ['-0.0', 'continue'],
    ['6.0', 'tag'],
    ['1000.0', 'reject'],
  ] as const) {
    const { scan } = await trial(t, (socket) => socket.end(answer(score, 'GTUBE')))
    assert.equal((await scan()).action, action)
  }
})

const NONSENSE: readonly (readonly [string, (socket: Socket) => void])[] = [
  ['a failure of spamd', (socket) => socket.end('SPAMD/1.0 75 EX_TEMPFAIL\r\n\r\n')],
  ['no score', (socket) => socket.end('SPAMD/1.1 0 EX_OK\r\nContent-length: 0\r\n\r\n')],
  ['no length', (socket) => socket.end('SPAMD/1.1 0 EX_OK\r\nSpam: False ; 0 / 5\r\n\r\n')],
  ['half an answer', (socket) => socket.end(answer('0', 'NO_REL', 20))],
  ['nothing, then the end', (socket) => socket.end()],
  ['a reset', (socket) => socket.resetAndDestroy()],
  ['an answer without end', (socket) => socket.write('x'.repeat(500_000))],
  ['a greeting of another protocol', (socket) => socket.end('220 mail.test ESMTP\r\n')],
  ['nothing at all', () => {}],
]

for (const [what, say] of NONSENSE) {
  test(`${what} is no opinion`, async (t) => {
    const { scan } = await trial(t, say)
    const { action, message } = await scan()
    assert.equal(action, 'tag')
    assert.match(message, /^X-Spam-Status: Unknown, not scanned/)
  })
}

test('what the client said cannot become a field of its own', () => {
  const session = {
    ...SESSION,
    remoteAddress: '2001:db8::1',
    helo: 'a)\r\nX-Evil: 1',
    user: 'x\ny',
    remoteName: 'p.test',
  }
  const trace = traceOf({ ...chainMessage(), session, header: [], results: [], signal: never }, 0)
  assert.equal(
    trace,
    'Return-Path: <a@client.test>\r\n' +
      'Received: from a???X-Evil:?1 (p.test [IPv6:2001:db8::1])\r\n' +
      '\t(Authenticated sender: x?y)\r\n' +
      '\tby localhost (Postfix) with ESMTP id s1;\r\n\tThu, 1 Jan 1970 00:00:00 +0000\r\n',
  )
})
