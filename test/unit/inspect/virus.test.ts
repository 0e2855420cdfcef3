import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { parseVirusOptions } from '../../../src/inspect/plugins/virus/options.ts'
import { virusPlugin } from '../../../src/inspect/plugins/virus/virus.ts'
import type { Content } from '../../../src/mail/content.ts'
import { replyText } from '../../../src/mail/reply.ts'
import { type ClamdScript, type ClamdStub, type StubConnection, startClamdStub } from '../../support/clamd-stub.ts'
import { defer } from '../../support/scope.ts'
import { waitFor } from '../../support/wait.ts'
import { chainMessage, chainOf, kept, MESSAGE, never } from './harness.ts'

/** What stands above every message, so that clamd takes it for one. */
const HEAD = Buffer.from('Return-Path: <>\r\n')

interface Trial {
  readonly stub: ClamdStub
  readonly context: ReturnType<typeof kept>
  scan(content?: Content, gone?: AbortSignal): Promise<{ action: string; text: string; reason: string }>
}

/** A plugin with a stub for its only clamd. */
async function trial(t: TestContext, script: ClamdScript, options: object = {}): Promise<Trial> {
  const stub = await startClamdStub(t, script)
  const context = kept()
  const plugins = virusPlugin(parseVirusOptions({ clamd: stub.address, ...options }), context)
  const chain = chainOf(plugins, context)
  defer(t, () => chain.close())
  return {
    stub,
    context,
    async scan(content = chainMessage().content, gone = never) {
      const { verdict } = await chain.data(chainMessage(MESSAGE, '', { content }), gone)
      const text = 'reply' in verdict ? replyText(verdict.reply) : ''
      return { action: verdict.action, text, reason: 'reason' in verdict ? verdict.reason : '' }
    },
  }
}

const streamed = (chunks: readonly Buffer[], size = Buffer.concat(chunks).length): Content => ({
  size,
  bytes: null,
  async *stream() {
    yield* chunks
  },
})

test('what clamd calls clean passes', async (t) => {
  const { scan, stub } = await trial(t, {})
  assert.equal((await scan()).action, 'continue')
  assert.equal(`${stub.messages[0]?.bytes}`, `${HEAD}${MESSAGE}`)
})

test('a virus is refused by its name, and the trace knows it', async (t) => {
  const { scan } = await trial(t, { scanned: ({ id }, c) => c.reply(`${id}: stream: Win.Test.EICAR_HDB-1 FOUND`) })
  const { action, text, reason } = await scan()
  assert.equal(action, 'reject')
  assert.equal(text, '554 5.7.1 The message holds a virus (Win.Test.EICAR_HDB-1)')
  assert.equal(reason, 'virus Win.Test.EICAR_HDB-1')
})

test('its name can be kept from the sender, and the message can be held', async (t) => {
  const found: ClamdScript = { scanned: ({ id }, c) => c.reply(`${id}: stream: Evil(abc:68) FOUND`) }
  const silent = await trial(t, found, { tellName: false })
  assert.equal((await silent.scan()).text, '554 5.7.1 The message holds a virus')
  const holding = await trial(t, found, { action: 'hold' })
  assert.deepEqual(await holding.scan(), { action: 'hold', text: '', reason: 'virus Evil(abc:68)' })
})

type Said = (id: number, connection: StubConnection) => void

/** What a clamd may say that is not "clean", however near it comes. */
const LIES: readonly (readonly [string, Said])[] = [
  ['an empty reply', (_, c) => c.reply('')],
  ['a numbered empty reply', (id, c) => c.reply(`${id}: `)],
  ['a reply without its number', (_, c) => c.reply('stream: OK')],
  ['the reply to another command', (id, c) => c.reply(`${id + 1}: stream: OK`)],
  ['OK about something else', (id, c) => c.reply(`${id}: fd[5]: OK`)],
  ['OK in small letters', (id, c) => c.reply(`${id}: stream: ok`)],
  ['OK and more', (id, c) => c.reply(`${id}: stream: OK\n`)],
  ['two replies at once', (id, c) => c.reply(`${id}: stream: OK\0${id}: stream: Evil FOUND`)],
  ['a virus without a name', (id, c) => c.reply(`${id}: stream:  FOUND`)],
  ['an error', (id, c) => c.reply(`${id}: stream: Cannot allocate memory ERROR`)],
  ['an unnumbered error', (_, c) => c.reply('COMMAND READ TIMED OUT ERROR')],
  ['half a reply, then the end', (id, c) => c.socket.end(`${id}: stream: OK`)],
  ['nothing, then the end', (_, c) => c.socket.end()],
  ['a reset', (_, c) => c.socket.resetAndDestroy()],
  ['bytes without end', (_, c) => c.socket.write('stream: OK '.repeat(1000))],
  ['a web page', (_, c) => c.socket.write('HTTP/1.1 200 OK\r\n\r\n\0')],
  ['nothing at all', () => {}],
]

for (const [what, say] of LIES) {
  test(`${what} in answer to a message defers it`, async (t) => {
    const { scan, context } = await trial(t, { scanned: ({ id }, c) => say(id, c) }, { timeout: 400 })
    const { action, text } = await scan()
    assert.equal(action, 'defer')
    assert.equal(text, '451 4.7.1 The message could not be scanned for viruses just now; try again later')
    assert.ok(context.lines.some(({ message }) => message === 'a message was not scanned for viruses'))
  })
}

test('clean that is said before the message has been sent does not count', async (t) => {
  const big = streamed(Array.from({ length: 64 }, () => Buffer.alloc(65_536, 'a')))
  const { scan, context } = await trial(t, { begun: (id, c) => c.reply(`${id}: stream: OK`) })
  assert.equal((await scan(big)).action, 'defer')
  assert.match(JSON.stringify(context.lines), /before it had the whole message/)
})

test('clean that is said again without being asked does not count for the next message', async (t) => {
  let replies = 0
  const scanned: ClamdScript['scanned'] = ({ id }, c) => {
    c.reply(`${id}: stream: OK`)
    if (++replies === 1) setTimeout(() => c.reply(`${id + 1}: stream: OK`), 20)
    else c.reply(`${id}: stream: Evil FOUND`)
  }
  const { scan, stub } = await trial(t, { scanned })
  assert.equal((await scan()).action, 'continue')
  await sleep(60)
  assert.notEqual((await scan()).action, 'continue')
  assert.equal(stub.scanning.length, 2, 'the connection that spoke out of turn is not used again')
})

test('a message over a limit of clamd is deferred, or what is configured for it', async (t) => {
  const tooLong: ClamdScript = { scanned: (_, c) => c.socket.end('INSTREAM size limit exceeded. ERROR\0') }
  const tooDeep: ClamdScript = {
    scanned: ({ id }, c) => c.reply(`${id}: stream: Heuristics.Limits.Exceeded.MaxFiles FOUND`),
  }
  for (const script of [tooLong, tooDeep]) {
    assert.equal((await (await trial(t, script)).scan()).action, 'defer')
    assert.equal((await (await trial(t, script, { overLimits: 'hold', unavailable: 'defer' })).scan()).action, 'hold')
    const { action, text } = await (await trial(t, script, { overLimits: 'reject' })).scan()
    assert.equal(action, 'reject')
    assert.match(text, /^554 5\.7\.1 The message cannot be scanned/)
  }
})

test('a message that no clamd answers for is held where that is configured', async (t) => {
  const { scan } = await trial(t, { scanned: (_, c) => c.socket.end() }, { unavailable: 'hold' })
  const { action, reason } = await scan()
  assert.equal(action, 'hold')
  assert.match(reason, /^not scanned for viruses: 127\.0\.0\.1:\d+: it closed the connection/)
})

test('a message that cannot be read to its end is not called clean', async (t) => {
  const { scan, stub } = await trial(t, {})
  assert.equal((await scan(streamed([Buffer.from('From: a@b.test\r\n\r\nhalf')], 1000))).action, 'defer')
  assert.equal((await scan(streamed([]))).action, 'defer')
  assert.equal(stub.messages.length, 0)
})

test('every byte arrives, in whatever pieces it is read', async (t) => {
  const { scan, stub } = await trial(t, {})
  const piece = fc.uint8Array({ minLength: 0, maxLength: 3000 }).map((bytes) => Buffer.from(bytes))
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { minLength: 1, maxLength: 12 }), async (pieces) => {
      const whole = Buffer.concat(pieces)
      fc.pre(whole.length > 0)
      const before = stub.messages.length
      assert.equal((await scan(streamed(pieces))).action, 'continue')
      assert.equal(stub.messages.length, before + 1)
      assert.ok(stub.messages.at(-1)?.bytes.equals(Buffer.concat([HEAD, whole])))
    }),
    { numRuns: 60 },
  )
})

test('a large message in memory goes in chunks that are not all of it', async (t) => {
  const { scan, stub } = await trial(t, {})
  const bytes = Buffer.alloc(2_500_000, 'x')
  bytes.write('Subject: long\r\n\r\n')
  assert.equal((await scan({ size: bytes.length, bytes, stream: async function* () {} })).action, 'continue')
  assert.deepEqual(stub.messages[0]?.chunks, [HEAD.length, 1_048_576, 1_048_576, 402_848])
})

test('no more of a message is read than clamd takes', async (t) => {
  let read = 0
  const endless: Content = {
    size: 200 * 65_536,
    bytes: null,
    async *stream() {
      for (let i = 0; i < 200; i++) {
        read += 65_536
        yield Buffer.alloc(65_536)
      }
    },
  }
  const { scan } = await trial(t, { deaf: true }, { timeout: 500 })
  assert.equal((await scan(endless)).action, 'defer')
  // what the two sockets hold between them, and one piece
  assert.ok(read < 8 * 1024 * 1024, `${read} bytes were read`)
})

test('connections are used again, and there are never more than allowed', async (t) => {
  let now = 0
  let most = 0
  const scanned: ClamdScript['scanned'] = ({ id }, c) => {
    most = Math.max(most, ++now)
    setTimeout(() => {
      now--
      c.reply(`${id}: stream: OK`)
    }, 5)
  }
  const { scan, stub } = await trial(t, { scanned }, { connections: 3 })
  const said = await Promise.all(Array.from({ length: 30 }, () => scan()))
  assert.ok(said.every(({ action }) => action === 'continue'))
  assert.equal(most, 3)
  assert.equal(stub.scanning.length, 3)
  assert.equal(stub.messages.length, 30)
})

test('more messages than may wait are not waited for', async (t) => {
  const held: (() => void)[] = []
  const scanned: ClamdScript['scanned'] = ({ id }, c) => void held.push(() => c.reply(`${id}: stream: OK`))
  const { scan } = await trial(t, { scanned }, { connections: 1, waiting: 1, timeout: 5000 })
  const first = scan()
  await waitFor(() => held.length === 1, { what: 'the first scan' })
  const second = scan()
  const third = await scan()
  assert.equal(third.action, 'defer')
  assert.match(third.reason, /1 messages wait for it already/)
  held[0]?.()
  await waitFor(() => held.length === 2, { what: 'the second scan' })
  held[1]?.()
  assert.deepEqual([(await first).action, (await second).action], ['continue', 'continue'])
})

test('a kept connection that clamd closed costs no message', async (t) => {
  const { scan, stub } = await trial(t, {})
  assert.equal((await scan()).action, 'continue')
  // closes at the very moment the next message comes
  const [kept] = stub.scanning
  stub.script = { begun: (_, c) => c === kept && void c.socket.destroy() }
  assert.equal((await scan()).action, 'continue')
  assert.equal(stub.scanning.length, 2)
})

test('when the client leaves, clamd is left too', async (t) => {
  const { scan, stub } = await trial(t, { scanned: () => {} })
  const gone = new AbortController()
  const verdict = scan(undefined, gone.signal)
  await waitFor(() => stub.messages.length === 1, { what: 'the message' })
  gone.abort()
  assert.equal((await verdict).action, 'defer')
  await waitFor(() => stub.scanning[0]?.socket.closed, { what: 'the end of the connection' })
})

test('wrong options are named', () => {
  const wrong: readonly (readonly [object, RegExp])[] = [
    [{}, /virus: clamd: expected a text, or a list of them, found undefined/],
    [{ clamd: [] }, /clamd: expected a text, or a list/],
    [{ clamd: 'clamd.ctl' }, /clamd: expected the path of a Unix socket, or host:port, found "clamd\.ctl"/],
    [{ clamd: ['/a', 'host:99999'] }, /found "host:99999"/],
    [{ clamd: '/a', unavailable: 'accept' }, /unavailable: expected one of defer, hold/],
    [{ clamd: '/a', tellName: 'no' }, /tellName: expected true or false/],
    [{ clamd: '/a', timeout: 5 }, /timeout: expected a whole number from 100/],
  ]
  for (const [raw, expected] of wrong) assert.throws(() => parseVirusOptions(raw), expected)
  const { clamd } = parseVirusOptions({ clamd: ['/run/c', '[::1]:3310', 'scan.test:3310'] })
  assert.deepEqual(
    clamd.map(({ connect }) => connect),
    [{ path: '/run/c' }, { host: '::1', port: 3310 }, { host: 'scan.test', port: 3310 }],
  )
})
