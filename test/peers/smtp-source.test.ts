import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { need } from '../support/components.ts'
import { relayConfig } from '../support/config.ts'
import { startDaemon } from '../support/daemon.ts'
import { freePort } from '../support/ports.ts'
import { type SourceOptions, smtpSource, startSmtpSink } from '../support/smtp-source.ts'
import { waitFor } from '../support/wait.ts'

/** Drives a load from smtp-source through the daemon to smtp-sink, and counts. */
async function carried(t: TestContext, options: Omit<SourceOptions, 'port'>, ...sinkArgs: string[]): Promise<void> {
  const sink = await startSmtpSink(t, ...sinkArgs)
  const port = await freePort()
  const daemon = await startDaemon(t, relayConfig({ port, nextHop: sink.port }))
  const { code, stdout, stderr } = await smtpSource({ ...options, port })
  assert.equal(code, 0, stdout + stderr)
  await waitFor(() => sink.count() >= options.messages, {
    what: `${options.messages} messages`,
    timeoutMs: 60_000,
    detail: () => `${sink.count()} arrived\n${daemon.log.slice(-3000)}`,
  })
  assert.equal((await daemon.stop())?.code, 0)
  assert.equal(sink.count(), options.messages)
}

const needed = (t: TestContext) => need(t, 'smtp-source', 'smtp-sink')

test('1000 messages in 20 sessions from smtp-source all arrive once', async (t) => {
  if (needed(t)) await carried(t, { messages: 1000, sessions: 20, bytes: 10_240 })
})

test('300 messages with a connection each all arrive once', async (t) => {
  if (needed(t)) await carried(t, { messages: 300, sessions: 20, bytes: 4096, reconnect: true })
})

test('40 messages of a megabyte all arrive once', async (t) => {
  if (needed(t)) await carried(t, { messages: 40, sessions: 10, bytes: 1 << 20 })
})

test('messages with 50 recipients each arrive once at a next hop that offers no extension at all', async (t) => {
  if (needed(t)) await carried(t, { messages: 50, sessions: 5, bytes: 4096, recipients: 50 }, '-e', '-p')
})
