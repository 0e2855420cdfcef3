import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { silentLog } from '../../src/log.ts'
import { type ClientSession, openSession } from '../../src/smtp/client/index.ts'
import { type Peer, startPeer } from '../support/peer.ts'
import type { Scope } from '../support/scope.ts'
import { envelopeTo, pieceContent, targetOf, textContent } from '../unit/smtp/client/setup.ts'

// Content that got damaged, or that came to us past our own checks, must not become a second message
// anywhere behind us: neither at a peer that knows only CRLF, nor at one that takes LF or CR for it.

const SECOND = 'MAIL FROM:<evil@south.test>\r\nRCPT TO:<ward@north.test>\r\nDATA\r\nforged\r\n.\r\n'

const END_MARKS: readonly string[] = [
  '\n.\n',
  '\n.\r\n',
  '\r\n.\n',
  '\r.\r',
  '\r.\r\n',
  '\r\n.\r',
  '\r\r\n.\r\n',
  '\r\n\r.\r\n',
  '\r\n.\r\r\n',
  '\n\n.\r\n',
  '\n\r.\r\n',
]

const BARE = /\r(?!\n)|(?<!\r)\n/

async function session(t: Scope, peer: Peer): Promise<ClientSession> {
  const opened = await openSession(targetOf(peer), { log: silentLog })
  assert.ok(opened.ok)
  t.after(() => opened.session.destroy())
  return opened.session
}

for (const mark of END_MARKS) {
  const content = `a: b\r\n\r\nfirst${mark}${SECOND}`

  test(`${JSON.stringify(mark)} in memory: refused, and no byte of it leaves.`, async (t) => {
    const peer = await startPeer(t)
    const { recipients } = await (await session(t, peer)).send(envelopeTo(), textContent(content))
    assert.ok(recipients[0]?.is === 'failed' && recipients[0].reply.enhanced === '5.6.0')
    assert.deepEqual(peer.commands, ['EHLO relay.test'])
  })

  test(`${JSON.stringify(mark)} in a stream: refused, wherever the pieces are cut, and never ended.`, async (t) => {
    const peer = await startPeer(t)
    const bytes = Buffer.from(content)
    const from = bytes.indexOf('first') + 4
    for (let cut = from; cut <= from + mark.length + 3; cut++) {
      const client = await session(t, peer)
      const { recipients } = await client.send(
        envelopeTo(),
        pieceContent([bytes.subarray(0, cut), bytes.subarray(cut)]),
      )
      assert.ok(recipients[0]?.is === 'failed' && recipients[0].reply.enhanced === '5.6.0', `cut at ${cut}`)
      await client.closed
    }
    assert.equal(peer.messages.length, 0)
    assert.ok(!peer.commands.includes('MAIL FROM:<evil@south.test>'))
  })
}

const DOTTED: readonly string[] = [
  `first\r\n.\r\n${SECOND}`,
  `.\r\n${SECOND}`,
  `..\r\n.\r\n${SECOND}`,
  `first\r\n\0.\r\n${SECOND}`,
  `first\r\n.\0\r\n${SECOND}`,
  `first\r\n.`,
]

for (const content of DOTTED) {
  test(`With proper line ends it is one message, whatever it looks like: ${JSON.stringify(content.slice(0, 14))}.`, async (t) => {
    const peer = await startPeer(t)
    const client = await session(t, peer)
    const { recipients } = await client.send(envelopeTo(), textContent(content))
    assert.equal(recipients[0]?.is, 'relayed')
    assert.equal(peer.messages.length, 1)
    assert.equal(peer.messages[0]?.content.toString(), content.endsWith('\r\n') ? content : `${content}\r\n`)
    assert.ok(!peer.commands.includes('MAIL FROM:<evil@south.test>'))
  })
}

test('Whatever the bytes are, they are refused, or arrive as one message with no bare line end on the wire.', async (t) => {
  const peer = await startPeer(t)
  const byte = fc.constantFrom('\r\n', '\r\n', '\r', '\n', '.', 'a', '\0', '\u0085', ' ')
  await fc.assert(
    fc.asyncProperty(fc.array(byte, { maxLength: 14 }), fc.nat(), async (parts, at) => {
      const bytes = Buffer.from(parts.join(''), 'latin1')
      const cut = at % (bytes.length + 1)
      const before = peer.messages.length
      const client = await session(t, peer)
      const { recipients } = await client.send(
        envelopeTo(undefined, { body: '8bitmime' }),
        pieceContent([bytes.subarray(0, cut), bytes.subarray(cut)]),
      )
      const bare = BARE.test(bytes.toString('latin1'))
      assert.equal(recipients[0]?.is, bare ? 'failed' : 'relayed')
      assert.equal(peer.messages.length, before + (bare ? 0 : 1))
      assert.doesNotMatch(peer.messages.at(-1)?.wire.toString('latin1') ?? '', BARE)
      client.destroy()
    }),
    { numRuns: 150 },
  )
  assert.ok(peer.commands.every((command) => /^(EHLO|MAIL FROM:<lab|RCPT TO:<ward|DATA)/.test(command)))
})
