import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import { type ConnectionOptions, connect as connectTls, createSecureContext, type TLSSocket } from 'node:tls'
import { makeCertificate } from '../../../support/certs.ts'
import { temporaryFolder } from '../../../support/folder.ts'
import { defer, type Scope } from '../../../support/scope.ts'
import { waitFor } from '../../../support/wait.ts'
import { Client, dial, ENVELOPE, greeted, relayTls, startWire, TO_DATA, YES } from './support.ts'

/** Connects to an implicit TLS listener. */
async function dialTls(
  scope: Scope,
  port: number,
  options: ConnectionOptions = {},
): Promise<Client & { socket: TLSSocket }> {
  const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options })
  defer(scope, () => socket.destroy())
  const client = new Client(socket)
  await once(socket, 'secureConnect')
  return client as Client & { socket: TLSSocket }
}

describe('STARTTLS', () => {
  it('takes the session into TLS, where everything begins anew', async (t) => {
    const { port, sessions, messages, calls } = await startWire(t, { tls: relayTls(t).tls })
    const client = await greeted(t, port, ...ENVELOPE)
    assert.equal(await client.ask('STARTTLS'), '220 2.0.0 Ready to start TLS')
    await client.secure()
    assert.equal(await client.ask('MAIL FROM:<>'), '503 5.5.1 Say HELO or EHLO first')
    assert.equal(sessions[0]?.helo, null)
    assert.match(await client.ask('EHLO client.test'), /\|250 REQUIRETLS$/)
    assert.match(await client.ask('STARTTLS'), /^503 5\.5\.1 TLS is in use/)
    await client.say(...TO_DATA.slice(1))
    assert.match(await client.ask('x\r\n.'), /^250 /)
    assert.equal(messages.length, 1)
    assert.equal(calls.filter((call) => call === 'reset').length, 1)
    assert.match(sessions[0]?.tls?.protocol ?? '', /^TLSv1\.[23]$/)
    assert.match(sessions[0]?.tls?.cipher ?? '', /AES|CHACHA/)
    assert.equal(sessions[0]?.tls?.clientFingerprint, null)
  })

  it('is offered before TLS and not in it', async (t) => {
    const { port } = await startWire(t, { tls: relayTls(t).tls })
    const client = await greeted(t, port)
    assert.match(await client.ask('EHLO client.test'), /\|250 STARTTLS$/)
    await client.ask('STARTTLS')
    await client.secure()
    assert.doesNotMatch(await client.ask('EHLO client.test'), /STARTTLS/)
  })

  it('with commands behind it in the same breath ends the session, in clear and with none of them run', async (t) => {
    const { port, calls } = await startWire(t, { tls: relayTls(t).tls })
    for (const injected of ['X', 'RSET\r\n', 'MAIL FROM:<evil@client.test>\r\n']) {
      const client = await greeted(t, port, 'EHLO client.test')
      client.send(`STARTTLS\r\n${injected}`)
      assert.match(await client.reply(), /^554 5\.5\.0 /)
      assert.equal(await client.closed(), '')
    }
    assert.ok(!calls.some((call) => call.startsWith('mail')))
  })

  it('with commands behind it, a little later, runs none of them either', async (t) => {
    const { port, calls } = await startWire(t, { tls: relayTls(t).tls })
    const client = await greeted(t, port, 'EHLO client.test')
    await client.ask('STARTTLS')
    // What comes now can only be a handshake
    client.send('MAIL FROM:<evil@client.test>\r\n')
    await client.closed()
    await waitFor(() => calls.at(-1) === 'closed lost', { what: 'the end' })
    assert.ok(!calls.some((call) => call.startsWith('mail')))
  })

  it('with commands behind it while another command is being answered runs none of them', async (t) => {
    const waiting = Promise.withResolvers<void>()
    const { port, calls } = await startWire(t, {
      tls: relayTls(t).tls,
      handler: { rcpt: () => waiting.promise.then(() => YES) },
    })
    const client = await greeted(t, port, ...ENVELOPE.slice(0, 2))
    for (const line of ['RCPT TO:<b@relay.test>\r\n', 'STARTTLS\r\n', 'RCPT TO:<evil@relay.test>\r\n']) {
      client.send(line)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    waiting.resolve()
    assert.match(await client.reply(), /^250 /)
    assert.match(await client.reply(), /^554 5\.5\.0 /)
    assert.ok(!calls.some((call) => call.includes('evil')))
  })

  it('that fails ends the connection', async (t) => {
    const { port, calls } = await startWire(t, { tls: relayTls(t).tls })
    const client = await greeted(t, port, 'EHLO client.test')
    await client.ask('STARTTLS')
    client.send('\x16\x03\x01\xff\xffX')
    await client.closed()
    await waitFor(() => calls.at(-1) === 'closed lost', { what: 'the end' })
  })

  it('without a context to serve ends the connection', async (t) => {
    const secureContext = () => {
      throw new Error('the key is gone')
    }
    const { port, errors } = await startWire(t, { tls: { mode: 'starttls', secureContext } })
    const client = await greeted(t, port, 'EHLO client.test')
    await client.ask('STARTTLS')
    await assert.rejects(client.secure())
    await waitFor(() => errors.length > 0, { what: 'the log' })
  })
})

describe('implicit TLS', () => {
  it('comes before the greeting', async (t) => {
    const { port, sessions, messages } = await startWire(t, { tls: relayTls(t, 'implicit').tls })
    const client = await dialTls(t, port)
    assert.match(await client.reply(), /^220 /)
    await client.say(...TO_DATA)
    assert.match(await client.ask('x\r\n.'), /^250 /)
    assert.match(await client.ask('QUIT'), /^221 /)
    await client.closed()
    assert.equal(messages.length, 1)
    assert.notEqual(sessions[0]?.tls, null)
  })

  it('is not spoken by a client in clear', async (t) => {
    const { port, calls, sessions } = await startWire(t, { tls: relayTls(t, 'implicit').tls })
    const client = dial(t, port)
    client.send('EHLO client.test\r\n')
    assert.doesNotMatch(await client.closed(), /220/)
    await waitFor(() => calls.length > 0, { what: 'the end' })
    assert.deepEqual(calls, ['closed lost'])
    assert.deepEqual(sessions, [])
  })
})

describe('TLS', () => {
  it('below 1.2 is refused, even if the context would take it', async (t) => {
    const { certificate } = relayTls(t)
    const old = createSecureContext({
      key: certificate.key,
      cert: certificate.cert,
      minVersion: 'TLSv1',
      ciphers: 'DEFAULT@SECLEVEL=0',
    })
    const client = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const
    for (const context of [old, relayTls(t).context]) {
      const { port, calls } = await startWire(t, { tls: { mode: 'implicit', secureContext: () => context } })
      const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false, ...client })
      defer(t, () => socket.destroy())
      assert.equal(await new Client(socket).closed(), '')
      await waitFor(() => calls.length > 0, { what: 'the end' })
      assert.deepEqual(calls, ['closed lost'])
    }
  })

  it('1.2 is good enough', async (t) => {
    const { port, sessions } = await startWire(t, { tls: relayTls(t, 'implicit').tls })
    const client = await dialTls(t, port, { maxVersion: 'TLSv1.2' })
    await client.reply()
    assert.equal(sessions[0]?.tls?.protocol, 'TLSv1.2')
  })

  it('asks for the context anew for each handshake, by name where the client gives one', async (t) => {
    const { context } = relayTls(t)
    const asked: (string | null)[] = []
    const secureContext = (name: string | null) => {
      asked.push(name)
      return context
    }
    const { port } = await startWire(t, { tls: { mode: 'implicit', secureContext } })
    await (await dialTls(t, port)).reply()
    await (await dialTls(t, port, { servername: 'relay.test' })).reply()
    assert.deepEqual(asked, [null, null, 'relay.test'])
  })

  it('shows a renewed certificate from the next handshake on, and keeps sessions under way', async (t) => {
    const first = relayTls(t)
    const second = relayTls(t)
    let { context } = first
    const { port } = await startWire(t, { tls: { mode: 'implicit', secureContext: () => context } })
    const before = await dialTls(t, port)
    await before.reply()
    context = second.context
    const after = await dialTls(t, port)
    await after.reply()
    const shown = (client: Client & { socket: TLSSocket }) =>
      client.socket.getPeerX509Certificate()?.fingerprint256.replaceAll(':', '').toLowerCase()
    assert.equal(shown(before), first.certificate.fingerprint)
    assert.equal(shown(after), second.certificate.fingerprint)
    assert.equal(await before.ask('NOOP'), '250 2.0.0 OK')
  })

  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    it(`tells the fingerprint of a client's certificate, also when the session is resumed (${maxVersion})`, async (t) => {
      const own = makeCertificate(temporaryFolder(t), 'client', ['client.test'])
      const { port, sessions } = await startWire(t, { tls: { ...relayTls(t, 'implicit').tls, requestCert: true } })
      const options = { key: own.key, cert: own.cert, maxVersion }
      const first = await dialTls(t, port, options)
      await first.reply()
      const session = first.socket.getSession()
      const again = await dialTls(t, port, { ...options, session })
      await again.reply()
      assert.equal(again.socket.isSessionReused(), true)
      assert.deepEqual(
        sessions.map(({ tls }) => tls?.clientFingerprint),
        [own.fingerprint, own.fingerprint],
      )
    })
  }

  it('lets a client without a certificate in where one is asked for', async (t) => {
    const { port, sessions } = await startWire(t, { tls: { ...relayTls(t).tls, requestCert: true } })
    const client = await greeted(t, port, 'EHLO client.test', 'STARTTLS')
    await client.secure()
    await client.ask('EHLO client.test')
    assert.equal(sessions[0]?.tls?.clientFingerprint, null)
  })

  it('lets REQUIRETLS be asked for', async (t) => {
    const { port, messages } = await startWire(t, { tls: relayTls(t).tls })
    const client = await greeted(t, port, 'EHLO client.test')
    assert.match(await client.ask('MAIL FROM:<> REQUIRETLS'), /^530 5\.7\.10 /)
    await client.ask('STARTTLS')
    await client.secure()
    await client.say('EHLO client.test', 'MAIL FROM:<> REQUIRETLS', 'RCPT TO:<b@relay.test>', 'DATA', 'x\r\n.')
    assert.equal(messages[0]?.mail.requireTls, true)
  })
})
