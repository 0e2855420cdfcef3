import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { type Certificate, makeCertificate } from '../support/certs.ts'
import { need, needRoot } from '../support/components.ts'
import { relayConfig } from '../support/config.ts'
import { startDaemon } from '../support/daemon.ts'
import { AWKWARD_BODY, bodyOf, mail } from '../support/eml.ts'
import { temporaryFolder } from '../support/folder.ts'
import { freePort } from '../support/ports.ts'
import { maildirSettings, type PostfixSettings, startPostfix } from '../support/postfix.ts'
import { submit } from '../support/submit.ts'
import { waitFor } from '../support/wait.ts'

interface Story {
  readonly settings: PostfixSettings
  /** The route to Postfix, besides its host. */
  readonly route: Readonly<Record<string, unknown>>
}

/** Sends one awkward message through Postern to Postfix; gives what lies in the mailbox, and Postfix's log. */
async function relayed(t: TestContext, { settings, route }: Story): Promise<{ text: string; log: string }> {
  const postfix = await startPostfix(t, { ...maildirSettings('next.test'), ...settings })
  const port = await freePort()
  const routes = { default: { hosts: [`127.0.0.1:${postfix.port}`], ...route } }
  const daemon = await startDaemon(t, relayConfig({ port, nextHop: postfix.port, more: { routes } }))

  const { id, bytes } = mail({ body: AWKWARD_BODY })
  await submit({ port, bytes })
  const detail = () => `${daemon.log}\n${postfix.log()}`
  const [text = ''] = await waitFor(() => postfix.delivered().length > 0 && postfix.delivered(), {
    what: 'the message',
    detail,
  })

  assert.ok(text.includes(id))
  assert.equal(bodyOf(text, '\n'), AWKWARD_BODY.replaceAll('\r\n', '\n'))
  assert.match(text, /^Return-Path: <ward@client\.test>$/m)
  assert.match(text, /^Delivered-To: practice@next\.test$/m)
  return { text, log: postfix.log() }
}

function postfixTls({ certFile, keyFile }: Certificate): PostfixSettings {
  return {
    smtpd_tls_security_level: 'encrypt',
    smtpd_tls_cert_file: certFile,
    smtpd_tls_key_file: keyFile,
    smtpd_tls_received_header: 'yes',
  }
}

test("Debian's Postfix as the next hop takes what Postern hands on, unharmed", async (t) => {
  if (!needRoot(t) || !need(t, 'postfix')) return
  const { text } = await relayed(t, { settings: {}, route: { tls: 'none' } })
  assert.match(text, /^Received: from postern\.test /m)
})

test('Postern uses STARTTLS with a Postfix that insists on it', async (t) => {
  if (!needRoot(t) || !need(t, 'postfix')) return
  const certificate = makeCertificate(temporaryFolder(t), 'postfix', ['postfix.test'])
  const { text } = await relayed(t, { settings: postfixTls(certificate), route: { tls: 'opportunistic' } })
  assert.match(text, /using TLSv1\.3 with cipher/)
})

test('Postern verifies the certificate of a Postfix where the route says so', async (t) => {
  if (!needRoot(t) || !need(t, 'postfix')) return
  const certificate = makeCertificate(temporaryFolder(t), 'postfix', ['127.0.0.1'])
  const { text } = await relayed(t, {
    settings: postfixTls(certificate),
    route: { tls: 'required', authorities: certificate.certFile },
  })
  assert.match(text, /using TLSv1\.3 with cipher/)
})
