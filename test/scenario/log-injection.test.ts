import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { relayConfig } from '../support/config.ts'
import { type Daemon, startDaemon } from '../support/daemon.ts'
import { freePort } from '../support/ports.ts'
import { type Sink, startSink } from '../support/sink.ts'
import { waitFor } from '../support/wait.ts'
import { Talk } from '../unit/accept/harness.ts'

// Strangers choose names, addresses, fields and replies. Whatever they choose, a line of the log is one JSON object,
// and neither it nor what a command prints steers a terminal or turns text around.

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not come through
const DANGEROUS = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/
const EVIL = '\x1b[2J\x1b]0;owned\x07\x9b31m\u202egpj.exe\u2028{"level":"error"}","x":{"'
const REPLY = `550 5.1.1 no ${EVIL}`

async function hostileNextHop(t: TestContext): Promise<{ daemon: Daemon; port: number; sink: Sink }> {
  const fault = ({ phase, line }: { phase: string; line: string }) =>
    phase === 'rcpt' && line.includes('victim') ? { reply: REPLY } : null
  const sink = await startSink(t, { fault })
  const port = await freePort()
  const more = { log: { level: 'debug' }, limits: { errors: 1000 } }
  return { daemon: await startDaemon(t, relayConfig({ port, nextHop: sink.port, more })), port, sink }
}

async function attack(t: TestContext, port: number): Promise<void> {
  const talk = await Talk.ready(t, port)
  const lines = [`EHLO ${EVIL}`, 'EHLO x"}{"level":"error"', `MAIL FROM:<${EVIL}@x.test>`, `VRFY ${EVIL}`, `${EVIL} x`]
  for (const line of [...lines, 'MAIL FROM:<"a\\"},{\\\\"@x.test>', `RCPT TO:<${EVIL}>`, 'RSET']) {
    talk.write(`${line}\r\n`)
    await talk.reply()
  }
  await talk.say('EHLO client.test', 250)
  await talk.say('MAIL FROM:<"a\\"},{\\\\"@x.test> SMTPUTF8', 250)
  for (const to of ['victim@next.test', 'ok@next.test', '"\\"}]"@next.test']) await talk.say(`RCPT TO:<${to}>`, 250)
  await talk.say('DATA', 354)
  const type = `Content-Type: application/x; name="../../etc/${EVIL}"`
  const fields = [`Message-ID: <${EVIL}@x.test>`, `Subject: ${EVIL}`, `From: ${EVIL} <a@x.test>`, type]
  await talk.say(`${fields.join('\r\n')}\r\n\r\nx\r\n.`, 250)
}

/** Lines that are not one JSON object of the log, or that could steer a terminal. */
const bad = (log: string): string[] =>
  log
    .split('\n')
    .filter((line) => line !== '')
    .filter((line) => {
      if (DANGEROUS.test(line)) return true
      const parsed: unknown = JSON.parse(line)
      return typeof parsed !== 'object' || parsed === null || !('level' in parsed && 'msg' in parsed)
    })

test('what strangers say can forge no line of the log, and steer no terminal', async (t) => {
  const { daemon, port, sink } = await hostileNextHop(t)
  await attack(t, port)
  // The notice about the victim comes too
  await waitFor(() => sink.messages.length >= 2, { what: 'the message and the notice' })
  await waitFor(async () => (await daemon.queue()).length === 0, { what: 'an empty queue' })
  await waitFor(() => daemon.log.includes('owned'), { what: 'the hostile reply in the log' })
  assert.deepEqual(bad(daemon.log), [])
})

test('commands print it so that it steers no terminal, as text and as JSON', async (t) => {
  const { daemon, port } = await hostileNextHop(t)
  await attack(t, port)
  await waitFor(async () => (await daemon.queue()).length === 0, { what: 'an empty queue' })
  const [id] = /[0-9A-Z]{11}/.exec((await daemon.cli('trace', '--to', 'victim@next.test')).stdout) ?? []
  assert.ok(id)
  for (const args of [['status'], ['queue', 'list'], ['trace', id], ['trace', '--to', 'victim@next.test']]) {
    for (const form of [[], ['--json']]) {
      const { code, stdout, stderr } = await daemon.cli(...args, ...form)
      assert.equal(code, 0, args.join(' '))
      assert.doesNotMatch(stdout + stderr, DANGEROUS, args.join(' '))
    }
  }
  assert.match((await daemon.cli('trace', id)).stdout, /owned/)
})

test('a reason that an operator gives forges no line and steers no terminal, wherever it is shown', async (t) => {
  const sink = await startSink(t, { fault: ({ phase }) => (phase === 'rcpt' ? { reply: '451 4.3.0 later' } : null) })
  const port = await freePort()
  const daemon = await startDaemon(t, relayConfig({ port, nextHop: sink.port }))
  const talk = await Talk.ready(t, port)
  for (const line of ['EHLO client.test', 'MAIL FROM:<a@x.test>', 'RCPT TO:<b@next.test>']) await talk.say(line, 250)
  await talk.say('DATA', 354)
  await talk.say('From: a@x.test\r\n\r\nx\r\n.', 250)
  await waitFor(async () => (await daemon.queue()).length === 1, { what: 'the message in the queue' })
  const id = /[0-9A-Z]{11}/.exec((await daemon.cli('queue', 'list')).stdout)?.[0] ?? ''
  const held = await daemon.cli('queue', 'hold', id, '--reason', `${EVIL}\n{"level":"error","msg":"forged"}`)
  assert.equal(held.code, 0, held.stderr)
  const shown = [
    ['queue', 'list'],
    ['queue', 'show', id],
    ['trace', id],
    ['trace', '--plain', id],
  ]
  for (const args of [...shown, ['trace', '--event', 'held', '--since', '1h', '--csv']]) {
    const { code, stdout, stderr } = await daemon.cli(...args)
    assert.equal(code, 0, `${args.join(' ')}: ${stderr}`)
    assert.doesNotMatch((stdout + stderr).replaceAll('\r\n', '\n'), DANGEROUS, args.join(' '))
  }
  assert.match((await daemon.cli('trace', id)).stdout, /owned/)
  assert.deepEqual(bad(daemon.log), [])
  assert.doesNotMatch(daemon.log, /^\{"level":"error","msg":"forged"/m)
})

test('a queue id that is a path leads nowhere', async (t) => {
  const { daemon } = await hostileNextHop(t)
  const commands = [['trace'], ['queue', 'show', '--content']]
  for (const id of ['../../../etc/passwd', '..%2f..%2fetc%2fpasswd', '.'.repeat(5000)])
    for (const args of commands) {
      const { code, stdout } = await daemon.cli(...args, id)
      assert.notEqual(code, 0, [...args, id].join(' ').slice(0, 60))
      assert.doesNotMatch(stdout, /root:/)
    }
  assert.ok(daemon.alive)
})
