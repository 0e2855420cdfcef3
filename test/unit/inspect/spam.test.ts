import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ChainMessage } from '../../../src/inspect/message.ts'
import type { Mode } from '../../../src/inspect/plugin.ts'
import { parseSpamOptions } from '../../../src/inspect/plugins/spam/options.ts'
import { spamPlugins } from '../../../src/inspect/plugins/spam/spam.ts'
import { replyText } from '../../../src/mail/reply.ts'
import { temporaryFolder } from '../../support/folder.ts'
import { type RspamdScript, type RspamdStub, rspamdAnswer, startRspamdStub } from '../../support/rspamd-stub.ts'
import { defer } from '../../support/scope.ts'
import { chainMessage, chainOf, kept, MESSAGE, never, SESSION, textOf } from './harness.ts'

interface Said {
  readonly action: string
  readonly text: string
  readonly reason: string
  /** The message afterwards. */
  readonly message: string
  readonly facts: unknown
}

interface Trial {
  readonly stub: RspamdStub
  scan(text?: string, changes?: Partial<ChainMessage>): Promise<Said>
}

/** The plugin with a stub for its only Rspamd. */
async function trial(t: TestContext, script: RspamdScript, options: object = {}, mode: Mode = 'enforce') {
  const stub = await startRspamdStub(t, script)
  const context = kept()
  const plugins = spamPlugins(parseSpamOptions({ rspamd: stub.url, ...options }), context)
  const chain = chainOf(
    plugins.map((plugin) => ({ plugin, mode })),
    context,
  )
  defer(t, () => chain.close())
  const scan: Trial['scan'] = async (text = MESSAGE, changes = {}) => {
    const outcome = await chain.data(chainMessage(text, '', changes), never)
    const { verdict, results } = outcome
    return {
      action: verdict.action,
      text: 'reply' in verdict ? replyText(verdict.reply) : '',
      reason: 'reason' in verdict ? verdict.reason : '',
      message: await textOf(outcome),
      facts: results[0]?.facts,
    }
  }
  return { stub, context, chain, scan }
}

const says =
  (score: number, action?: string, symbols?: Readonly<Record<string, number>>): RspamdScript =>
  (_, response) =>
    response.end(rspamdAnswer(score, action, symbols))

test('mail below all scores passes, and says its score and symbols', async (t) => {
  const { scan } = await trial(t, says(1.25, 'no action', { MIME_GOOD: -0.1, R_ODD: 1.35 }))
  const { action, message, facts } = await scan()
  assert.equal(action, 'continue')
  const fields = [
    'X-Spam-Status: No, score=1.25 required=6.00',
    'X-Spam-Score: 1.25',
    'X-Spam-Symbols: R_ODD(1.35) MIME_GOOD(-0.10)',
  ]
  assert.equal(message, `${fields.join('\r\n')}\r\n${MESSAGE}`)
  assert.deepEqual(facts, { score: 1.25, symbols: ['R_ODD', 'MIME_GOOD'] })
})

test('each score does what is configured, from exactly that score on', async (t) => {
  const options = { tag: 5, hold: 10, reject: 15 }
  for (const [score, action] of [
    [4.99, 'continue'],
    [5, 'tag'],
    [9.99, 'tag'],
    [10, 'hold'],
    [15, 'reject'],
    [1000, 'reject'],
    [-20, 'continue'],
  ] as const) {
    const { scan } = await trial(t, says(score), options)
    assert.equal((await scan()).action, action, String(score))
  }
})

test('marked mail bears a flag, refused mail is told no score, held mail keeps its fields', async (t) => {
  const marked = await (await trial(t, says(7))).scan()
  assert.match(marked.message, /^X-Spam-Flag: YES\r\nX-Spam-Status: Yes, score=7\.00 required=6\.00\r\n/)
  const refused = await (await trial(t, says(20))).scan()
  assert.equal(refused.text, '554 5.7.1 The message looks like spam')
  assert.equal(refused.reason, 'spam score 20.00')
  const held = await (await trial(t, says(8), { hold: 8 })).scan()
  assert.match(held.message, /^X-Spam-Status: Yes, score=8\.00/)
})

test('a score can be turned off', async (t) => {
  const { scan } = await trial(t, says(500), { tag: null, reject: null })
  const { action, message } = await scan()
  assert.equal(action, 'continue')
  assert.match(message, /^X-Spam-Status: No, score=500\.00\r\n/)
})

test('what Rspamd asks for besides its score is done', async (t) => {
  for (const [wish, options, action] of [
    ['soft reject', {}, 'defer'],
    ['greylist', {}, 'continue'],
    ['greylist', { greylist: 'defer' }, 'defer'],
    ['quarantine', {}, 'hold'],
    ['discard', {}, 'hold'],
    ['reject', {}, 'continue'],
    ['rewrite subject', {}, 'continue'],
  ] as const) {
    const { scan } = await trial(t, says(1, wish), options)
    assert.equal((await scan()).action, action, `${wish} ${JSON.stringify(options)}`)
  }
})

const FORGED = ['X-Spam-Status: No, score=-100', 'x-spam-flag: NO', 'X-Spam-Score: -5', 'X-SPAM-LEVEL: *']

test('fields of that name that come with a message do not pass, however it is scanned', async (t) => {
  const forged = `${FORGED.join('\r\n')}\r\n${MESSAGE}`
  const scanned = await (await trial(t, says(0))).scan(forged)
  assert.doesNotMatch(scanned.message, /-100|flag: NO|-5|LEVEL/)
  const unscanned = await (await trial(t, (_, response) => response.destroy())).scan(forged)
  assert.equal(unscanned.message, `X-Spam-Status: Unknown, not scanned (the scanner did not answer)\r\n${MESSAGE}`)
  const silent = await (await trial(t, says(0), { header: 'never' })).scan(forged)
  assert.equal(silent.message, MESSAGE)
})

test('which mail bears the fields is configured', async (t) => {
  assert.equal((await (await trial(t, says(1), { header: 'tagged' })).scan()).message, MESSAGE)
  assert.match(
    (await (await trial(t, says(6), { header: 'tagged' })).scan()).message,
    /^X-Spam-Flag.*\r\nX-Spam-Status/,
  )
  assert.equal((await (await trial(t, says(6), { header: 'never' })).scan()).message, `X-Spam-Flag: YES\r\n${MESSAGE}`)
})

/** What a scanner may say that is no opinion. */
const NONSENSE: readonly (readonly [string, RspamdScript])[] = [
  ['no JSON', (_, response) => response.end('<html>')],
  ['an empty answer', (_, response) => response.end()],
  ['JSON that is no object', (_, response) => response.end('[]')],
  ['no score', (_, response) => response.end('{"action":"no action","symbols":{}}')],
  ['a score that is a word', (_, response) => response.end('{"score":"0","action":"no action","symbols":{}}')],
  ['an infinite score', (_, response) => response.end('{"score":1e999,"action":"no action","symbols":{}}')],
  ['an unknown action', (_, response) => response.end(rspamdAnswer(0, 'welcome'))],
  ['no symbols', (_, response) => response.end('{"score":0,"action":"no action"}')],
  ['an error', (_, response) => response.writeHead(500).end(rspamdAnswer(0))],
  ['half an answer', (_, response) => response.writeHead(200, { 'Content-Length': 900 }).write('{"score":0,')],
  ['an answer without end', (_, response) => void endless(response)],
  ['a closed connection', (_a, _b, socket) => socket.destroy()],
  ['nothing', () => {}],
]

async function endless(response: { write(text: string): boolean; destroyed: boolean }): Promise<void> {
  for (let i = 0; i < 60 && !response.destroyed; i++) {
    response.write(' '.repeat(65_536))
    await sleep(1)
  }
}

for (const [what, script] of NONSENSE) {
  test(`${what} in answer to a message is no opinion: it passes as not scanned, or as configured`, async (t) => {
    const options = { timeout: 400 }
    const accepted = await (await trial(t, script, options)).scan()
    assert.equal(accepted.action, 'tag')
    assert.match(accepted.message, /^X-Spam-Status: Unknown, not scanned/)
    const deferred = await (await trial(t, script, { ...options, unavailable: 'defer' })).scan()
    assert.equal(deferred.text, '451 4.7.1 The message could not be checked just now; try again later')
    assert.equal((await (await trial(t, script, { ...options, unavailable: 'hold' })).scan()).action, 'hold')
  })
}

test('Rspamd is told the envelope and the client, and gets every byte', async (t) => {
  const { scan, stub } = await trial(t, says(0))
  const at = (address: string) => {
    const [local = '', domain = ''] = address.split('@')
    return { address: { local, domain }, notify: null, orcpt: null }
  }
  await scan(MESSAGE, {
    session: {
      ...SESSION,
      remoteName: 'out.client.test',
      helo: 'evil\r\nUser: root',
      user: 'jörg',
      tls: { protocol: 'TLSv1.3', cipher: 'TLS_AES_128_GCM_SHA256', clientFingerprint: null },
    },
    rcptTo: [at('b@next.test'), at('c@next.test')],
  })
  const [asked] = stub.asked
  assert.equal(`${asked?.body}`, MESSAGE)
  const { headers = {}, raw = [] } = asked ?? {}
  assert.equal(headers.from, '<a@client.test>')
  assert.deepEqual(
    raw.filter((_, i) => raw[i - 1] === 'Rcpt'),
    ['<b@next.test>', '<c@next.test>'],
  )
  assert.equal(headers.ip, '192.0.2.7')
  assert.equal(headers.hostname, 'out.client.test')
  assert.equal(headers.helo, 'evil??User: root')
  assert.equal(Buffer.from(String(headers.user), 'latin1').toString(), 'jörg')
  assert.equal(headers['queue-id'], 's1')
  assert.equal(headers['tls-version'], 'TLSv1.3')
  assert.equal(headers['content-length'], String(MESSAGE.length))
})

test('the null reverse-path and an unknown name are told as such', async (t) => {
  const { scan, stub } = await trial(t, says(0))
  await scan(MESSAGE, { mailFrom: null, session: { ...SESSION, helo: null } })
  const headers = stub.asked[0]?.headers
  assert.deepEqual(
    [headers?.from, headers?.hostname, headers?.helo, headers?.user],
    ['<>', 'unknown', undefined, undefined],
  )
})

test('large content is streamed, and content that ends too early is no message', async (t) => {
  const { scan, stub } = await trial(t, says(0))
  const pieces = Array.from({ length: 40 }, (_, i) => Buffer.alloc(50_000, i))
  const content = (size: number) => ({
    size,
    bytes: null,
    async *stream() {
      yield* pieces
    },
  })
  assert.equal((await scan(MESSAGE, { content: content(2_000_000) })).action, 'continue')
  assert.ok(stub.asked[0]?.body.equals(Buffer.concat(pieces)))
  assert.equal((await scan(MESSAGE, { content: content(2_000_001) })).action, 'tag')
  assert.equal(stub.asked.length, 1)
})

test('what is larger than configured is not handed over, and says so', async (t) => {
  const { scan, stub } = await trial(t, says(100), { largest: 1024 })
  const { action, message } = await scan(`Subject: x\r\n\r\n${'x'.repeat(2000)}`)
  assert.equal(action, 'tag')
  assert.match(message, /^X-Spam-Status: Unknown, not scanned \(the message is too large\)\r\n/)
  assert.equal(stub.asked.length, 0)
})

test('connections are used again; one that was closed meanwhile costs no message', async (t) => {
  const { scan, stub } = await trial(t, says(0))
  await sleep(20)
  for (let i = 0; i < 5; i++) assert.equal((await scan()).action, 'continue')
  const before = stub.connections
  assert.ok(before <= 2, `${before} connections`)
  let closed = 0
  stub.script = (asked, response, socket) => (closed++ === 0 ? socket.destroy() : says(0)(asked, response, socket))
  assert.equal((await scan()).action, 'continue')
  assert.equal(stub.connections, before + 1)
})

test('the password comes from the first line of a file', async (t) => {
  const passwordFile = join(temporaryFolder(t), 'password')
  writeFileSync(passwordFile, 'open sesame\nnot this\n')
  const { scan, stub } = await trial(t, says(0), { passwordFile })
  await scan()
  assert.equal(stub.asked[0]?.headers.password, 'open sesame')
})

test('the subject of marked mail, and of no other, gets a word in front, once', async (t) => {
  const options = { subject: '[SPAM]' }
  const marked = await (await trial(t, says(7), options)).scan()
  assert.match(marked.message, /^Subject: \[SPAM\] results\r\n/)
  assert.equal(marked.message.match(/^Subject:/gm)?.length, 1)
  const again = await (await trial(t, says(7), options)).scan(MESSAGE.replace('results', '[SPAM] results'))
  assert.match(again.message, /^Subject: \[SPAM\] results\r\nX-Old/m)
  assert.doesNotMatch((await (await trial(t, says(5), options)).scan()).message, /\[SPAM\]/)
  const odd = `Subject: ${'x'.repeat(950)}\r\n\r\nbody\r\n`
  const kept = await (await trial(t, says(7), options)).scan(odd)
  assert.equal(kept.action, 'tag', 'a subject that cannot be folded is left alone, and costs no message')
})

test('in mode tag a refusal becomes a mark, and the score is told; in mode observe nothing changes', async (t) => {
  const tagged = await (await trial(t, says(20), {}, 'tag')).scan()
  assert.equal(tagged.action, 'tag')
  assert.match(
    tagged.message,
    /^X-Postern-Inspection: spam; would=reject; reason="spam score 20\.00"\r\nX-Spam-Status: Yes/,
  )
  const observed = await (await trial(t, says(20), {}, 'observe')).scan()
  assert.deepEqual([observed.action, observed.message], ['continue', MESSAGE])
})

test('the plugin tells operators whether Rspamd answers', async (t) => {
  const { chain, stub } = await trial(t, says(0))
  await sleep(50)
  const [health] = chain.health()
  assert.equal(health?.plugin, 'spam')
  assert.ok(health?.ok)
  assert.ok(health?.text.startsWith(`rspamd: ${stub.url} answers`))
})

test('wrong options are named', (t) => {
  const wrong: readonly (readonly [object, RegExp])[] = [
    [{ rspamd: 'localhost:11333' }, /spam: rspamd: expected an address such as http:/],
    [{ rspamd: 'http://user@host:1/' }, /expected an address such as/],
    [{ rspamd: 'http://host/checkv2' }, /expected an address such as/],
    [{ spamd: 'nowhere' }, /spam: spamd: expected the path of a Unix socket, or host:port/],
    [{ tag: 'six' }, /spam: tag: expected a number from -1000 to 1000/],
    [{ unavailable: 'reject' }, /unavailable: expected one of accept, defer, hold/],
    [{ passwordFile: join(temporaryFolder(t), 'none') }, /none cannot be read/],
  ]
  for (const [raw, expected] of wrong) assert.throws(() => parseSpamOptions(raw), expected)
  assert.deepEqual(parseSpamOptions({}).hosts, { kind: 'rspamd', urls: ['http://127.0.0.1:11333'], password: null })
})
