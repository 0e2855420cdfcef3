import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { makeCertificate } from '../support/certs.ts'
import { need } from '../support/components.ts'
import { relayConfig } from '../support/config.ts'
import { startDaemon } from '../support/daemon.ts'
import { temporaryFolder } from '../support/folder.ts'
import { freePorts } from '../support/ports.ts'
import { type Sink, startSink } from '../support/sink.ts'
import { type SwaksOptions, swaks } from '../support/swaks.ts'
import { waitFor } from '../support/wait.ts'

/** A daemon with a listener of each kind, in front of a sink. */
async function scene(t: TestContext) {
  const certificate = makeCertificate(temporaryFolder(t), 'postern', ['postern.test', '127.0.0.1'])
  const sink = await startSink(t)
  const [starttls = 0, implicit = 0] = await freePorts(2)
  const config = relayConfig({ port: starttls, nextHop: sink.port, certificate, clientTls: 'required' })
  const listeners = [...config.listeners, { address: '127.0.0.1', port: implicit, tls: 'implicit' }]
  await startDaemon(t, { ...config, listeners })
  return { sink, starttls, implicit, authority: ['--tls-verify', '--tls-ca-path', certificate.certFile] }
}

/** Sends with swaks and gives what the sink got. */
async function sent(sink: Sink, options: SwaksOptions) {
  const { code, stdout, stderr } = await swaks(options)
  assert.equal(code, 0, stdout + stderr)
  const [message] = await waitFor(() => sink.messages.length > 0 && sink.messages.splice(0), { what: 'the message' })
  assert.ok(message)
  return { message, transcript: stdout }
}

test('swaks sends over STARTTLS and over implicit TLS, with and without pipelining', async (t) => {
  if (!need(t, 'swaks')) return
  const { sink, starttls, implicit, authority } = await scene(t)
  const ways: [string, SwaksOptions][] = [
    ['STARTTLS', { port: starttls, args: ['--tls', ...authority] }],
    ['STARTTLS with pipelining', { port: starttls, args: ['--tls', '--pipeline', ...authority] }],
    ['implicit TLS', { port: implicit, args: ['--tls-on-connect', ...authority] }],
    ['implicit TLS with pipelining', { port: implicit, args: ['--tls-on-connect', '--pipeline', ...authority] }],
    ['TLS 1.2', { port: starttls, args: ['--tls', '--tls-protocol', 'tlsv1_2', ...authority] }],
  ]
  for (const [name, options] of ways) {
    await t.test(name, async () => {
      const { message, transcript } = await sent(sink, { ...options, body: `over ${name}` })
      assert.match(transcript, /=== TLS started with cipher TLSv1\.[23]/)
      assert.match(message.content.toString(), new RegExp(`over ${name}`))
      assert.match(message.content.toString(), /^Received: from swaks\.client\.test .*ESMTPS/ms)
    })
  }
})

test('swaks is refused without TLS where its network must use it, and by TLS 1.1', async (t) => {
  if (!need(t, 'swaks')) return
  const { sink, starttls, authority } = await scene(t)
  const clear = await swaks({ port: starttls })
  assert.equal(clear.code, 23, clear.stdout)
  assert.match(clear.stdout, /530 5\.7\.0/)
  const old = await swaks({ port: starttls, args: ['--tls', '--tls-protocol', 'tlsv1_1', ...authority] })
  assert.equal(old.code, 29, old.stdout)
  assert.equal(sink.messages.length, 0)
})

// swaks has no options for parameters, but takes text in an address as it comes; the closing `>` that it
// adds is a legal character of xtext, and so becomes the end of the last parameter's value.
test('the parameters of DSN that swaks gives reach the next hop unchanged', async (t) => {
  if (!need(t, 'swaks')) return
  const { sink, starttls, authority } = await scene(t)
  const { message } = await sent(sink, {
    port: starttls,
    from: 'swaks@client.test> RET=HDRS ENVID=QQ314159',
    to: 'swaks@next.test> NOTIFY=FAILURE ORCPT=rfc822;first@next.test',
    args: ['--tls', '--h-From', 'swaks@client.test', '--h-To', 'swaks@next.test', ...authority],
  })
  assert.match(message.mailParameters, /RET=HDRS/)
  assert.match(message.mailParameters, /ENVID=QQ314159>/)
  assert.match(message.rcptTo[0]?.parameters ?? '', /NOTIFY=FAILURE/)
  assert.match(message.rcptTo[0]?.parameters ?? '', /ORCPT=rfc822;first@next\.test>/)
})

test('an address beyond ASCII goes through with SMTPUTF8 and is refused without', async (t) => {
  if (!need(t, 'swaks')) return
  const { sink, starttls, authority } = await scene(t)
  const args = ['--tls', '--h-From', 'a@client.test', '--h-To', 'b@next.test', ...authority]
  const { message } = await sent(sink, { port: starttls, from: 'zoë@client.test> SMTPUTF8 ENVID=1', args })
  assert.equal(message.mailFrom, 'zoë@client.test')
  assert.match(message.mailParameters, /SMTPUTF8/)
  const refused = await swaks({ port: starttls, from: 'zoë@client.test', args })
  assert.equal(refused.code, 23, refused.stdout)
  assert.equal(sink.messages.length, 0)
})
