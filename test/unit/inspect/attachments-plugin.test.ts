import assert from 'node:assert/strict'
import test, { after, type TestContext } from 'node:test'
import { loadChain } from '../../../src/inspect/load.ts'
import type { ChainMessage } from '../../../src/inspect/message.ts'
import { NOTHING, type PluginResult } from '../../../src/inspect/outcome.ts'
import type { Content } from '../../../src/mail/content.ts'
import { replyText } from '../../../src/mail/reply.ts'
import { pluginContext } from '../../support/services.ts'
import { ENCRYPTED_ZIP, zipOf } from './attachments/fixtures.ts'
import { filePart, multipart, plain, withFiles } from './attachments-messages.ts'
import { chainMessage, LIMITS, never, SESSION, textOf } from './harness.ts'

const SECRET = { name: 'Smith results.zip', bytes: ENCRYPTED_ZIP }
const PDF_START = '%PDF-1.4\n1 0 obj\n<< /Type /Catalog >>\nendobj\n'
const PDF_TABLE = 'xref\n0 2\n0000000000 65535 f \n0000000009 00000 n \n'
const PDF_END = `trailer\n<< /Size 2 /Root 1 0 R >>\nstartxref\n${PDF_START.length}\n%%EOF\n`
const PDF = { name: 'leaflet.pdf', bytes: Buffer.from(PDF_START + PDF_TABLE + PDF_END) }
const PROGRAM = { name: 'tool.exe', bytes: Buffer.from('a tool') }

/** One pool of real threads for all tests. */
const CONTEXT = pluginContext({ after: (undo) => after(undo as () => void) }, {})

interface Said {
  readonly action: string
  readonly reason: string | null
  readonly reply: string | null
  readonly facts: { readonly state?: string; readonly [key: string]: unknown }
  /** Jobs that a thread was given. */
  readonly jobs: number
  readonly text: string
}

type Ask = (text: string, changes?: Partial<ChainMessage>) => Promise<Said>

/** The chain with nothing but this plugin. */
async function asking(t: TestContext, options: object = {}): Promise<Ask> {
  const { pool } = CONTEXT.services
  let jobs = 0
  const run = pool.run.bind(pool)
  t.mock.method(pool, 'run', (...call: Parameters<typeof run>) => {
    jobs++
    return run(...call)
  })
  const entry = {
    name: 'attachments',
    module: null,
    mode: 'enforce' as const,
    deadlineMs: 30_000,
    options: { ...options },
  }
  const chain = await loadChain([entry], { ...LIMITS, content: 100_000_000 }, CONTEXT)
  return async (text, changes = {}) => {
    jobs = 0
    const outcome = await chain.data(chainMessage(text, '', changes), never)
    const { verdict, results } = outcome
    const said = results.find(({ plugin }) => plugin === 'attachments')
    return {
      action: verdict.action,
      reason: 'reason' in verdict ? verdict.reason : null,
      reply: 'reply' in verdict ? replyText(verdict.reply) : null,
      facts: said?.facts ?? {},
      jobs,
      text: await textOf(outcome),
    }
  }
}

const to = (...domains: string[]) =>
  domains.map((domain) => ({ address: { local: 'x', domain }, notify: null, orcpt: null }))

test('an encrypted archive is refused, and the reply names it, says why, and what to do instead', async (t) => {
  const ask = await asking(t, { advice: 'Use https://files.test.' })
  const said = await ask(withFiles(PDF, SECRET))
  assert.equal(said.action, 'reject')
  assert.match(
    said.reply ?? '',
    /^550 5\.7\.1 The attachment "Smith results\.zip > secret\.txt" is encrypted \(ZIP archive: .*Send it again without a password.* Use https:\/\/files\.test\.$/,
  )
  assert.equal(said.facts.state, 'encrypted')
  assert.match(JSON.stringify(said.facts), /"path":"leaflet\.pdf","format":"PDF document","state":"clean"/)
  assert.doesNotMatch(said.reason ?? '', /Smith/, 'the log does not name patients')
  assert.deepEqual(await ask(withFiles(PDF, SECRET)), said, 'and so on every rescan')
})

test('clean files pass byte for byte, with what they are in the record', async (t) => {
  const ask = await asking(t)
  const message = withFiles(PDF)
  const said = await ask(message)
  assert.deepEqual([said.action, said.text, said.jobs], ['continue', message, 1])
  assert.deepEqual(said.facts, {
    state: 'clean',
    parts: 2,
    files: [{ path: 'leaflet.pdf', format: 'PDF document', state: 'clean' }],
  })
})

test('text alone is judged without a thread, whatever its encoding; anything in it is found all the same', async (t) => {
  const ask = await asking(t)
  const text = await ask(plain('The results.\r\n'.repeat(700)))
  assert.deepEqual([text.action, text.jobs, text.facts], ['continue', 0, { state: 'clean', parts: 1 }])
  const both = multipart(
    ['Content-Type: text/plain\r\n\r\nHello', 'Content-Type: text/html\r\n\r\n<p>Hello</p>'],
    'multipart/alternative',
  )
  assert.equal((await ask(both)).jobs, 0)

  const encoded = (bytes: Buffer, type = 'text/plain') =>
    `Content-Type: ${type}\r\nContent-Transfer-Encoding: base64\r\n\r\n${bytes.toString('base64')}\r\n`
  const pgp =
    '-----BEGIN PGP MESSAGE-----\r\n\r\n' +
    `${Buffer.from(`c1c04c03${'00'.repeat(8)}01${'ab'.repeat(250)}`, 'hex').toString('base64')}\r\n-----END PGP MESSAGE-----\r\n`
  const hidden = [
    plain(`Hello,\r\n${pgp}`),
    `MIME-Version: 1.0\r\n${encoded(Buffer.from(pgp, 'utf16le'), 'text/plain; charset=utf-16le')}`,
    `MIME-Version: 1.0\r\n${encoded(ENCRYPTED_ZIP)}`,
    plain(uuencoded('results.zip', ENCRYPTED_ZIP)),
  ]
  for (const [i, message] of hidden.entries()) {
    const said = await ask(message)
    assert.deepEqual([said.action, said.facts.state, said.jobs], ['reject', 'encrypted', 1], `${i}`)
  }
})

function uuencoded(name: string, bytes: Buffer): string {
  const character = (value: number) => (value === 0 ? '`' : String.fromCharCode(value + 32))
  const lines = Array.from({ length: Math.ceil(bytes.length / 45) }, (_, i) => {
    const line = bytes.subarray(i * 45, i * 45 + 45)
    const groups = Array.from({ length: Math.ceil(line.length / 3) }, (_, g) => {
      const [a = 0, b = 0, c = 0] = line.subarray(g * 3, g * 3 + 3)
      return [a >> 2, ((a & 3) << 4) | (b >> 4), ((b & 15) << 2) | (c >> 6), c & 63].map(character).join('')
    })
    return character(line.length) + groups.join('')
  })
  return `begin 644 ${name}\r\n${lines.join('\r\n')}\r\n\`\r\nend\r\n`
}

test('an attached message is looked into, encoded or not', async (t) => {
  const ask = await asking(t)
  const inner = withFiles(SECRET)
  for (const part of [
    `Content-Type: message/rfc822\r\n\r\n${inner.replaceAll('b1', 'b2')}`,
    filePart({ name: 'forwarded.eml', type: 'message/rfc822', bytes: Buffer.from(inner) }),
  ]) {
    const said = await ask(multipart([part]))
    assert.match(said.reply ?? '', /> Smith results\.zip > secret\.txt" is encrypted/)
  }
})

test('PGP/MIME is encrypted by its type', async (t) => {
  const ask = await asking(t)
  const parts = [
    'Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1',
    'Content-Type: application/octet-stream\r\n\r\nx',
  ]
  const said = await ask(multipart(parts, 'multipart/encrypted; protocol="application/pgp-encrypted"'))
  assert.match(said.reply ?? '', /"encrypted message" is encrypted \(PGP\/MIME message/)
})

test('each check has an action of its own, and the worst of them counts', async (t) => {
  const damaged = { name: 'scan.zip', bytes: Buffer.from('no archive') }
  const both = withFiles(damaged, PROGRAM)
  assert.equal((await (await asking(t))(both)).action, 'reject')
  const ask = await asking(t, { blocked: 'tag' })
  const held = await ask(both)
  assert.deepEqual([held.action, held.facts.state], ['hold', 'blocked'])
  assert.match(held.reason ?? '', /^an attachment that cannot be read to its end: /)
  const tagged = await ask(withFiles(PROGRAM))
  assert.equal(tagged.action, 'tag')
  assert.match(tagged.text, /^X-Postern-Inspection: attachments; would=tag; reason="an attachment of a\r\n kind/)
  const off = await asking(t, { blocked: 'off', suspicious: 'off', encrypted: 'off' })
  const passed = await off(withFiles(damaged, PROGRAM, SECRET))
  assert.deepEqual([passed.action, passed.facts.counts], ['continue', { encrypted: 1, blocked: 1, suspicious: 1 }])
})

test('what may not pass is what the operator lists, within archives too', async (t) => {
  const archive = { name: 'a.zip', bytes: zipOf([{ name: 'b/run.exe' }]) }
  const said = await (await asking(t))(withFiles(archive, PROGRAM))
  assert.match(
    said.reply ?? '',
    /^550 5\.7\.1 The attachment "a\.zip > b\/run\.exe" .* ends in \.exe.*1 more of this kind/,
  )
  assert.equal((await (await asking(t, { allowed: ['EXE'] }))(withFiles(archive))).action, 'continue')
  const named = await asking(t, { blockedExtensions: ['pdf'], alsoBlocked: ['dat'] })
  assert.equal((await named(withFiles(PROGRAM))).action, 'continue')
  assert.equal((await named(withFiles(PDF))).action, 'reject')
  assert.equal((await named(withFiles({ name: 'x.dat', bytes: Buffer.from('x') }))).action, 'reject')
  const kinds = await asking(t, { blockedKinds: ['double-extension'] })
  assert.equal((await kinds(withFiles(PROGRAM))).action, 'continue')
  assert.equal((await kinds(withFiles({ ...PROGRAM, name: 'scan.pdf.exe' }))).action, 'reject')
})

test('every name that a part has is judged', async (t) => {
  const ask = await asking(t)
  const part =
    'Content-Type: text/plain; name="run.exe"\r\nContent-Disposition: attachment; filename="notes.txt"\r\n\r\nx'
  assert.match((await ask(multipart([part]))).reply ?? '', /"run\.exe"/)
})

test('a message that programs read differently is held, small or large', async (t) => {
  const ask = await asking(t)
  const twice = `Content-Type: text/html\r\n${plain('x')}`
  const noBoundary = plain('x').replace('text/plain', 'multipart/mixed')
  const padded = `MIME-Version: 1.0\r\nContent-Transfer-Encoding: base64\r\n\r\nSGVsbG8=\r\n${Buffer.from('More text.').toString('base64')}\r\n`
  for (const message of [twice, noBoundary, padded]) {
    const said = await ask(message)
    assert.deepEqual(
      [said.action, /^a structure that programs read differently: /.test(said.reason ?? '')],
      ['hold', true],
    )
  }
  const reject = await asking(t, { ambiguous: 'reject' })
  assert.match((await reject(twice)).reply ?? '', /^554 5\.6\.0 The message is built in a way .* \(conflicting-field\)/)
})

test('ten thousand parts are bounded: held, with facts that fit', async (t) => {
  const ask = await asking(t)
  const parts = Array.from(
    { length: 10_050 },
    (_, i) => `Content-Disposition: attachment; filename="${'n'.repeat(80)}${i}.txt"\r\n\r\nx`,
  )
  const said = await ask(multipart(parts))
  assert.equal(said.action, 'hold')
  assert.ok(JSON.stringify(said.facts).length < 8192)
  assert.match(JSON.stringify(said.facts), /too-many-parts/)
})

test('a reply stays within what a reply may be, however long the names are', async (t) => {
  const ask = await asking(t)
  const deep = {
    name: `${'long name '.repeat(300)}.zip`,
    bytes: zipOf([{ name: `${'x'.repeat(3000)}.txt`, flags: 1 }]),
  }
  const said = await ask(withFiles(...Array.from({ length: 30 }, () => deep)))
  assert.equal(said.action, 'reject')
  assert.ok((said.reply ?? '').length < 1500)
  assert.ok(JSON.stringify(said.facts).length < 8192)
})

test('content in a file is read in a thread; over maxMessage nothing is read, and it is suspicious', async (t) => {
  const bytes = Buffer.from(withFiles({ name: 'big.txt', bytes: Buffer.alloc(1_600_000, 'line\n') }, SECRET))
  const inFile: Content = {
    size: bytes.length,
    bytes: null,
    async *stream() {
      for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536)
    },
  }
  assert.equal((await (await asking(t))('a: b\r\n\r\n', { content: inFile })).facts.state, 'encrypted')
  const exact = await asking(t, { maxMessage: bytes.length })
  assert.equal((await exact('a: b\r\n\r\n', { content: inFile })).action, 'reject')
  const small = await asking(t, { maxMessage: bytes.length - 1 })
  const said = await small('a: b\r\n\r\n', { content: inFile })
  assert.deepEqual([said.action, said.facts.state, said.jobs], ['hold', 'suspicious', 0])
})

test('limits are what the options say', async (t) => {
  const archive = withFiles({ name: 'a.zip', bytes: zipOf([{ name: 'a' }, { name: 'b' }]) })
  // the text, the archive, and its two files
  assert.equal((await (await asking(t, { maxItems: 4 }))(archive)).action, 'continue')
  assert.equal((await (await asking(t, { maxItems: 3 }))(archive)).action, 'hold')
  assert.equal((await (await asking(t, { maxParts: 3 }))(archive)).action, 'continue')
  assert.equal((await (await asking(t, { maxParts: 2 }))(archive)).action, 'hold')
})

test('a thread that fails defers the message', async (t) => {
  const context = pluginContext(t, {})
  const entry = { name: 'attachments', module: null, mode: 'enforce' as const, deadlineMs: 30_000, options: {} }
  const chain = await loadChain([entry], { ...LIMITS, content: 100_000_000 }, context)
  await context.services.pool.close()
  const { verdict } = await chain.data(chainMessage(withFiles(PDF)), never)
  assert.deepEqual([verdict.action, 'reply' in verdict && verdict.reply.code], ['defer', 451])
})

test('exceptions are for a client, a sender and recipients, all of them together', async (t) => {
  const between = { clients: ['trust'], senders: ['trust.test'], recipients: ['.secure.test', 'gp.test'] }
  const ask = await asking(t, { exceptions: [between] })
  const from = (client: string | null, domain: string, ...recipients: string[]): Partial<ChainMessage> => ({
    session: { ...SESSION, client },
    mailFrom: { local: 'a', domain },
    rcptTo: to(...recipients),
  })
  const secret = withFiles(SECRET)
  const excepted = await ask(secret, from('trust', 'trust.test', 'a.secure.test', 'gp.test'))
  assert.deepEqual([excepted.action, excepted.facts.excepted], ['continue', ['encrypted']])
  for (const [client, domain, ...recipients] of [
    ['other', 'trust.test', 'gp.test'],
    [null, 'trust.test', 'gp.test'],
    ['trust', 'other.test', 'gp.test'],
    ['trust', 'trust.test', 'secure.test'],
    ['trust', 'trust.test', 'gp.test', 'elsewhere.test'],
    ['trust', 'trust.test'],
  ] as const) {
    assert.equal((await ask(secret, from(client, domain, ...recipients))).action, 'reject', `${client} ${recipients}`)
  }
  assert.equal((await ask(withFiles(PROGRAM), from('trust', 'trust.test', 'gp.test'))).action, 'reject', 'other checks')
})

test('the reverse-path of mail from outside counts for an exception only where it was proved', async (t) => {
  const ask = await asking(t, { exceptions: [{ senders: ['secure.test'] }] })
  const mailFrom = { local: 'a', domain: 'secure.test' }
  const proved = (facts: PluginResult['facts']): Partial<ChainMessage> => {
    const said = { verdict: 'continue', reason: null, mode: 'enforce', ms: 1 } as const
    const result: PluginResult = { plugin: 'authentication', hook: 'data', ...said, ...(facts && { facts }) }
    return { mailFrom, rcptTo: to('gp.test'), earlier: { ...NOTHING, results: [result] } }
  }
  const spf = (result: string, identity: string) => ({
    by: 'x',
    dkim: [],
    spf: { result, domain: 'secure.test', identity },
  })
  const dkim = (result: string, domain: string) => ({ by: 'x', dkim: [{ result, domain, selector: 's' }] })
  const secret = withFiles(SECRET)
  for (const [facts, action] of [
    [spf('pass', 'mailfrom'), 'continue'],
    [spf('pass', 'helo'), 'reject'],
    [spf('softfail', 'mailfrom'), 'reject'],
    [dkim('pass', 'secure.test'), 'continue'],
    [dkim('pass', 'other.test'), 'reject'],
    [dkim('fail', 'secure.test'), 'reject'],
  ] as const) {
    assert.equal((await ask(secret, proved(facts))).action, action, JSON.stringify(facts))
  }
  assert.equal((await ask(secret, { mailFrom, rcptTo: to('gp.test') })).action, 'reject', 'nobody looked')
})

const wrong: readonly (readonly [object, RegExp])[] = [
  [{ encrypted: 'defer' }, /encrypted: expected one of off, tag, hold, reject/],
  [{ alsoBlocked: ['.exe'] }, /without a dot, found '\.exe'/],
  [{ blockedKinds: ['viruses'] }, /blockedKinds: expected some of extension/],
  [{ exceptions: [{}] }, /exception 1: expected clients, senders or recipients/],
  [{ exceptions: [{ senders: [] }] }, /exception 1: senders/],
  [{ exceptions: [{ clients: 'a', of: ['all'] }] }, /exception 1: of: expected some of encrypted/],
  [{ advice: 'two\r\nlines' }, /advice: expected printable ASCII/],
  [{ maxWork: 1 }, /maxWork: expected a whole number/],
  [{ archives: true }, /there is no option archives/],
]

for (const [options, message] of wrong) {
  test(`wrong options are refused: ${JSON.stringify(options)}`, async (t) => {
    await assert.rejects(asking(t, options), message)
  })
}

test('a message of any kind, cut anywhere, has an answer', async (t) => {
  const ask = await asking(t, { maxSpins: 0 })
  const message = multipart([
    filePart(SECRET),
    filePart(PDF),
    `Content-Type: message/rfc822\r\n\r\n${withFiles(PROGRAM).replaceAll('b1', 'b2')}`,
  ])
  for (let length = 100; length < message.length; length += 23) {
    const cut = `${message.slice(0, length)}\r\n\r\n`
    assert.notEqual((await ask(cut)).action, 'defer', `${length}`)
  }
})
