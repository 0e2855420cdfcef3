import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { startClamd } from '../support/clamd.ts'
import { need } from '../support/components.ts'
import { relayConfig } from '../support/config.ts'
import { startDaemon } from '../support/daemon.ts'
import { mail } from '../support/eml.ts'
import { freePort } from '../support/ports.ts'
import { eicar, forwarding, withAttachment, zip } from '../support/scanner-samples.ts'
import { startSink } from '../support/sink.ts'
import { queueIdIn, submit } from '../support/submit.ts'
import { waitFor } from '../support/wait.ts'

async function relay(t: TestContext, more: object = {}) {
  const clamd = await startClamd(t)
  const sink = await startSink(t)
  const port = await freePort()
  const inspect = [{ virus: { clamd: clamd.address, action: 'remove', ...more } }]
  const daemon = await startDaemon(t, relayConfig({ port, nextHop: sink.port, more: { inspect } }))
  const send = (bytes: Buffer) =>
    submit({ port, bytes }).catch((error: Error & { response?: string }) => error.response ?? error.message)
  const next = async (count: number) => {
    await waitFor(() => sink.messages.length === count, { what: 'the message', detail: () => daemon.log.slice(-2000) })
    return `${sink.messages.at(-1)?.content}`
  }
  return { send, next, sink, daemon }
}

/** All that is in base64, in the clear. */
const decoded = (message: string): string =>
  message
    .split(/^--.*\r\n/m)
    .filter((part) => /base64/.test(part))
    .map((part) => Buffer.from(part.slice(part.indexOf('\r\n\r\n')), 'base64').toString())
    .join('\n')

test('an attachment with a virus is taken out, a notice names it, and the rest stays as it was', async (t) => {
  if (!need(t, 'clamd')) return
  const { send, next, daemon } = await relay(t)
  const sent = withAttachment('letter.com', eicar())
  const reply = await send(sent)
  const arrived = await next(1)
  assert.match(arrived, /^X-Postern-Inspection: virus; removed="letter\.com"\r$/m)
  assert.match(decoded(arrived), /An attachment \(“letter\.com”\) was removed .* a virus: Eicar-Test-Signature/)
  assert.doesNotMatch(decoded(arrived), new RegExp(eicar().toString().slice(0, 5)))
  const before = sent.subarray(0, sent.indexOf('Content-Type: application/octet-stream'))
  assert.ok(arrived.includes(`${before}`), 'what stood in front of it is untouched')
  assert.ok(arrived.endsWith('\r\n--b1--\r\n'))
  assert.match((await daemon.cli('trace', queueIdIn(reply))).stdout, /virus/)
})

test('so it is in archives, and in an attached message; other attachments stay', async (t) => {
  if (!need(t, 'clamd')) return
  const { send, next } = await relay(t)
  const inner = withAttachment('inner.zip', zip('letter.com', eicar()))
  assert.match(await send(forwarding(inner)), /^250/)
  const forwarded = await next(1)
  assert.match(forwarded, /virus; removed="inner\.zip"/)
  assert.match(forwarded, /Please see the file\./)

  const clean = Buffer.from('All is well.').toString('base64')
  const good = `--b1\r\nContent-Type: text/plain; name=good.txt\r\nContent-Transfer-Encoding: base64\r\n\r\n${clean}\r\n`
  const both = withAttachment('bad.com', eicar()).toString().replace('--b1--', `${good}--b1--`)
  assert.match(await send(Buffer.from(both)), /^250/)
  const kept = await next(2)
  assert.match(kept, /removed="bad\.com"/)
  assert.ok(kept.includes(good))
})

test('what cannot be taken out is refused: the text itself, and what a signature covers', async (t) => {
  if (!need(t, 'clamd')) return
  const { send, sink } = await relay(t)
  assert.match(await send(mail({ body: `${eicar()}\r\n` }).bytes), /^554 5\.7\.1 The message holds a virus/)
  const signed = withAttachment('letter.com', eicar()).toString().replace('multipart/mixed', 'multipart/signed')
  assert.match(await send(Buffer.from(signed)), /^554 5\.7\.1/)
  assert.equal(sink.messages.length, 0)
})

test('a name that would deceive is written so that it cannot', async (t) => {
  if (!need(t, 'clamd')) return
  const { send, next } = await relay(t)
  const sent = withAttachment('x', eicar())
    .toString()
    .replaceAll('"x"', `"=?utf-8?B?${Buffer.from('invoice\u202efdp".exe').toString('base64')}?="`)
  assert.match(await send(Buffer.from(sent)), /^250/)
  const arrived = await next(1)
  assert.match(arrived, /removed="invoice\?fdp\?\.exe"/)
  assert.match(decoded(arrived), /“invoice\?fdp"\.exe”/)
})

test('in mode tag nothing is taken out, and the mark says what would be', async (t) => {
  if (!need(t, 'clamd')) return
  const { send, next } = await relay(t, { mode: 'tag' })
  assert.match(await send(withAttachment('letter.com', eicar())), /^250/)
  const arrived = await next(1)
  assert.match(arrived, /^X-Postern-Inspection: virus; would=remove; reason="virus\s+Eicar-Test-Signature/m)
  assert.ok(arrived.includes(eicar().toString('base64').slice(0, 60)))
})
