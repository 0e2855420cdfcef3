import assert from 'node:assert/strict'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { SenderList } from '../../../src/inspect/plugins/senders/list.ts'
import { parseSendersOptions } from '../../../src/inspect/plugins/senders/options.ts'
import { sendersPlugin } from '../../../src/inspect/plugins/senders/senders.ts'
import { parseAddress } from '../../../src/mail/address.ts'
import { replyText } from '../../../src/mail/reply.ts'
import { manualClock } from '../../support/clock.ts'
import { temporaryFolder } from '../../support/folder.ts'
import { chainOf, kept, SESSION } from './harness.ts'

const LIST = `
# known to be bad
deny 203.0.113.0/24       # a network
deny spammer@mixed.test
deny @bad.test
deny @*.worse.test
deny 2001:db8::/32
allow friend@bad.test
allow 203.0.113.7
`

const list = SenderList.parse(LIST, 'senders')
const denies = (address: string, from: string) => list.denies(address, from === '' ? null : parseAddress(from))

test('networks, addresses, domains and all names below a domain are denied', () => {
  assert.equal(denies('203.0.113.9', 'a@fine.test'), '203.0.113.9')
  assert.equal(denies('2001:db8::5', ''), '2001:db8::5')
  assert.equal(denies('192.0.2.1', 'Spammer@MIXED.test'), 'spammer@mixed.test')
  assert.equal(denies('192.0.2.1', 'x@bad.test'), 'bad.test')
  assert.equal(denies('192.0.2.1', 'x@a.b.worse.test'), 'a.b.worse.test')
})

test('what only looks alike is not', () => {
  for (const from of ['x@mixed.test', 'x@a.bad.test', 'x@worse.test', 'x@notbad.test', '']) {
    assert.equal(denies('192.0.2.1', from), null, from)
  }
})

test('what one entry allows no other denies', () => {
  assert.equal(denies('192.0.2.1', 'friend@bad.test'), null)
  assert.equal(denies('203.0.113.9', 'friend@bad.test'), null)
  assert.equal(denies('203.0.113.7', 'x@bad.test'), null)
})

test('a line that cannot be understood is named', () => {
  assert.throws(
    () => SenderList.parse('deny @a.test\n\nrefuse b@c.test\n', '/etc/list'),
    /\/etc\/list:3: expected 'deny' or 'allow'/,
  )
  for (const entry of ['10.0.0.1/8', '@', '@*.', 'nothing', '@a..test', 'a@b@c.test']) {
    assert.throws(
      () => SenderList.parse(`deny ${entry}`, 'f'),
      /^OptionsError: f:1: expected a network, an address/,
      entry,
    )
  }
  assert.throws(() => SenderList.parse('deny a@b.test c@d.test', 'f'), /f:1/)
})

async function started(t: TestContext, text: string, options: object = {}) {
  const file = join(temporaryFolder(t), 'senders')
  writeFileSync(file, text)
  const clock = manualClock()
  const context = kept(clock)
  const plugin = await sendersPlugin(parseSendersOptions({ file, ...options }), context)
  const chain = chainOf([plugin], context)
  const mail = async (from: string) => (await chain.mail(SESSION, parseAddress(from))).verdict
  return { file, clock, context, mail }
}

test('a denied sender is refused, and the client hears nothing of the list', async (t) => {
  const { mail } = await started(t, 'deny @bad.test\n')
  const found = await mail('x@bad.test')
  assert.ok(found.action === 'reject')
  assert.equal(replyText(found.reply), '554 5.7.1 Mail from this sender is not taken')
  assert.equal((await mail('x@fine.test')).action, 'continue')
})

test('what is done about a denied sender is configured', async (t) => {
  for (const action of ['tag', 'hold', 'defer']) {
    const { mail } = await started(t, 'deny @bad.test\n', { action })
    assert.equal((await mail('x@bad.test')).action, action)
  }
})

test('the file is read again once it has changed', async (t) => {
  const { file, clock, mail } = await started(t, 'deny @bad.test\n')
  writeFileSync(file, 'deny @other.test and more\n'.replace(' and more', ''))
  assert.equal((await mail('x@other.test')).action, 'continue')
  clock.advance(10_000)
  assert.equal((await mail('x@other.test')).action, 'reject')
  assert.equal((await mail('x@bad.test')).action, 'continue')
})

test('while the file is wrong or gone the last good one counts, and the log says so once', async (t) => {
  const { file, clock, context, mail } = await started(t, 'deny @bad.test\n')
  writeFileSync(file, 'deny nothing that is known\n')
  for (let i = 0; i < 3; i++) {
    clock.advance(10_000)
    assert.equal((await mail('x@bad.test')).action, 'reject')
  }
  rmSync(file)
  clock.advance(10_000)
  assert.equal((await mail('x@bad.test')).action, 'reject')
  const causes = context.lines.filter(({ level }) => level === 'error').map(({ cause }) => String(cause))
  assert.equal(causes.length, 2)
  assert.match(causes[0] ?? '', /senders:1: expected 'deny' or 'allow'/)
  assert.match(causes[1] ?? '', /cannot be read/)
})

test('without a good file there is no plugin', async (t) => {
  await assert.rejects(started(t, 'nonsense\n'), /senders:1: expected/)
  const missing = parseSendersOptions({ file: join(temporaryFolder(t), 'none') })
  await assert.rejects(sendersPlugin(missing, kept()), /^OptionsError: senders: .* cannot be read/)
})

test('wrong options are named', () => {
  assert.throws(() => parseSendersOptions({}), /senders: file: expected the path of the list, found nothing/)
  assert.throws(() => parseSendersOptions({ file: 'x', action: 'off' }), /leave the plugin out/)
  assert.throws(() => parseSendersOptions({ file: 5 }), /senders: file: expected a text, found 5/)
  assert.throws(
    () => parseSendersOptions({ file: 'x', deny: 'y' }),
    /there is no option deny; there are file, action, recheck/,
  )
})
