import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Clock } from '../../../../src/clock.ts'
import { silentLog } from '../../../../src/log.ts'
import { openSession } from '../../../../src/smtp/client/index.ts'
import { temporaryFolder } from '../../../support/folder.ts'
import { byteByByte, CLOSE, type Peer, raw, SILENCE, startPeer, thenClose } from '../../../support/peer.ts'
import { freePort } from '../../../support/ports.ts'
import { BRIEF_MS, envelopeTo, failTo, memoryLog, openTo, targetOf, textContent, timeouts } from './setup.ts'

test('A session opens with EHLO, and knows what the peer offers.', async (t) => {
  const peer = await startPeer(t, {
    extensions: ['PIPELINING', 'size 1000', 'AUTH PLAIN LOGIN', 'X-ODD  a  b ', '?junk'],
  })
  const session = await openTo(t, peer)
  assert.deepEqual(peer.commands, ['EHLO relay.test'])
  assert.deepEqual(
    [...session.extensions],
    [
      ['PIPELINING', ''],
      ['SIZE', '1000'],
      ['AUTH', 'PLAIN LOGIN'],
      ['X-ODD', 'a  b'],
    ],
  )
  assert.equal(session.tls, null)
  assert.equal(session.usable, true)
})

test('The old form AUTH=LOGIN is understood.', async (t) => {
  const peer = await startPeer(t, { extensions: ['AUTH=LOGIN'] })
  assert.equal((await openTo(t, peer)).extensions.get('AUTH'), 'LOGIN')
})

test('A greeting of several lines, byte by byte, is a greeting.', async (t) => {
  const peer = await startPeer(t, { parts: { greeting: byteByByte('220-peer.test\r\n220-welcomes\r\n220 you') } })
  await openTo(t, peer)
})

test('A peer that does not know EHLO is greeted with HELO, and no parameter is used.', async (t) => {
  const peer = await startPeer(t, { parts: { ehlo: '502 5.5.1 What?' } })
  const session = await openTo(t, peer)
  assert.deepEqual(peer.commands, ['EHLO relay.test', 'HELO relay.test'])
  assert.equal(session.extensions.size, 0)
  const { recipients } = await session.send(envelopeTo(undefined, { envid: 'x', ret: 'full' }), textContent())
  assert.equal(recipients[0]?.is, 'relayed')
  assert.deepEqual(peer.commands.slice(2), ['MAIL FROM:<lab@south.test>', 'RCPT TO:<ward@north.test>', 'DATA'])
})

test('A temporary answer to EHLO is not answered with HELO.', async (t) => {
  const peer = await startPeer(t, { parts: { ehlo: '451 4.3.0 Later' } })
  const failure = await failTo(peer)
  assert.equal(failure.phase, 'hello')
  assert.equal(failure.reply?.code, 451)
  assert.deepEqual(peer.commands, ['EHLO relay.test'])
})

test('LMTP says LHLO over a Unix socket, and never HELO.', async (t) => {
  const path = join(temporaryFolder(t), 'lmtp')
  const peer = await startPeer(t, { lmtp: true, path })
  await openTo(t, peer)
  assert.deepEqual(peer.commands, ['LHLO relay.test'])

  const old = await startPeer(t, { lmtp: true, path: `${path}2`, parts: { ehlo: '500 5.5.1 What?' } })
  assert.equal((await failTo(old)).phase, 'hello')
  assert.deepEqual(old.commands, ['LHLO relay.test'])
})

test('A greeting of 554 is temporary, since another host may do; one of 521 is not.', async (t) => {
  const busy = await failTo(await startPeer(t, { parts: { greeting: '554 5.7.1 Not you' } }))
  assert.deepEqual([busy.phase, busy.reply?.code, busy.temporary], ['greeting', 554, true])
  const never = await failTo(await startPeer(t, { parts: { greeting: '521 5.3.2 No mail here' } }))
  assert.deepEqual([never.phase, never.reply?.code, never.temporary], ['greeting', 521, false])
  const mail = await failTo(await startPeer(t, { parts: { ehlo: '521 5.3.2 No', helo: '521 5.3.2 No' } }))
  assert.equal(mail.temporary, true)
})

test('A greeting of 250 is not a greeting.', async (t) => {
  assert.equal((await failTo(await startPeer(t, { parts: { greeting: '250 hello' } }))).phase, 'greeting')
})

test('Two replies to one EHLO end the session.', async (t) => {
  const peer = await startPeer(t, { parts: { ehlo: raw('250 peer.test\r\n250 peer.test\r\n') } })
  const failure = await failTo(peer)
  assert.equal(failure.phase, 'hello')
  assert.match(failure.text, /answers nothing/)
})

test('A greeting that comes with more behind it is refused.', async (t) => {
  const peer = await startPeer(t, { parts: { greeting: raw('220 peer.test\r\n250 peer.test\r\n') } })
  assert.match((await failTo(peer)).text, /answers nothing/)
  assert.deepEqual(peer.commands, [])
})

test('A refused connection says so, in words.', async () => {
  const port = await freePort()
  const target = targetOf({ script: {}, port } as Peer)
  const opened = await openSession(target, { log: silentLog })
  assert.ok(!opened.ok)
  assert.deepEqual(opened.failure, { phase: 'connect', reply: null, text: 'connection refused', temporary: true })
})

test('A connection that does not come about is given up in time.', async (t) => {
  const target = targetOf(await startPeer(t), { timeouts: timeouts({ connect: 30_000 }) })
  // The time is over before the connection can be there
  const soon = (_ms: number, fn: () => void) => {
    process.nextTick(fn)
    return () => {}
  }
  const clock: Clock = { now: () => 0, after: soon }
  const opened = await openSession(target, { log: silentLog, clock })
  assert.ok(!opened.ok)
  assert.deepEqual([opened.failure.phase, opened.failure.text], ['connect', 'no connection in 30 s'])
})

test('A name instead of an address is not looked up.', async (t) => {
  const failure = await failTo(await startPeer(t), { address: 'localhost' })
  assert.deepEqual([failure.phase, failure.text], ['connect', 'the address is not an IP address'])
})

test('The address to connect from is used.', async (t) => {
  const peer = await startPeer(t)
  await openTo(t, peer, { localAddress: '127.0.0.9' })
  assert.equal(peer.connections[0]?.socket.remoteAddress, '127.0.0.9')
})

test('Each phase of the opening has a time-out of its own.', async (t) => {
  const silentGreeting = await startPeer(t, { parts: { greeting: SILENCE } })
  const greeting = await failTo(silentGreeting, { timeouts: timeouts({ greeting: BRIEF_MS }) })
  assert.deepEqual([greeting.phase, greeting.text], ['greeting', `no reply in ${BRIEF_MS} ms`])
  const silentHello = await startPeer(t, { parts: { ehlo: SILENCE } })
  const hello = await failTo(silentHello, { timeouts: timeouts({ hello: BRIEF_MS }) })
  assert.deepEqual([hello.phase, hello.text], ['hello', `no reply in ${BRIEF_MS} ms`])
})

test('A session that did not open leaves no connection behind.', async (t) => {
  const peer = await startPeer(t, { parts: { ehlo: '451 4.3.0 Later' } })
  await failTo(peer)
  const socket = peer.connections[0]?.socket
  if (socket && !socket.destroyed) await new Promise((resolve) => socket.once('close', resolve))
  assert.equal(socket?.destroyed, true)
})

test('Whoever closes first, the failure says what the peer said last.', async (t) => {
  const said = await failTo(await startPeer(t, { parts: { greeting: thenClose('421 4.3.2 Closing') } }))
  assert.equal(said.reply?.code, 421)
  const unsaid = await failTo(await startPeer(t, { parts: { ehlo: CLOSE } }))
  assert.deepEqual([unsaid.phase, unsaid.text], ['hello', 'connection closed by the peer'])
})

test('The log tells where and what, in one line.', async (t) => {
  const log = memoryLog()
  await failTo(await startPeer(t, { parts: { ehlo: '451 4.3.0 Later' } }), {}, { log })
  assert.equal(log.lines.length, 1)
  assert.equal(log.lines[0]?.message, 'session not opened')
})
