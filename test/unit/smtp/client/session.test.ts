import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DEFAULT_LIMITS } from '../../../../src/smtp/client/index.ts'
import { byteByByte, MODERN, type Peer, SILENCE, startPeer, thenClose } from '../../../support/peer.ts'
import { BRIEF_MS, envelopeTo, MESSAGE, openTo, PATIENT_MS, pieceContent, textContent, timeouts } from './setup.ts'

const connection = (peer: Peer) => {
  const [first] = peer.connections
  assert.ok(first)
  return first
}

test('A session carries one message after the other.', async (t) => {
  const peer = await startPeer(t)
  const session = await openTo(t, peer)
  for (let i = 0; i < 50; i++) {
    const { recipients } = await session.send(envelopeTo(), textContent(`${i}\r\n`))
    assert.equal(recipients[0]?.is, 'relayed')
  }
  assert.deepEqual(
    peer.messages.map(({ content }) => content.toString()),
    Array.from({ length: 50 }, (_, i) => `${i}\r\n`),
  )
  assert.equal(peer.connections.length, 1)
})

test('A peer that says 421 to a session that waits makes it unusable at once.', async (t) => {
  const peer = await startPeer(t)
  const session = await openTo(t, peer)
  await session.send(envelopeTo(), textContent())
  connection(peer).write('421 4.4.2 Idle too long\r\n')
  await session.closed
  assert.equal(session.usable, false)
  assert.equal(session.failure?.reply?.code, 421)
  const result = await session.send(envelopeTo(), textContent())
  assert.deepEqual(result.recipients, [{ is: 'unknown' }])
  assert.equal(result.failure?.phase, 'mail')
})

test('A peer that hangs up on a session that waits makes it unusable at once.', async (t) => {
  for (const hangUp of ['end', 'destroy', 'resetAndDestroy'] as const) {
    const peer = await startPeer(t)
    const session = await openTo(t, peer)
    connection(peer).socket[hangUp]()
    await session.closed
    assert.equal(session.usable, false)
    assert.equal(session.failure?.reply, null)
  }
})

test('Whatever a peer says unasked ends the session, also part of a line.', async (t) => {
  for (const said of ['250 2.0.0 Taken\r\n', '2', '\r\n', 'junk']) {
    const peer = await startPeer(t)
    const session = await openTo(t, peer)
    connection(peer).write(said)
    await session.closed
    assert.equal(session.usable, false)
  }
})

test('An answer too many is not taken for the next message.', async (t) => {
  const peer = await startPeer(t, { parts: { end: ['250 2.0.0 Taken\r\n250 2.0.0 And the next one'] } })
  const session = await openTo(t, peer)
  const first = await session.send(envelopeTo(), textContent())
  assert.equal(first.recipients[0]?.is, 'relayed')
  const second = await session.send(envelopeTo(), textContent())
  assert.equal(second.recipients[0]?.is, 'unknown')
})

test('A session that waits has no time-out.', async (t) => {
  const peer = await startPeer(t)
  const all = timeouts({ greeting: 1000, hello: 1000, mail: 1000, rcpt: 1000, data: 1000, end: BRIEF_MS })
  const session = await openTo(t, peer, { timeouts: all })
  await session.send(envelopeTo(), textContent())
  await new Promise((resolve) => setTimeout(resolve, BRIEF_MS * 2))
  assert.equal(session.usable, true)
})

test('A second message while the first is on its way is not sent, and does no harm.', async (t) => {
  const peer = await startPeer(t)
  const session = await openTo(t, peer)
  const first = session.send(envelopeTo(), textContent())
  const second = await session.send(envelopeTo(), textContent())
  assert.deepEqual(second.recipients, [{ is: 'unknown' }])
  assert.equal(second.failure?.text, 'the session is busy')
  assert.equal((await first).recipients[0]?.is, 'relayed')
  assert.equal(peer.messages.length, 1)
})

test('quit says QUIT and waits for the goodbye.', async (t) => {
  const peer = await startPeer(t, { parts: { quit: byteByByte('221 2.0.0 Bye') } })
  const session = await openTo(t, peer)
  await session.quit()
  assert.equal(peer.commands.at(-1), 'QUIT')
  assert.equal(session.usable, false)
})

test('quit does not wait long for a goodbye that does not come.', async (t) => {
  const peer = await startPeer(t, { parts: { quit: SILENCE } })
  const session = await openTo(t, peer, {}, { limits: { ...DEFAULT_LIMITS, quitMs: BRIEF_MS } })
  const began = performance.now()
  await session.quit()
  const tookMs = performance.now() - began
  assert.ok(tookMs > BRIEF_MS / 2 && tookMs < PATIENT_MS / 2, `${tookMs} ms`)
})

test('quit and destroy on a session that is gone are harmless.', async (t) => {
  const peer = await startPeer(t, { parts: { mail: thenClose('421 4.3.2 Closing') } })
  const session = await openTo(t, peer)
  await session.send(envelopeTo(), textContent())
  await session.quit()
  session.destroy()
  session.destroy()
  await session.closed
})

test('destroy in the middle of a message settles the message.', async (t) => {
  const peer = await startPeer(t, { parts: { end: SILENCE } })
  const session = await openTo(t, peer)
  const sending = session.send(envelopeTo(), textContent())
  session.destroy()
  const { recipients, failure } = await sending
  assert.deepEqual(recipients, [{ is: 'unknown' }])
  assert.equal(failure?.text, 'closed by us')
})

test('quit in the middle of a message does not wait for it.', async (t) => {
  const peer = await startPeer(t, { parts: { mail: SILENCE } })
  const session = await openTo(t, peer)
  const sending = session.send(envelopeTo(), textContent())
  await session.quit()
  assert.deepEqual((await sending).recipients, [{ is: 'unknown' }])
})

test('RSET that is refused leaves the next message unknown, and the session is over.', async (t) => {
  for (const extensions of [MODERN, []]) {
    const peer = await startPeer(t, {
      extensions,
      parts: { rcpt: ['550 5.1.1 No', '250 Fine'], rset: '500 5.5.1 What?' },
    })
    const session = await openTo(t, peer)
    await session.send(envelopeTo(), textContent())
    const { recipients } = await session.send(envelopeTo(), textContent())
    assert.deepEqual(recipients, [{ is: 'unknown' }])
    assert.equal(session.usable, false)
    assert.equal(peer.messages.length, 0)
  }
})

test('Damaged content in memory is refused before the peer hears of it.', async (t) => {
  const peer = await startPeer(t)
  const session = await openTo(t, peer)
  const { recipients, failure } = await session.send(
    envelopeTo(['a@north.test', 'b@north.test']),
    textContent('a\nb\r\n'),
  )
  for (const known of recipients) {
    assert.ok(known.is === 'failed' && known.ours)
    assert.equal(known.reply.enhanced, '5.6.0')
  }
  assert.equal(failure, null)
  assert.equal(session.usable, true)
  assert.deepEqual(peer.commands, ['EHLO relay.test'])
})

test('Damaged content in a stream is never ended with a dot, and fails.', async (t) => {
  const peer = await startPeer(t)
  const session = await openTo(t, peer)
  const good = Buffer.from('a line\r\n'.repeat(20_000))
  const { recipients } = await session.send(
    envelopeTo(),
    pieceContent([good, Buffer.from('x\n.\r\nMAIL FROM:<>\r\n'), good]),
  )
  assert.ok(recipients[0]?.is === 'failed' && recipients[0].reply.enhanced === '5.6.0')
  assert.equal(session.usable, false)
  await session.closed
  assert.equal(peer.messages.length, 0)
  assert.ok(!connection(peer).unfinished.includes('MAIL FROM'))
})

test('Content in a file that cannot be read at all leaves the session as it was.', async (t) => {
  const peer = await startPeer(t, { extensions: ['PIPELINING'] })
  const session = await openTo(t, peer)
  const unreadable = {
    ...pieceContent([], 10),
    // biome-ignore lint/correctness/useYield: it fails before it can
    async *stream(): AsyncGenerator<Buffer> {
      throw new Error('no such file')
    },
  }
  const { recipients, failure } = await session.send(envelopeTo(), unreadable)
  assert.deepEqual(recipients, [{ is: 'unknown' }])
  assert.match(failure?.text ?? '', /cannot be read: no such file/)
  assert.equal(session.usable, true)
  await session.send(envelopeTo(), textContent())
  assert.equal(peer.messages[0]?.content.toString(), MESSAGE)
})

test('An empty message is a message.', async (t) => {
  const peer = await startPeer(t)
  const session = await openTo(t, peer)
  for (const content of [textContent(''), pieceContent([])]) {
    assert.equal((await session.send(envelopeTo(), content)).recipients[0]?.is, 'relayed')
  }
  assert.deepEqual(
    peer.messages.map(({ wire }) => wire.length),
    [0, 0],
  )
})
