import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { before, test } from 'node:test'
import type { ClientTarget } from '../../../../src/smtp/client/index.ts'
import { type Certificate, makeCertificate } from '../../../support/certs.ts'
import { temporaryFolder } from '../../../support/folder.ts'
import { type PeerScript, startPeer } from '../../../support/peer.ts'
import type { Scope } from '../../../support/scope.ts'
import { failTo, memoryLog, openTo } from './setup.ts'

let certificate: Certificate
before((t) => {
  certificate = makeCertificate(temporaryFolder(t as never), 'peer', ['peer.test'])
})

const login = { user: 'relay', password: 'sécret' }
const base64 = (text: string) => Buffer.from(text).toString('base64')

const secured = (): Partial<ClientTarget> => ({
  login,
  tls: { mode: 'implicit', options: { ca: certificate.cert }, verify: (_, error) => error },
})

const peerWith = (t: Scope, auth: string, parts: PeerScript['parts'] = {}) =>
  startPeer(t, { tls: certificate, implicitTls: true, extensions: [auth], parts })

test('PLAIN sends name and password with the command.', async (t) => {
  const peer = await peerWith(t, 'AUTH LOGIN PLAIN')
  await openTo(t, peer, secured())
  assert.deepEqual(peer.commands, ['EHLO relay.test', `AUTH PLAIN ${base64('\0relay\0sécret')}`])
})

test('LOGIN sends name and password as they are asked for.', async (t) => {
  const challenges = [`334 ${base64('Password:')}`, '235 2.7.0 Welcome']
  const peer = await peerWith(t, 'AUTH LOGIN', { auth: `334 ${base64('Username:')}`, challenge: challenges })
  await openTo(t, peer, secured())
  assert.deepEqual(peer.commands.slice(1), ['AUTH LOGIN', base64('relay'), base64('sécret')])
})

test('CRAM-MD5 answers the challenge.', async (t) => {
  const challenge = '<1896.697170952@peer.test>'
  const peer = await peerWith(t, 'AUTH CRAM-MD5', { auth: `334 ${base64(challenge)}` })
  await openTo(t, peer, secured())
  const digest = createHmac('md5', login.password).update(challenge).digest('hex')
  assert.deepEqual(peer.commands.slice(1), ['AUTH CRAM-MD5', base64(`relay ${digest}`)])
})

test('Nothing is signed in without TLS, whatever the peer offers.', async (t) => {
  const peer = await startPeer(t, { extensions: ['AUTH PLAIN LOGIN CRAM-MD5'] })
  const failure = await failTo(peer, { login })
  assert.equal(failure.phase, 'auth')
  assert.deepEqual(peer.commands, ['EHLO relay.test'])
})

test('A wrong password is a temporary failure: it must not bounce the mail that waits.', async (t) => {
  const peer = await peerWith(t, 'AUTH PLAIN', { auth: '535 5.7.8 Wrong' })
  const failure = await failTo(peer, secured())
  assert.deepEqual([failure.phase, failure.reply?.code, failure.temporary], ['auth', 535, true])
})

test('A peer that offers nothing that we know gets no password.', async (t) => {
  for (const auth of ['AUTH GSSAPI NTLM', 'SIZE 0', 'AUTH']) {
    const peer = await peerWith(t, auth)
    assert.equal((await failTo(peer, secured())).phase, 'auth')
    assert.deepEqual(peer.commands, ['EHLO relay.test'])
  }
})

test('An answer that makes no sense ends the session.', async (t) => {
  for (const parts of [{ auth: '250 fine' }, { auth: '334 more' }] as const) {
    const peer = await peerWith(t, 'AUTH PLAIN', parts)
    assert.match((await failTo(peer, secured())).text, /makes no sense/)
  }
  const login = await peerWith(t, 'AUTH LOGIN', { auth: '235 2.7.0 Already' })
  assert.match((await failTo(login, secured())).text, /makes no sense/)
})

test('NUL in a name or password is refused, since it would part them elsewhere.', async (t) => {
  const peer = await peerWith(t, 'AUTH PLAIN')
  const failure = await failTo(peer, { ...secured(), login: { user: 'a\0b', password: 'c' } })
  assert.equal(failure.phase, 'auth')
})

test('The log has neither the name nor the password.', async (t) => {
  const log = memoryLog()
  const peer = await peerWith(t, 'AUTH PLAIN', { auth: '535 5.7.8 Wrong' })
  await failTo(peer, secured(), { log })
  const text = JSON.stringify(log.lines)
  assert.ok(!text.includes('sécret') && !text.includes(base64('\0relay\0sécret')))
})
