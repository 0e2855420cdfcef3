import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import type { ClientTls } from '../../../../src/smtp/client/index.ts'
import { type Authority, makeAuthority } from '../../../support/authority.ts'
import { type Deed, MODERN, type PeerConnection, type PeerScript, startPeer } from '../../../support/peer.ts'
import type { Scope } from '../../../support/scope.ts'
import { BRIEF_MS, failTo, openTo, timeouts } from './setup.ts'

// A server that promises TLS and then plays games. Nothing that names a message leaves, and no game costs more
// than a phase may: time for one handshake, and what OpenSSL holds of one.

let authority: Authority
let certificate: { key: string; cert: string }
before(() => {
  authority = makeAuthority('Test Authority')
  certificate = authority.issue(['peer.test'])
})

const required = (): ClientTls => ({ mode: 'required', options: { ca: authority.cert }, verify: (_, error) => error })

const withTls = (t: Scope, script: PeerScript = {}) =>
  startPeer(t, { extensions: [...MODERN, 'STARTTLS'], tls: certificate, ...script })

/** Says 220 to STARTTLS, and then something that is no TLS. */
const promising = (then: (connection: PeerConnection) => void): Deed => ({
  name: '220, and no TLS',
  do(connection) {
    connection.stall()
    connection.write('220 Go\r\n')
    connection.socket.once('data', () => then(connection))
  },
})

const GAMES: readonly (readonly [string, Deed, RegExp])[] = [
  [
    'goes on in clear',
    promising((it) => it.write('250 peer.test\r\n')),
    /TLS handshake: .*(wrong version|packet length)/i,
  ],
  ['never ends the handshake', promising(() => {}), /^no TLS in 150 ms$/],
  [
    'sends the handshake a byte at a time',
    promising((it) => {
      // The head of a record of 16 KiB, of which no more comes than a byte now and then
      it.write(Buffer.from([22, 3, 3, 0x40, 0]))
      const timer = setInterval(() => (it.gone ? clearInterval(timer) : it.write(Buffer.from([2]))), 10)
    }),
    /^no TLS in 150 ms$/,
  ],
  [
    'sends records without end',
    promising((it) => {
      const block = Buffer.alloc(65_536, 1)
      const pour = () => {
        while (!it.gone && it.socket.write(block));
      }
      it.socket.on('drain', pour)
      pour()
    }),
    /TLS handshake/,
  ],
  ['closes in the middle', promising((it) => it.socket.end(Buffer.from([22, 3, 3, 0, 9, 2]))), /closed|TLS handshake/],
]

for (const [what, starttls, says] of GAMES) {
  test(`Where a server ${what}, no mail leaves.`, async (t) => {
    const peer = await withTls(t, { parts: { starttls } })
    const failure = await failTo(peer, { tls: required(), timeouts: timeouts({ tls: BRIEF_MS }) })
    assert.deepEqual([failure.phase, failure.temporary, failure.tls?.is], ['tls', true, 'handshake'])
    assert.match(failure.text, says)
    assert.deepEqual(peer.commands, ['EHLO relay.test', 'STARTTLS'])
  })
}

test('Bytes behind the reply to EHLO, before STARTTLS is said, end the session.', async (t) => {
  const ehlo = `250-peer.test\r\n250 STARTTLS\r\n220 Go\r\n250 AUTH PLAIN`
  const peer = await withTls(t, { parts: { ehlo } })
  const failure = await failTo(peer, { tls: required() })
  assert.match(failure.text, /answers nothing/)
  assert.deepEqual(peer.commands, ['EHLO relay.test'])
})

// OpenSSL takes at most 100 KiB of certificates from a server (SSL_CTX_set_max_cert_list); Node leaves that as it is
test('A chain of certificates over 100 KiB ends the handshake.', async (t) => {
  const padding = Array.from({ length: 4000 }, (_, i) => `host-${i}.a-rather-long-label.peer.test`)
  const huge = authority.issue(['peer.test', ...padding])
  const peer = await withTls(t, { tls: huge })
  const failure = await failTo(peer, { tls: required() })
  assert.match(failure.text, /TLS handshake: .*(excessive|too long|too large)/i)
})

test('What is wrong with TLS is told apart: not offered, refused, a certificate that does not hold.', async (t) => {
  const none = await startPeer(t)
  assert.equal((await failTo(none, { tls: required() })).tls?.is, 'not-offered')
  const refusing = await withTls(t, { parts: { starttls: '454 4.7.0 Not now' } })
  assert.equal((await failTo(refusing, { tls: required() })).tls?.is, 'refused')
  const expired = await withTls(t, { tls: authority.issue(['peer.test'], { until: Date.now() - 1000 }) })
  assert.deepEqual((await failTo(expired, { tls: required() })).tls, { is: 'certificate', error: 'CERT_HAS_EXPIRED' })
})

test('A policy that is only being tried is judged, and stops nothing.', async (t) => {
  const peer = await withTls(t)
  const tls: ClientTls = {
    mode: 'opportunistic',
    options: { ca: authority.cert },
    verify: () => 'not as the policy says',
  }
  const { tls: facts } = await openTo(t, peer, { tls })
  assert.deepEqual([facts?.verified, facts?.problem, facts?.error], [false, 'not as the policy says', null])
})
