import assert from 'node:assert/strict'
import test from 'node:test'
import { need } from '../support/components.ts'
import { startDaemon } from '../support/daemon.ts'
import { temporaryFolder } from '../support/folder.ts'
import { AUTHORITY, type Issued, issue, MAIL_USE, openssl } from '../support/openssl.ts'
import { freePort } from '../support/ports.ts'
import { startSink } from '../support/sink.ts'
import { submit } from '../support/submit.ts'
import { waitFor } from '../support/wait.ts'

interface Listed {
  readonly certificates: readonly { readonly address: string; readonly how: string; readonly state: string }[]
}

function signedMail(from: string, { pemFile, keyFile }: Issued): Buffer {
  const content = Buffer.from('Content-Type: text/plain\r\n\r\nThe results.\r\n')
  const made = openssl(['cms', '-sign', '-signer', pemFile, '-inkey', keyFile], content).toString('latin1')
  return Buffer.from(`From: ${from}\r\nTo: b@ours.test\r\nSubject: x\r\n${made.replace(/\r?\n/g, '\r\n')}`, 'latin1')
}

test("Signed mail from outside teaches its author's certificate, if an authority vouches for it, and what an operator withdrew stays so", async (t) => {
  if (!need(t, 'openssl')) return
  const folder = temporaryFolder(t)
  const authority = issue(folder, 'authority', { extensions: AUTHORITY })
  const gp = issue(folder, 'gp', { by: authority, emails: ['gp@practice.example'], extensions: MAIL_USE })
  const own = issue(folder, 'own', { emails: ['gp@practice.example'], extensions: MAIL_USE })
  const sink = await startSink(t)
  const port = await freePort()
  const daemon = await startDaemon(t, {
    hostname: 'postern.test',
    listeners: [{ address: '127.0.0.1', port, tls: 'none' }],
    domains: { 'ours.test': { relayTo: [`127.0.0.1:${sink.port}`], tls: 'none' } },
    limits: { outside: { reverseDns: 'off' } },
    metrics: { listen: 'off' },
    certificates: { authorities: authority.pemFile },
    inspect: [{ 'learn-certificates': {} }],
  })
  const list = async () => ((await daemon.json('certificate', 'list')) as Listed).certificates
  const send = (by: Issued) =>
    submit({ port, bytes: signedMail('GP <gp@practice.example>', by), from: 'gp@practice.example', to: 'b@ours.test' })

  await send(own)
  await send(gp)
  const [learnt, ...others] = await waitFor(
    async () => {
      const found = await list()
      return found.length > 0 && found
    },
    { what: 'a certificate' },
  )
  assert.deepEqual([learnt?.address, learnt?.how, learnt?.state], ['gp@practice.example', 'learnt', 'usable'])
  assert.deepEqual(others, [], 'nobody vouches for the other one')
  assert.equal((await daemon.cli('certificate', 'show', 'gp@practice.example', '--pem')).stdout, gp.pem)

  assert.equal((await daemon.cli('certificate', 'expire', 'gp@practice.example')).code, 0)
  await send(gp)
  await waitFor(() => sink.messages.length === 3, { what: 'all three messages' })
  // what is under way is waited for before the chain is closed
  await daemon.restart()
  assert.deepEqual(
    (await list()).map(({ state }) => state),
    ['withdrawn'],
  )
})
