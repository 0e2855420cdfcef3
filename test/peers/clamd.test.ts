import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setUpClamd } from '../../scripts/lib/scanners/clamd.ts'
import { startClamd } from '../support/clamd.ts'
import { need } from '../support/components.ts'
import { relayConfig } from '../support/config.ts'
import { type Daemon, startDaemon } from '../support/daemon.ts'
import { AWKWARD_BODY, mail } from '../support/eml.ts'
import { temporaryFolder } from '../support/folder.ts'
import { freePort } from '../support/ports.ts'
import { ScannerProcess } from '../support/scanner.ts'
import { eicar, forwarding, withAttachment, zip } from '../support/scanner-samples.ts'
import { defer } from '../support/scope.ts'
import { type Sink, startSink } from '../support/sink.ts'
import { submit } from '../support/submit.ts'
import { waitFor } from '../support/wait.ts'

interface Relay {
  readonly daemon: Daemon
  readonly sink: Sink
  /** The reply to a message, taken or not. */
  send(bytes: Buffer): Promise<string>
}

async function relay(t: TestContext, virus: object, more: object = {}): Promise<Relay> {
  const sink = await startSink(t)
  const port = await freePort()
  const config = relayConfig({ port, nextHop: sink.port, more: { inspect: [{ virus }], ...more } })
  const daemon = await startDaemon(t, config)
  const send = (bytes: Buffer) =>
    submit({ port, bytes }).catch((error: Error & { response?: string }) => error.response ?? error.message)
  return { daemon, sink, send }
}

const VIRUS = /^554 5\.7\.1 The message holds a virus \(Eicar-Test-Signature/
const UNSCANNED = /^451 4\.7\.1 The message could not be scanned for viruses just now/

/** The text as it stands, in the middle of a letter. */
const plain = (): Buffer => mail({ body: `Look:\r\n\r\n${eicar()}\r\n` }).bytes

test('EICAR is refused by its name, however it is wrapped; what is clean arrives as it was', async (t) => {
  if (!need(t, 'clamd')) return
  const clamd = await startClamd(t)
  const { send, sink, daemon } = await relay(t, { clamd: clamd.address })
  const file = withAttachment('letter.com', eicar())
  const samples: Readonly<Record<string, Buffer>> = {
    'in the text': plain(),
    'as an attachment': file,
    'in a ZIP': withAttachment('letter.zip', zip('letter.com', eicar())),
    'in a ZIP in a ZIP': withAttachment('a.zip', zip('b.zip', zip('letter.com', eicar()))),
    'in a message in a message': forwarding(file),
    'in a ZIP in a message in a message': forwarding(forwarding(withAttachment('l.zip', zip('l.com', eicar())))),
  }
  for (const [how, bytes] of Object.entries(samples)) assert.match(await send(bytes), VIRUS, how)
  const clean = mail({ body: AWKWARD_BODY }).bytes
  assert.match(await send(clean), /^250/)
  assert.match(await send(withAttachment('clean.zip', zip('letter.txt', Buffer.from('All is well.')))), /^250/)
  await waitFor(() => sink.messages.length === 2, { what: 'the clean messages', detail: () => daemon.log.slice(-2000) })
  assert.ok(sink.messages[0]?.content.subarray(-clean.length).equals(clean))
})

test('a large message is scanned to its last byte', async (t) => {
  if (!need(t, 'clamd')) return
  const clamd = await startClamd(t, { port: await freePort() })
  const { send, sink } = await relay(t, { clamd: clamd.address })
  const line = `${'A line of a long report. '.repeat(3)}\r\n`
  const long = line.repeat(40_000)
  assert.match(await send(mail({ body: `${long}${eicar()}\r\n` }).bytes), VIRUS)
  const clean = mail({ body: long }).bytes
  assert.match(await send(clean), /^250/)
  await waitFor(() => sink.messages.length === 1, { what: 'the clean message' })
  assert.ok(sink.messages[0]?.content.subarray(-clean.length).equals(clean))
})

test('what is over the limits of clamd is deferred, or what is configured, and never passes', async (t) => {
  if (!need(t, 'clamd')) return
  const clamd = await startClamd(t, { more: { StreamMaxLength: '1M', MaxScanSize: '300K' } })
  const { send, sink, daemon } = await relay(t, { clamd: clamd.address, overLimits: 'hold' })
  const tooLong = mail({ body: 'far too long for it\r\n'.repeat(100_000) }).bytes
  // Often clamd hangs up before it has given its reason; then the message is deferred, and tried again
  let said = await send(tooLong)
  for (let tries = 1; tries < 30 && !said.startsWith('250'); tries++) {
    assert.match(said, /^451/)
    said = await send(tooLong)
  }
  assert.match(said, /^250/, 'held once clamd gave its reason')
  const tooDeep = withAttachment('big.zip', zip('big.txt', Buffer.concat([Buffer.alloc(500_000, 'x'), eicar()])))
  assert.match(await send(tooDeep), /^250/)
  assert.match(await send(mail().bytes), /^250/)
  await waitFor(() => sink.messages.length === 1, { what: 'the small message' })
  const held = (await daemon.queue()).flatMap(({ recipients }) => recipients.map(({ hold }) => hold?.reason ?? ''))
  assert.ok(
    held.some((reason) => /INSTREAM size limit exceeded/.test(reason)),
    held.join('\n'),
  )
  assert.ok(
    held.some((reason) => /Heuristics\.Limits\.Exceeded/.test(reason)),
    held.join('\n'),
  )
})

test('a message with a virus is held where that is configured, and the queue says why', async (t) => {
  if (!need(t, 'clamd')) return
  const clamd = await startClamd(t)
  const { send, sink, daemon } = await relay(t, { clamd: clamd.address, action: 'hold' })
  assert.match(await send(plain()), /^250/)
  const { stdout } = await daemon.cli('queue', 'list', '--in-state', 'held')
  assert.match(stdout, /virus Eicar-Test-Signature/)
  assert.equal(sink.messages.length, 0)
})

test('the first clamd that answers is used, and the first of the list again once it is back', async (t) => {
  if (!need(t, 'clamd')) return
  const first = await startClamd(t)
  const second = await startClamd(t, { port: await freePort() })
  const { send, sink, daemon } = await relay(t, { clamd: [first.address, second.address], check: '1s' })
  assert.match(await send(plain()), VIRUS)
  await first.kill9()
  assert.match(await send(plain()), VIRUS)
  assert.match(await send(mail().bytes), /^250/)
  await second.kill9()
  assert.match(await send(mail().bytes), UNSCANNED)
  await first.start()
  await waitFor(async () => /^250/.test(await send(mail().bytes)), { what: 'the first to be used again' })
  assert.match(await send(plain()), VIRUS)
  await waitFor(() => daemon.log.includes('a scanner answers again'), { what: 'the line of the log' })
  assert.match(daemon.log, /a scanner does not answer/)
  await waitFor(() => sink.messages.length === 2, { what: 'the clean messages' })
})

test('a clamd that hangs holds nobody up for long where there is another', async (t) => {
  if (!need(t, 'clamd')) return
  const first = await startClamd(t)
  const second = await startClamd(t)
  const { send } = await relay(t, { clamd: [first.address, second.address], check: '500ms', checkTimeout: '500ms' })
  assert.match(await send(mail().bytes), /^250/)
  first.signal('SIGSTOP')
  const startedAt = performance.now()
  assert.match(await send(plain()), VIRUS)
  assert.match(await send(mail().bytes), /^250/)
  assert.ok(performance.now() - startedAt < 10_000)
  first.signal('SIGCONT')
})

test('with no clamd at all nothing passes, and the daemon runs', async (t) => {
  if (!need(t, 'clamd')) return
  const setup = setUpClamd(temporaryFolder(t, 'clamd'))
  const { send, sink, daemon } = await relay(t, { clamd: setup.address, check: '500ms' })
  assert.match(await send(mail().bytes), UNSCANNED)
  assert.match(await send(plain()), UNSCANNED)
  const clamd = new ScannerProcess(setup)
  defer(t, () => clamd.stop())
  await clamd.start()
  await waitFor(async () => /^250/.test(await send(mail().bytes)), { what: 'mail to pass again' })
  assert.match(await send(plain()), VIRUS)
  assert.ok(daemon.alive)
  await waitFor(() => sink.messages.length === 1, { what: 'the clean message' })
})

test('a clamd that learns a new virus knows it on the connections that are open', async (t) => {
  if (!need(t, 'clamd')) return
  const clamd = await startClamd(t)
  const { send } = await relay(t, { clamd: clamd.address })
  const fresh = mail({ body: 'a virus of tomorrow: 7f3a90c2\r\n' }).bytes
  assert.match(await send(fresh), /^250/)
  const signatures = join(clamd.address, '../signatures')
  writeFileSync(join(signatures, 'new.ndb'), `Tomorrow:0:*:${Buffer.from('7f3a90c2').toString('hex')}\n`)
  clamd.signal('SIGUSR2')
  await waitFor(async () => /\(Tomorrow/.test(await send(fresh)), { what: 'the new signature' })
})
