import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLog } from '../../src/log.ts'
import { type ClientTls, openOpportunistic } from '../../src/smtp/client/index.ts'
import { makeCertificate } from '../support/certs.ts'
import { temporaryFolder } from '../support/folder.ts'
import { MODERN, type PeerScript, raw, startPeer } from '../support/peer.ts'
import { envelopeTo, targetOf, textContent } from '../unit/smtp/client/setup.ts'

// Somebody on the path takes STARTTLS away, refuses it, answers in the peer's place, or shows another
// certificate. Where TLS is required no command that names a sender or a recipient ever leaves.

const WITH = [...MODERN, 'STARTTLS']

const ATTACKS: readonly (readonly [string, PeerScript])[] = [
  ['the keyword is gone', { extensions: MODERN }],
  ['the keyword is garbled', { extensions: [...MODERN, 'XXXXXXXX'] }],
  ['the command is refused', { extensions: WITH, parts: { starttls: '502 5.5.1 What?' } }],
  ['the command is deferred', { extensions: WITH, parts: { starttls: '454 4.7.0 Not now' } }],
  ['the command is answered 250', { extensions: WITH, parts: { starttls: '250 2.0.0 Fine' } }],
  ['a reply is slipped in', { extensions: WITH, parts: { starttls: raw('220 Go\r\n250 peer.test\r\n') } }],
  ['EHLO is refused, so that HELO offers nothing', { parts: { ehlo: '500 5.5.1 What?' } }],
]

for (const [what, script] of ATTACKS) {
  test(`Required TLS sends no mail when ${what}.`, async (t) => {
    const peer = await startPeer(t, { ...script, tls: makeCertificate(temporaryFolder(t), 'peer', ['peer.test']) })
    const tls: ClientTls = { mode: 'required', options: {}, verify: () => null }
    const opened = await openOpportunistic(targetOf(peer, { tls }), { log: silentLog })
    assert.ok(!opened.ok)
    assert.deepEqual([opened.failure.phase, opened.failure.temporary], ['tls', true])
    assert.equal(peer.connections.length, 1)
    assert.ok(peer.commands.every((command) => /^(EHLO|HELO|STARTTLS)/.test(command)))
  })
}

test('Required TLS sends no mail to a peer with another certificate.', async (t) => {
  const [expected, shown] = ['peer.test', 'peer.test'].map((name) =>
    makeCertificate(temporaryFolder(t), 'peer', [name]),
  )
  assert.ok(expected && shown)
  const peer = await startPeer(t, { extensions: WITH, tls: shown })
  const tls: ClientTls = { mode: 'required', options: { ca: expected.cert }, verify: (_, error) => error }
  const opened = await openOpportunistic(targetOf(peer, { tls }), { log: silentLog })
  assert.ok(!opened.ok)
  assert.equal(opened.failure.phase, 'tls')
  assert.deepEqual(peer.commands, ['EHLO relay.test', 'STARTTLS'])
})

test('Opportunistic TLS delivers in clear when the keyword is gone: it promises no more.', async (t) => {
  const peer = await startPeer(t)
  const opened = await openOpportunistic(targetOf(peer, { tls: { mode: 'opportunistic', options: {} } }), {
    log: silentLog,
  })
  assert.ok(opened.ok)
  t.after(() => opened.session.destroy())
  assert.equal((await opened.session.send(envelopeTo(), textContent())).recipients[0]?.is, 'relayed')
  assert.equal(peer.messages[0]?.secure, false)
})

test('A message that requires TLS is not sent by a session that fell back to clear.', async (t) => {
  const peer = await startPeer(t, { extensions: [...MODERN, 'REQUIRETLS'] })
  const opened = await openOpportunistic(targetOf(peer, { tls: { mode: 'opportunistic', options: {} } }), {
    log: silentLog,
  })
  assert.ok(opened.ok)
  t.after(() => opened.session.destroy())
  const { recipients } = await opened.session.send(envelopeTo(undefined, { requireTls: true }), textContent())
  assert.ok(recipients[0]?.is === 'failed' && recipients[0].reply.enhanced === '5.7.10')
  assert.deepEqual(peer.commands, ['EHLO relay.test'])
})
