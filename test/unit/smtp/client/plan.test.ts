import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Recipient } from '../../../../src/mail/envelope.ts'
import { type Facts, factsOf } from '../../../../src/smtp/client/facts.ts'
import { type Peer, planFor } from '../../../../src/smtp/client/plan.ts'
import { envelopeTo, pieceContent, recipient, textContent } from './setup.ts'

const TLS = { protocol: 'TLSv1.3', cipher: 'x', fingerprint: '', verified: true, problem: null, error: null }

const peer = (keywords: Readonly<Record<string, string>> = {}, but: Partial<Peer> = {}): Peer => ({
  extensions: new Map(Object.entries(keywords)),
  tls: null,
  eightBitWithout8BitMime: 'fail',
  ...but,
})

const facts = (but: Partial<Facts> = {}): Facts => ({ size: 100, eightBit: false, utf8Header: false, ...but })

/** What is refused without asking, as `code enhanced`; null for those that are to be asked. */
const refused = ({ settled }: ReturnType<typeof planFor>) =>
  settled.map((known) =>
    known === null || known.is === 'unknown' ? null : `${known.reply.code} ${known.reply.enhanced}`,
  )

const FULL = { SIZE: '1000', '8BITMIME': '', SMTPUTF8: '', DSN: '', REQUIRETLS: '' }

const everything = envelopeTo(
  [
    recipient('a@north.test', { notify: ['success', 'delay'], orcpt: 'rfc822;a+2Bb@old.test' }),
    recipient('b@north.test', { notify: ['never'] }),
    recipient('c@north.test'),
  ],
  { envid: 'id+2B7', ret: 'hdrs', smtputf8: true, body: '8bitmime', requireTls: true },
)

test('Every parameter is used where its extension is offered.', () => {
  const plan = planFor(everything, facts({ eightBit: true, utf8Header: true }), peer(FULL, { tls: TLS }))
  assert.equal(
    plan.mail,
    'MAIL FROM:<lab@south.test> SIZE=100 BODY=8BITMIME SMTPUTF8 REQUIRETLS RET=HDRS ENVID=id+2B7\r\n',
  )
  assert.deepEqual(
    plan.rcpts.map(({ command }) => command),
    [
      'RCPT TO:<a@north.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;a+2Bb@old.test\r\n',
      'RCPT TO:<b@north.test> NOTIFY=NEVER\r\n',
      'RCPT TO:<c@north.test>\r\n',
    ],
  )
})

test('No parameter is used where nothing is offered.', () => {
  const plan = planFor({ ...everything, requireTls: false }, facts(), peer())
  assert.equal(plan.mail, 'MAIL FROM:<lab@south.test>\r\n')
  assert.equal(plan.rcpts[0]?.command, 'RCPT TO:<a@north.test>\r\n')
})

test('The null reverse-path stays null.', () => {
  assert.equal(planFor(envelopeTo(undefined, { mailFrom: null }), facts(), peer()).mail, 'MAIL FROM:<>\r\n')
})

test('A message of the announced size is sent, one byte more is refused with 5.3.4.', () => {
  assert.deepEqual(refused(planFor(envelopeTo(), facts({ size: 1000 }), peer({ SIZE: '1000' }))), [null])
  assert.deepEqual(refused(planFor(envelopeTo(), facts({ size: 1001 }), peer({ SIZE: '1000' }))), ['552 5.3.4'])
})

test('A SIZE of 0, of nothing or of junk is no limit.', () => {
  for (const SIZE of ['0', '', 'lots', '-5']) {
    assert.deepEqual(refused(planFor(envelopeTo(), facts({ size: 1e9 }), peer({ SIZE }))), [null], SIZE)
  }
})

test('Eight bits without 8BITMIME are refused with 5.6.3, unless the operator knows better.', () => {
  const eight = facts({ eightBit: true })
  assert.deepEqual(refused(planFor(envelopeTo(), eight, peer())), ['554 5.6.3'])
  assert.deepEqual(refused(planFor(envelopeTo(), eight, peer({}, { eightBitWithout8BitMime: 'send' }))), [null])
  assert.deepEqual(refused(planFor(envelopeTo(), eight, peer({ '8BITMIME': '' }))), [null])
})

test('A message that was declared 8BITMIME and has seven bits is sent to anyone.', () => {
  const plan = planFor(envelopeTo(undefined, { body: '8bitmime' }), facts(), peer())
  assert.equal(plan.mail, 'MAIL FROM:<lab@south.test>\r\n')
})

test('Without SMTPUTF8 a message that was declared so is sent if its header and addresses are ASCII.', () => {
  const declared = envelopeTo(undefined, { smtputf8: true })
  assert.equal(planFor(declared, facts(), peer()).mail, 'MAIL FROM:<lab@south.test>\r\n')
  assert.deepEqual(refused(planFor(declared, facts({ utf8Header: true }), peer())), ['550 5.6.9'])
})

test('Without SMTPUTF8 only the recipients that need it fail, with 5.6.7.', () => {
  const plan = planFor(envelopeTo(['a@north.test', 'grün@north.test', 'b@north.test']), facts(), peer())
  assert.deepEqual(refused(plan), [null, '553 5.6.7', null])
  assert.deepEqual(
    plan.rcpts.map(({ index }) => index),
    [0, 2],
  )
})

test('Without SMTPUTF8 a sender that needs it fails the message, with 5.6.7.', () => {
  const envelope = envelopeTo(['a@north.test', 'b@north.test'], { mailFrom: { local: 'grün', domain: 'south.test' } })
  assert.deepEqual(refused(planFor(envelope, facts(), peer())), ['553 5.6.7', '553 5.6.7'])
})

test('SMTPUTF8 is asked for when only an address needs it.', () => {
  const plan = planFor(envelopeTo(['grün@north.test']), facts(), peer({ SMTPUTF8: '' }))
  assert.equal(plan.mail, 'MAIL FROM:<lab@south.test> SMTPUTF8\r\n')
  assert.equal(plan.rcpts[0]?.command, 'RCPT TO:<grün@north.test>\r\n')
})

test('A message that requires TLS goes only over proven TLS to a peer that offers REQUIRETLS.', () => {
  const envelope = envelopeTo(undefined, { requireTls: true })
  const REQUIRETLS = { REQUIRETLS: '' }
  assert.deepEqual(refused(planFor(envelope, facts(), peer(REQUIRETLS))), ['550 5.7.10'])
  const unproven = peer(REQUIRETLS, { tls: { ...TLS, verified: false } })
  assert.deepEqual(refused(planFor(envelope, facts(), unproven)), ['550 5.7.10'])
  assert.deepEqual(refused(planFor(envelope, facts(), peer({}, { tls: TLS }))), ['550 5.7.30'])
  assert.deepEqual(refused(planFor(envelope, facts(), peer(REQUIRETLS, { tls: TLS }))), [null])
})

test('An original recipient above ASCII is encoded where SMTPUTF8 is not offered.', () => {
  const envelope = envelopeTo([recipient('a@north.test', { orcpt: 'utf-8;grün@süd.test' })])
  const command = (keywords: Record<string, string>) => planFor(envelope, facts(), peer(keywords)).rcpts[0]?.command
  assert.equal(command({ DSN: '' }), 'RCPT TO:<a@north.test> ORCPT=utf-8;gr\\x{FC}n@s\\x{FC}d.test\r\n')
  assert.equal(command({ DSN: '', SMTPUTF8: '' }), 'RCPT TO:<a@north.test> ORCPT=utf-8;grün@süd.test\r\n')
})

const bare = (local: string, domain = 'north.test'): Recipient => ({
  address: { local, domain },
  notify: null,
  orcpt: null,
})

const INJECTIONS: readonly (readonly [string, Recipient])[] = [
  ['CRLF and a command', bare('a>\r\nRCPT TO:<evil')],
  ['LF', bare('a\nb')],
  ['CR', bare('a\rb')],
  ['NUL', bare('a\0b')],
  ['a closing bracket and a parameter', bare('a> NOTIFY=NEVER')],
  ['a space', bare('a b')],
  ['CRLF within quotes', bare('"a\r\nb"')],
  ['a quote that ends early', bare('"a" NOTIFY=NEVER "b"')],
  ['an empty local part', bare('')],
  ['CRLF in the domain', bare('a', 'north.test>\r\nDATA')],
  ['a space in the domain', bare('a', 'north.test> NOTIFY=NEVER')],
  ['C1 control', bare('a\u0085b')],
]

for (const [what, damaged] of INJECTIONS) {
  test(`An address that was damaged cannot become a command: ${what}.`, () => {
    const plan = planFor(envelopeTo([damaged, 'b@north.test']), facts(), peer(FULL))
    assert.deepEqual(refused(plan), ['553 5.1.3', null])
    const sender = planFor(envelopeTo(undefined, { mailFrom: damaged.address }), facts(), peer(FULL))
    assert.deepEqual(refused(sender), ['553 5.1.7'])
  })
}

test('A quoted local part may have spaces, brackets and escaped quotes.', () => {
  const plan = planFor(envelopeTo(['"a> b\\" c"@north.test']), facts(), peer())
  assert.equal(plan.rcpts[0]?.command, 'RCPT TO:<"a> b\\" c"@north.test>\r\n')
})

test('A parameter that was damaged is left out.', () => {
  const envelope = envelopeTo([recipient('a@north.test', { orcpt: 'rfc822;a\r\nDATA' })], { envid: 'x y\r\nDATA' })
  const plan = planFor(envelope, facts(), peer({ DSN: '' }))
  assert.equal(plan.mail, 'MAIL FROM:<lab@south.test>\r\n')
  assert.equal(plan.rcpts[0]?.command, 'RCPT TO:<a@north.test>\r\n')
})

test('Content in memory is looked at, whatever was declared.', () => {
  const ascii = factsOf(envelopeTo(undefined, { body: '8bitmime' }), textContent('a: b\r\n\r\nc\r\n'), new Map())
  assert.deepEqual(ascii, { size: 11, eightBit: false, utf8Header: false })
  const body = factsOf(envelopeTo(), textContent('a: b\r\n\r\n10 µg\r\n'), new Map())
  assert.deepEqual(body, { size: 16, eightBit: true, utf8Header: false })
  const header = factsOf(envelopeTo(), textContent('a: µ\r\n\r\nc\r\n'), new Map())
  assert.deepEqual(header, { size: 12, eightBit: true, utf8Header: true })
})

test('Content in a file is read only where the peer lacks what it may need.', async () => {
  let reads = 0
  const pieces = ['a: b\r\n\r', '\n10 ', 'µg\r\n'].map((text) => Buffer.from(text))
  const content = {
    ...pieceContent(pieces),
    async *stream() {
      reads++
      yield* pieces
    },
  }
  const envelope = envelopeTo()
  assert.deepEqual(factsOf(envelope, content, new Map([['8BITMIME', '']])), {
    size: 16,
    eightBit: false,
    utf8Header: true,
  })
  assert.equal(reads, 0)
  assert.deepEqual(await factsOf(envelope, content, new Map()), { size: 16, eightBit: true, utf8Header: false })
  assert.equal(reads, 1)
})

test('However the file comes, a header above ASCII is told from a body above ASCII.', async () => {
  for (const [text, utf8Header] of [
    ['a: b\r\n\r\nµ\r\n', false],
    ['a: µ\r\n\r\nc\r\n', true],
    ['a: µ\r\n', true],
    ['a: b\r\nc: d\r\n', false],
  ] as const) {
    const bytes = Buffer.from(text)
    for (let cut = 1; cut < bytes.length; cut++) {
      const content = pieceContent([bytes.subarray(0, cut), bytes.subarray(cut)])
      assert.equal((await factsOf(envelopeTo(), content, new Map())).utf8Header, utf8Header, `${text} cut at ${cut}`)
    }
  }
})
