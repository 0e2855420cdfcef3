import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { need } from '../support/components.ts'
import { relayConfig } from '../support/config.ts'
import { type Daemon, startDaemon } from '../support/daemon.ts'
import { mail } from '../support/eml.ts'
import { freePort } from '../support/ports.ts'
import { startRspamd } from '../support/rspamd.ts'
import { gtube } from '../support/scanner-samples.ts'
import { type Sink, startSink } from '../support/sink.ts'
import { submit } from '../support/submit.ts'
import { waitFor } from '../support/wait.ts'

interface Relay {
  readonly daemon: Daemon
  readonly sink: Sink
  send(bytes: Buffer): Promise<string>
  /** The message that came next, as text. */
  next(): Promise<string>
}

async function relay(t: TestContext, spam: object): Promise<Relay> {
  const sink = await startSink(t)
  const port = await freePort()
  const daemon = await startDaemon(t, relayConfig({ port, nextHop: sink.port, more: { inspect: [{ spam }] } }))
  let taken = 0
  return {
    daemon,
    sink,
    send: (bytes) =>
      submit({ port, bytes }).catch((error: Error & { response?: string }) => error.response ?? error.message),
    async next() {
      const message = await waitFor(() => sink.messages[taken], {
        what: 'the message',
        detail: () => daemon.log.slice(-2000),
      })
      taken++
      return message.content.toString()
    },
  }
}

const letter = (...fields: string[]): Buffer =>
  Buffer.from(`${fields.map((field) => `${field}\r\n`).join('')}${mail().bytes}`)

test('Rspamd decides what is marked, held, refused and deferred, and every message says its score', async (t) => {
  if (!need(t, 'rspamd')) return
  const rspamd = await startRspamd(t)
  const { send, next, daemon, sink } = await relay(t, { rspamd: rspamd.address, tag: 6, hold: 10, reject: 15 })

  assert.match(await send(letter('X-Spam-Flag: NO', 'X-Spam-Score: -100')), /^250/)
  const plain = await next()
  assert.match(plain, /^X-Spam-Status: No, score=-?\d\.\d\d required=6\.00\r$/m)
  assert.match(plain, /^X-Spam-Symbols: \S.*(FROM_NO_DN|MIME_GOOD)/m)
  assert.doesNotMatch(plain, /X-Spam-Flag|-100/)

  assert.match(await send(letter('X-Points: 7')), /^250/)
  const marked = await next()
  assert.match(marked, /^X-Spam-Flag: YES\r$/m)
  assert.match(marked, /^X-Spam-Symbols: TRIAL_POINTS\(7\.00\)/m)

  assert.match(await send(letter('X-Points: 11')), /^250/)
  assert.match((await daemon.cli('queue', 'list', '--in-state', 'held')).stdout, /spam score 1\d\./)

  assert.match(await send(letter('X-Points: 20')), /^554 5\.7\.1 The message looks like spam/)
  assert.match(await send(mail({ body: `${gtube()}\r\n` }).bytes), /^554 5\.7\.1/)
  assert.match(await send(letter('X-Wish: soft reject')), /^451 4\.7\.1/)
  assert.match(await send(letter('X-Wish: greylist')), /^250/)
  await next()
  assert.equal(sink.messages.length, 3)
})

test('when Rspamd is gone mail passes and says that it was not scanned; when it is back, that ends', async (t) => {
  if (!need(t, 'rspamd')) return
  const rspamd = await startRspamd(t)
  const { send, next, daemon } = await relay(t, { rspamd: rspamd.address, check: '500ms' })
  await rspamd.kill9()
  assert.match(await send(mail().bytes), /^250/)
  assert.match(await next(), /^X-Spam-Status: Unknown, not scanned \(the scanner did not answer\)\r$/m)
  await waitFor(() => daemon.log.includes('a scanner does not answer'), { what: 'the line of the log' })
  await rspamd.start()
  await waitFor(
    async () => {
      assert.match(await send(mail().bytes), /^250/)
      return /^X-Spam-Status: No/m.test(await next())
    },
    { what: 'a scanned message', everyMs: 200 },
  )
})

test('a message that Rspamd hangs on passes in time, or is deferred where that is configured', async (t) => {
  if (!need(t, 'rspamd')) return
  const rspamd = await startRspamd(t)
  const options = { rspamd: rspamd.address, timeout: '1s', check: '500ms', checkTimeout: '500ms' }
  const accepting = await relay(t, options)
  const deferring = await relay(t, { ...options, unavailable: 'defer' })
  rspamd.signal('SIGSTOP')
  const startedAt = performance.now()
  assert.match(await accepting.send(mail().bytes), /^250/)
  assert.match(await accepting.next(), /^X-Spam-Status: Unknown/m)
  assert.match(await deferring.send(mail().bytes), /^451 4\.7\.1 The message could not be checked just now/)
  assert.ok(performance.now() - startedAt < 10_000)
  rspamd.signal('SIGCONT')
  await waitFor(async () => /^250/.test(await deferring.send(mail().bytes)), { what: 'mail to pass again' })
})

test('the subject of marked mail is changed where that is configured', async (t) => {
  if (!need(t, 'rspamd')) return
  const rspamd = await startRspamd(t)
  const { send, next } = await relay(t, { rspamd: rspamd.address, subject: '[SPAM]' })
  assert.match(await send(letter('X-Points: 8')), /^250/)
  const marked = await next()
  assert.match(marked, /^Subject: \[SPAM\] a test\r$/m)
  assert.equal(marked.match(/^Subject:/gm)?.length, 1)
})
