import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import type { PeerCertificate } from 'node:tls'
import { silentLog } from '../../../../src/log.ts'
import { type ClientTls, openOpportunistic } from '../../../../src/smtp/client/index.ts'
import { type Certificate, makeCertificate } from '../../../support/certs.ts'
import { temporaryFolder } from '../../../support/folder.ts'
import { CLOSE, MODERN, RESET, raw, SILENCE, startPeer } from '../../../support/peer.ts'
import { BRIEF_MS, envelopeTo, failTo, openTo, targetOf, textContent, timeouts } from './setup.ts'

let certificate: Certificate
before((t) => {
  certificate = makeCertificate(temporaryFolder(t as never), 'peer', ['peer.test'])
})

const STARTTLS = [...MODERN, 'STARTTLS']
const trusting = () => ({ ca: certificate.cert })

const required = (
  verify: (peer: PeerCertificate, error: string | null) => string | null = (_, error) => error,
): ClientTls => ({
  mode: 'required',
  options: trusting(),
  verify,
})

test('STARTTLS is used where offered, and what was said before is forgotten.', async (t) => {
  const peer = await startPeer(t, { tls: certificate, extensions: STARTTLS, secureExtensions: ['SIZE 5'] })
  const session = await openTo(t, peer, { tls: required() })
  assert.deepEqual(peer.commands, ['EHLO relay.test', 'STARTTLS', 'EHLO relay.test'])
  assert.deepEqual([...session.extensions], [['SIZE', '5']])
  assert.equal(session.tls?.fingerprint, certificate.fingerprint)
  assert.equal(session.tls?.verified, true)
  assert.match(session.tls?.protocol ?? '', /^TLSv1\.[23]$/)
  assert.notEqual(session.tls?.cipher, '')
})

test('A message goes over TLS.', async (t) => {
  const peer = await startPeer(t, { tls: certificate, extensions: STARTTLS })
  const session = await openTo(t, peer, { tls: required() })
  const { recipients } = await session.send(envelopeTo(), textContent())
  assert.equal(recipients[0]?.is, 'relayed')
  assert.equal(peer.messages[0]?.secure, true)
  assert.equal(peer.messages[0]?.content.toString(), (await textContent()).bytes?.toString())
})

test('Implicit TLS begins with the first byte.', async (t) => {
  const peer = await startPeer(t, { tls: certificate, implicitTls: true })
  const session = await openTo(t, peer, { tls: { mode: 'implicit', options: trusting(), verify: (_, error) => error } })
  assert.equal(session.tls?.verified, true)
  assert.deepEqual(peer.commands, ['EHLO relay.test'])
})

test('The name of the host is sent as SNI and checked; an address is not sent.', async (t) => {
  const names: (string | null)[] = []
  const peer = await startPeer(t, { tls: certificate, extensions: STARTTLS })
  const seen: (string | null)[] = []
  const tls = required((_, error) => {
    seen.push(error)
    const socket = peer.connections.at(-1)?.socket as { servername?: string | false } | undefined
    names.push(socket?.servername || null)
    return null
  })
  await openTo(t, peer, { tls })
  await openTo(t, peer, { tls, host: 'other.test' })
  await openTo(t, peer, { tls, host: '127.0.0.1' })
  assert.deepEqual(names, ['peer.test', 'other.test', null])
  assert.deepEqual(seen, [null, 'ERR_TLS_CERT_ALTNAME_INVALID', 'ERR_TLS_CERT_ALTNAME_INVALID'])
})

test('A certificate that does not hold ends the session before another byte is sent.', async (t) => {
  const peer = await startPeer(t, { tls: certificate, extensions: STARTTLS })
  const failure = await failTo(peer, { tls: required(() => 'the name is another') })
  assert.deepEqual([failure.phase, failure.temporary], ['tls', true])
  assert.match(failure.text, /the name is another/)
  assert.deepEqual(peer.commands, ['EHLO relay.test', 'STARTTLS'])
})

test('A check that throws is a no.', async (t) => {
  const peer = await startPeer(t, { tls: certificate, extensions: STARTTLS })
  const failure = await failTo(peer, {
    tls: required(() => {
      throw new Error('broken')
    }),
  })
  assert.match(failure.text, /the check itself failed \(broken\)/)
})

test('A certificate that nobody vouches for reaches the check with its error.', async (t) => {
  const peer = await startPeer(t, { tls: certificate, extensions: STARTTLS })
  const failure = await failTo(peer, { tls: { mode: 'required', options: {}, verify: (_, error) => error } })
  assert.match(failure.text, /SELF_SIGNED/)
})

test('Opportunistic TLS takes any certificate, and says that it was not proven.', async (t) => {
  const peer = await startPeer(t, { tls: certificate, extensions: STARTTLS })
  const session = await openTo(t, peer, { tls: { mode: 'opportunistic', options: {} } })
  assert.equal(session.tls?.verified, false)
  assert.equal(session.tls?.fingerprint, certificate.fingerprint)
  const proven = await openTo(t, peer, { tls: { mode: 'opportunistic', options: trusting() } })
  assert.equal(proven.tls?.verified, true)
})

test('Required TLS that asks for no proof takes any certificate, and says that it was not proven.', async (t) => {
  const peer = await startPeer(t, { tls: certificate, extensions: STARTTLS })
  const session = await openTo(t, peer, { tls: { mode: 'required', options: {}, verify: null } })
  assert.equal(session.tls?.verified, false)
})

test('Opportunistic TLS goes on in clear where STARTTLS is not offered; required TLS does not.', async (t) => {
  const peer = await startPeer(t)
  const session = await openTo(t, peer, { tls: { mode: 'opportunistic', options: {} } })
  assert.equal(session.tls, null)
  const failure = await failTo(peer, { tls: required() })
  assert.deepEqual([failure.phase, failure.text], ['tls', 'TLS is required, and STARTTLS is not offered'])
})

test('Mode none does not use STARTTLS though it is offered.', async (t) => {
  const peer = await startPeer(t, { tls: certificate, extensions: STARTTLS })
  assert.equal((await openTo(t, peer)).tls, null)
  assert.deepEqual(peer.commands, ['EHLO relay.test'])
})

test('A TLS version below the least that is allowed is not taken.', async (t) => {
  const peer = await startPeer(t, { tls: certificate, extensions: STARTTLS })
  const tls: ClientTls = {
    mode: 'required',
    options: { ...trusting(), minVersion: 'TLSv1.3', maxVersion: 'TLSv1.3' },
    verify: () => null,
  }
  assert.equal((await openTo(t, peer, { tls })).tls?.protocol, 'TLSv1.3')
  const old = await startPeer(t, { tls: { ...certificate, maxVersion: 'TLSv1.2' }, extensions: STARTTLS })
  assert.equal((await failTo(old, { tls })).phase, 'tls')
})

const BROKEN: readonly (readonly [string, Parameters<typeof raw>[0]])[] = [
  ['a reply behind the 220', '220 Go\r\n250-peer.test\r\n250 AUTH PLAIN\r\n'],
  ['part of a reply behind the 220', '220 Go\r\n25'],
]

for (const [what, bytes] of BROKEN) {
  test(`Bytes that came in clear are not taken for the secured peer's: ${what}.`, async (t) => {
    const peer = await startPeer(t, { tls: certificate, extensions: STARTTLS, parts: { starttls: raw(bytes) } })
    const failure = await failTo(peer, { tls: required() })
    assert.equal(failure.phase, 'tls')
    assert.match(failure.text, /answers? nothing/)
    assert.deepEqual(peer.commands, ['EHLO relay.test', 'STARTTLS'])
  })
}

test('A 220 that comes in two parts is no injection.', async (t) => {
  const peer = await startPeer(t, {
    tls: certificate,
    extensions: STARTTLS,
    parts: {
      starttls: {
        name: '220 in two parts',
        do(connection) {
          connection.stall()
          connection.write('22')
          setTimeout(() => {
            connection.write('0 Go\r\n')
            connection.startTls()
          }, 20)
        },
      },
    },
  })
  assert.equal((await openTo(t, peer, { tls: required() })).tls?.verified, true)
})

const FAILING = [
  ['454 to STARTTLS', '454 4.7.0 Not now'],
  ['554 to STARTTLS', '554 5.7.0 Never'],
  ['junk instead of a handshake', raw('220 Go\r\n')],
  ['a reset', RESET],
  ['a close', CLOSE],
  ['silence', SILENCE],
  ['a reply that is no 220', '250 what'],
] as const

for (const [what, act] of FAILING) {
  test(`Opportunistic TLS that meets ${what} goes on in clear in a new connection; required TLS gives up.`, async (t) => {
    const junk = what.startsWith('junk')
    const peer = await startPeer(t, {
      tls: certificate,
      extensions: STARTTLS,
      parts: {
        starttls: junk
          ? {
              name: 'junk',
              do(connection) {
                connection.stall()
                connection.socket.write('220 Go\r\n')
                connection.socket.once('data', () => connection.socket.write('this is no TLS\r\n'))
              },
            }
          : act,
      },
    })
    const brief = { timeouts: timeouts({ tls: what === 'silence' ? BRIEF_MS : 5000 }) }
    const opened = await openOpportunistic(targetOf(peer, { ...brief, tls: { mode: 'opportunistic', options: {} } }), {
      log: silentLog,
    })
    assert.ok(opened.ok)
    t.after(() => opened.session.destroy())
    assert.equal(opened.session.tls, null)
    assert.equal(peer.connections.length, 2)
    assert.deepEqual(peer.connections[1]?.commands, ['EHLO relay.test'])

    const refused = await openOpportunistic(targetOf(peer, { ...brief, tls: required() }), { log: silentLog })
    assert.ok(!refused.ok)
    assert.equal(refused.failure.phase, 'tls')
    assert.equal(peer.connections.length, 3)
  })
}

test('A failure before TLS is not a reason to go on in clear.', async (t) => {
  const peer = await startPeer(t, { parts: { greeting: '421 4.3.2 Closing' } })
  const opened = await openOpportunistic(targetOf(peer, { tls: { mode: 'opportunistic', options: {} } }), {
    log: silentLog,
  })
  assert.ok(!opened.ok)
  assert.equal(peer.connections.length, 1)
})
