import assert from 'node:assert/strict'
import { test } from 'node:test'
import { need } from '../support/components.ts'
import { relayConfig } from '../support/config.ts'
import { startDaemon } from '../support/daemon.ts'
import { mail } from '../support/eml.ts'
import { freePort } from '../support/ports.ts'
import { gtube } from '../support/scanner-samples.ts'
import { startSink } from '../support/sink.ts'
import { startSpamd } from '../support/spamassassin.ts'
import { submit } from '../support/submit.ts'
import { waitFor } from '../support/wait.ts'

test("SpamAssassin's score is told, holds and refuses, and without it mail passes as not scanned", async (t) => {
  if (!need(t, 'spamd')) return
  const spamd = await startSpamd(t)
  const sink = await startSink(t)
  const port = await freePort()
  const inspect = [{ spam: { spamd: spamd.address, tag: 5, hold: 10, reject: 15 } }]
  const daemon = await startDaemon(t, relayConfig({ port, nextHop: sink.port, more: { inspect } }))
  const send = (bytes: Buffer) =>
    submit({ port, bytes }).catch((error: Error & { response?: string }) => error.response ?? error.message)
  const next = async (count: number) => {
    await waitFor(() => sink.messages.length === count, { what: 'the message', detail: () => daemon.log.slice(-2000) })
    return `${sink.messages.at(-1)?.content}`
  }
  const points = (count: number) => Buffer.from(`X-Points: ${count}\r\n${mail().bytes}`)

  assert.match(await send(mail().bytes), /^250/)
  assert.match(await next(1), /^X-Spam-Status: No, score=-?\d+\.\d\d required=5\.00\r$/m)
  assert.match(await send(points(7)), /^250/)
  assert.match(await next(2), /^X-Spam-Symbols: (.|\r\n )*TRIAL_7/m)
  assert.match(await send(points(11)), /^250/)
  assert.match((await daemon.cli('queue', 'list', '--in-state', 'held')).stdout, /spam score 1\d\./)
  assert.match(await send(points(20)), /^554 5\.7\.1 The message looks like spam/)
  assert.match(await send(mail({ body: `${gtube()}\r\n` }).bytes), /^554/)

  await spamd.kill9()
  assert.match(await send(mail().bytes), /^250/)
  assert.match(await next(3), /^X-Spam-Status: Unknown, not scanned/m)
})
