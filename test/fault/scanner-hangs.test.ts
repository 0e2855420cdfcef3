import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startClamd } from '../support/clamd.ts'
import { startClamdStub } from '../support/clamd-stub.ts'
import { need } from '../support/components.ts'
import { relayConfig } from '../support/config.ts'
import { startDaemon } from '../support/daemon.ts'
import { mail } from '../support/eml.ts'
import { freePort } from '../support/ports.ts'
import { startSink } from '../support/sink.ts'
import { submit } from '../support/submit.ts'
import { waitFor } from '../support/wait.ts'

const UNSCANNED = /^451 4\.7\.1 The message could not be scanned for viruses just now/

test('a clamd that stops in the middle of everything defers mail in time, and is used again when it goes on', async (t) => {
  if (!need(t, 'clamd')) return
  const clamd = await startClamd(t)
  const sink = await startSink(t)
  const port = await freePort()
  const virus = { clamd: clamd.address, check: '300ms', checkTimeout: '300ms', timeout: '1s', connections: 4 }
  await startDaemon(t, relayConfig({ port, nextHop: sink.port, more: { inspect: [{ virus }] } }))
  const send = () =>
    submit({ port, bytes: mail().bytes }).catch((error: Error & { response?: string }) => error.response ?? '')
  assert.match(await send(), /^250/)
  clamd.signal('SIGSTOP')
  const startedAt = performance.now()
  const replies = await Promise.all(Array.from({ length: 20 }, send))
  for (const reply of replies) assert.match(reply, UNSCANNED)
  assert.ok(performance.now() - startedAt < 8_000, 'nobody waited for longer than the time limit')
  clamd.signal('SIGCONT')
  await waitFor(async () => /^250/.test(await send()), { what: 'mail to pass again' })
  await waitFor(() => sink.messages.length === 2, { what: 'what was accepted' })
})

test('a scanner that breaks off in the middle of each message, or talks nonsense, lets none of them pass', async (t) => {
  const stub = await startClamdStub(t, {})
  const sink = await startSink(t)
  const port = await freePort()
  const virus = { clamd: stub.address, check: '200ms', timeout: '1s' }
  const daemon = await startDaemon(t, relayConfig({ port, nextHop: sink.port, more: { inspect: [{ virus }] } }))
  const bytes = mail({ body: `${'All is well. '.repeat(5)}\r\n`.repeat(20_000) }).bytes
  const send = () => submit({ port, bytes }).catch((error: Error & { response?: string }) => error.response ?? '')
  assert.match(await send(), /^250/)
  stub.script = { begun: (_, connection) => void connection.socket.destroy() }
  assert.match(await send(), UNSCANNED)
  stub.script = { scanned: (_, connection) => connection.socket.write('\0\0OK\0stream: OK\0') }
  assert.match(await send(), UNSCANNED)
  stub.script = {}
  await waitFor(async () => /^250/.test(await send()), { what: 'mail to pass again' })
  stub.script = { version: (id, connection) => connection.reply(`${id}: Exim 4.96`) }
  await waitFor(() => daemon.log.includes('it calls itself'), { what: 'the look at its version' })
  stub.script = {}
  await waitFor(async () => /^250/.test(await send()), { what: 'mail to pass again' })
  await waitFor(() => sink.messages.length === 3, { what: 'what was accepted' })
})
