import assert from 'node:assert/strict'
import test from 'node:test'
import { makeCertificate } from '../support/certs.ts'
import { need, needRoot } from '../support/components.ts'
import { relayConfig } from '../support/config.ts'
import { startDaemon } from '../support/daemon.ts'
import { AWKWARD_BODY, bodyOf, mail } from '../support/eml.ts'
import { temporaryFolder } from '../support/folder.ts'
import { freePort } from '../support/ports.ts'
import { startPostfix } from '../support/postfix.ts'
import { startSink } from '../support/sink.ts'
import { submit } from '../support/submit.ts'
import { waitFor } from '../support/wait.ts'

test("Debian's Postfix, with Postern as its smarthost and TLS required, gets its mail through unharmed", async (t) => {
  if (!needRoot(t) || !need(t, 'postfix')) return
  const certificate = makeCertificate(temporaryFolder(t), 'postern', ['postern.test', '127.0.0.1'])
  const sink = await startSink(t)
  const port = await freePort()
  const daemon = await startDaemon(t, relayConfig({ port, nextHop: sink.port, certificate, clientTls: 'required' }))
  const postfix = await startPostfix(t, {
    relayhost: `[127.0.0.1]:${port}`,
    // secure: TLS or nothing, and the certificate must be the right one
    smtp_tls_security_level: 'secure',
    smtp_tls_secure_cert_match: 'postern.test',
    smtp_tls_CAfile: certificate.certFile,
  })

  const { id, bytes } = mail({ body: AWKWARD_BODY })
  await submit({ port: postfix.port, bytes })
  const detail = () => `${postfix.log()}\n${daemon.log}`
  const [arrived] = await waitFor(() => sink.messages.length > 0 && sink.messages, { what: 'the message', detail })

  assert.equal(sink.messages.length, 1)
  assert.ok(arrived)
  assert.ok(arrived.content.includes(id))
  assert.equal(bodyOf(arrived.content), AWKWARD_BODY)
  assert.equal(arrived.mailFrom, 'ward@client.test')
  assert.deepEqual(
    arrived.rcptTo.map(({ address }) => address),
    ['practice@next.test'],
  )
  await waitFor(async () => (await postfix.queue()).includes('queue is empty'), { what: "Postfix's queue to be empty" })
})
