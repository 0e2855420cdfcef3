import assert from 'node:assert/strict'
import { test } from 'node:test'
import { headersPlugin } from '../../../src/inspect/plugins/headers/headers.ts'
import { parseHeadersOptions } from '../../../src/inspect/plugins/headers/options.ts'
import { replyText } from '../../../src/mail/reply.ts'
import { chainMessage, chainOf, never } from './harness.ts'

async function verdict(header: string, options: object = {}, smtputf8 = false) {
  const message = chainMessage(`${header}\r\nbody\r\n`)
  const envelope = { ...message.envelope, smtputf8 }
  const chain = chainOf([headersPlugin(parseHeadersOptions(options))])
  return (await chain.data({ ...message, envelope }, never)).verdict
}

const FINE = 'From: a@client.test\r\nTo: b@ours.test\r\nSubject: x\r\nReceived: 1\r\nReceived: 2\r\n'

test('an ordinary header passes', async () => {
  assert.equal((await verdict(FINE)).action, 'continue')
})

test('a message has exactly one From', async () => {
  for (const header of [`From: x@y.test\r\n${FINE}`, `from: x@y.test\r\n${FINE}`, 'To: b@ours.test\r\n', '']) {
    const found = await verdict(header)
    assert.equal(found.action, 'reject', header)
    assert.ok(found.action === 'reject')
    assert.match(replyText(found.reply), /^554 5\.6\.0 The message must have exactly one From field/)
  }
})

test('fields that may stand once are not there twice, whatever their case', async () => {
  for (const name of ['Subject', 'TO', 'message-id', 'Content-Type', 'Reply-To']) {
    const found = await verdict(`${FINE}${name}: 1\r\n${name.toLowerCase()}: 2\r\n`)
    assert.equal(found.action, 'reject', name)
  }
  assert.equal((await verdict(`${FINE}X-A: 1\r\nX-A: 2\r\n`)).action, 'continue')
})

test('lines that are no field are refused', async () => {
  assert.equal((await verdict(`${FINE}no field\r\n`)).action, 'reject')
})

test('bytes above 127 are marked, unless SMTPUTF8 was said', async () => {
  assert.equal((await verdict(`${FINE}X-A: Zoë\r\n`)).action, 'tag')
  assert.equal((await verdict(`${FINE}X-A: Zoë\r\n`, {}, true)).action, 'continue')
})

test('lines of exactly the limit pass, and longer ones are marked', async () => {
  const line = (length: number) => `X-A: ${'x'.repeat(length - 5)}\r\n`
  assert.equal((await verdict(`${FINE}${line(998)}`)).action, 'continue')
  assert.equal((await verdict(`${FINE}${line(999)}`)).action, 'tag')
  assert.equal(
    (await verdict(`${FINE}${line(120)}${line(1200).slice(0, 600)}\r\n ${'x'.repeat(600)}\r\n`)).action,
    'continue',
  )
})

test('a header of exactly the limits passes, and a larger one does not', async () => {
  const options = { maxFields: 10, maxBytes: 2000 }
  const fields = (count: number) => 'X-A: 1\r\n'.repeat(count - 5)
  assert.equal((await verdict(`${FINE}${fields(10)}`, options)).action, 'continue')
  assert.equal((await verdict(`${FINE}${fields(11)}`, options)).action, 'reject')
  const rest = 2000 - FINE.length
  const line = `X-A: ${'x'.repeat(793)}\r\n`
  const filler = (length: number) => `${line}${line}X-B: ${'x'.repeat(length - 1607)}\r\n`
  assert.equal((await verdict(`${FINE}${filler(rest)}`, options)).action, 'continue')
  assert.equal((await verdict(`${FINE}${filler(rest + 1)}`, options)).action, 'reject')
})

test('what is done about a fault is configured', async () => {
  const two = `From: x@y.test\r\n${FINE}`
  for (const action of ['tag', 'hold', 'defer', 'reject'] as const) {
    assert.equal((await verdict(two, { from: action })).action, action)
  }
  assert.equal((await verdict(two, { from: 'off' })).action, 'continue')
  const deferred = await verdict(two, { from: 'defer' })
  assert.ok(deferred.action === 'defer')
  assert.match(replyText(deferred.reply), /^451 4\.6\.0 /)
})

test('the worst of several faults counts', async () => {
  assert.equal((await verdict(`${FINE}X-A: Zoë\r\nFrom: x@y.test\r\n`)).action, 'reject')
})

test('wrong options are named, with what was expected', () => {
  assert.throws(
    () => parseHeadersOptions({ from: 'refuse' }),
    /^OptionsError: headers: from: expected one of off, tag, hold, defer, reject, found "refuse"/,
  )
  assert.throws(
    () => parseHeadersOptions({ maxLine: 10 }),
    /headers: maxLine: expected a whole number from 78 to 100000, found 10/,
  )
  assert.throws(() => parseHeadersOptions({ form: 'tag' }), /headers: there is no option form; there are from, /)
  assert.throws(() => parseHeadersOptions('tag'), /headers: expected a map of options, found "tag"/)
})
