import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import fc from 'fast-check'
import type { RecipientReply, SendResult } from '../../../../src/smtp/client/index.ts'
import {
  after,
  byteByByte,
  MODERN,
  type PeerScript,
  raw,
  SILENCE,
  startPeer,
  thenClose,
} from '../../../support/peer.ts'
import { BRIEF_MS, envelopeTo, MESSAGE, openTo, pieceContent, recipient, textContent, timeouts } from './setup.ts'

const WAYS: readonly (readonly [string, readonly string[]])[] = [
  ['pipelined', MODERN],
  ['one by one', MODERN.filter((keyword) => keyword !== 'PIPELINING')],
]

const brief = (known: RecipientReply): string =>
  known.is === 'unknown' ? 'unknown' : `${known.is} ${known.reply.code} in ${known.phase}${known.ours ? ' (ours)' : ''}`

const outcome = ({ recipients }: SendResult): string[] => recipients.map(brief)

const THREE = ['a@north.test', 'b@north.test', 'c@north.test']

/** Says one thing about one recipient, and the usual about the others. */
const about =
  (address: string, text: string) =>
  ({ line }: { line: string }) =>
    line.includes(address) ? text : undefined

for (const [way, extensions] of WAYS) {
  const peerWith = (
    t: Parameters<typeof startPeer>[0],
    parts: PeerScript['parts'] = {},
    more: Partial<PeerScript> = {},
  ) => startPeer(t, { extensions, parts, ...more })

  test(`A message is relayed, ${way}.`, async (t) => {
    const peer = await peerWith(t)
    const session = await openTo(t, peer)
    const result = await session.send(envelopeTo(THREE), textContent())
    assert.deepEqual(outcome(result), Array(3).fill('relayed 250 in end'))
    assert.equal(result.failure, null)
    assert.equal(result.dsnHandedOn, true)
    assert.equal(peer.messages[0]?.content.toString(), MESSAGE)
    assert.equal(peer.messages[0]?.rcpts.length, 3)
  })

  test(`Some recipients are refused and the others get the message, ${way}.`, async (t) => {
    const rcpt = [undefined, '550 5.1.1 No such', '450 4.2.1 Busy'] as const
    const peer = await peerWith(t, { rcpt: ({ nth }) => rcpt[nth] })
    const session = await openTo(t, peer)
    const result = await session.send(envelopeTo(THREE), textContent())
    assert.deepEqual(outcome(result), ['relayed 250 in end', 'failed 550 in rcpt', 'deferred 450 in rcpt'])
    assert.equal(result.failure, null)
    assert.deepEqual(peer.messages[0]?.rcpts.length, 1)
    assert.equal(session.usable, true)
  })

  test(`A sender that is refused settles all recipients, and the session goes on without RSET, ${way}.`, async (t) => {
    const peer = await peerWith(t, { mail: ['550 5.7.1 Not from there', '250 2.1.0 Fine'] })
    const session = await openTo(t, peer)
    assert.deepEqual(outcome(await session.send(envelopeTo(THREE), textContent())), Array(3).fill('failed 550 in mail'))
    assert.equal(session.usable, true)
    assert.deepEqual(outcome(await session.send(envelopeTo(), textContent())), ['relayed 250 in end'])
    assert.equal(peer.messages.length, 1)
    assert.ok(!peer.commands.includes('RSET'))
  })

  test(`When all recipients are refused no content is sent, and RSET goes before the next message, ${way}.`, async (t) => {
    const peer = await peerWith(t, { rcpt: ['550 5.1.1 No', '550 5.1.1 No', '250 2.1.5 Fine'] })
    const session = await openTo(t, peer)
    const refused = await session.send(envelopeTo(THREE.slice(0, 2)), textContent())
    assert.deepEqual(outcome(refused), Array(2).fill('failed 550 in rcpt'))
    assert.equal(session.usable, true)
    assert.equal(peer.commands.includes('DATA'), extensions.includes('PIPELINING'))
    assert.deepEqual(outcome(await session.send(envelopeTo(), textContent())), ['relayed 250 in end'])
    assert.equal(peer.messages.length, 1)
    assert.equal(peer.commands.filter((command) => command === 'RSET').length, 1)
  })

  test(`DATA that is refused settles the recipients that were taken, ${way}.`, async (t) => {
    const rcpt = about('b@', '550 5.1.1 No')
    const peer = await peerWith(t, { rcpt, data: ['451 4.3.0 Later', '354 Go'] })
    const session = await openTo(t, peer)
    const result = await session.send(envelopeTo(THREE), textContent())
    assert.deepEqual(outcome(result), ['deferred 451 in data', 'failed 550 in rcpt', 'deferred 451 in data'])
    await session.send(envelopeTo(['x@north.test']), textContent())
    assert.ok(peer.commands.includes('RSET'))
    assert.equal(peer.messages.length, 1)
  })

  test(`Content that is refused settles the recipients that were taken, and no RSET is needed, ${way}.`, async (t) => {
    const peer = await peerWith(t, { end: ['554 5.7.1 Spam', '250 2.0.0 Fine'] })
    const session = await openTo(t, peer)
    assert.deepEqual(outcome(await session.send(envelopeTo(), textContent())), ['failed 554 in end'])
    await session.send(envelopeTo(), textContent())
    assert.ok(!peer.commands.includes('RSET'))
  })

  test(`552 to a later recipient means too many of them, and defers it; a full mailbox stays full, ${way}.`, async (t) => {
    const peer = await peerWith(t, { rcpt: ['250 Fine', '552 Too many', '552 5.2.2 Full'] })
    const session = await openTo(t, peer)
    const result = await session.send(envelopeTo(THREE), textContent())
    assert.deepEqual(outcome(result), ['relayed 250 in end', 'deferred 552 in rcpt', 'failed 552 in rcpt'])
    const alone = await openTo(t, await peerWith(t, { rcpt: '552 Too much' }))
    assert.deepEqual(outcome(await alone.send(envelopeTo(), textContent())), ['failed 552 in rcpt'])
  })

  test(`421 at any point defers whoever has no answer and ends the session, ${way}.`, async (t) => {
    for (const point of ['mail', 'data', 'end'] as const) {
      const peer = await peerWith(t, { [point]: '421 4.3.2 Shutting down' })
      const session = await openTo(t, peer)
      const result = await session.send(envelopeTo(THREE), textContent())
      assert.deepEqual(outcome(result), Array(3).fill(`deferred 421 in ${point}`))
      assert.equal(result.failure?.reply?.code, 421)
      assert.equal(session.usable, false)
    }
    const peer = await peerWith(t, { rcpt: ['550 5.1.1 No', '250 Fine', '421 4.3.2 Shutting down'] })
    const result = await (await openTo(t, peer)).send(envelopeTo(THREE), textContent())
    assert.deepEqual(outcome(result), ['failed 550 in rcpt', 'deferred 421 in rcpt', 'deferred 421 in rcpt'])
  })

  test(`An answer that makes no sense leaves recipients unknown and ends the session, ${way}.`, async (t) => {
    const nonsense: PeerScript['parts'][] = [
      { mail: '354 what' },
      { rcpt: '354 what' },
      { data: '250 what' },
      { end: '354 what' },
      { mail: 'what' },
      { rcpt: 'what' },
      { data: 'what' },
      { end: 'what' },
    ]
    for (const parts of nonsense) {
      const session = await openTo(t, await peerWith(t, parts))
      const result = await session.send(envelopeTo(), textContent())
      assert.deepEqual(outcome(result), ['unknown'], JSON.stringify(parts))
      assert.equal(result.failure?.temporary, true)
      assert.equal(session.usable, false)
    }
  })

  test(`An answer to the content before the content was sent is none, ${way}.`, async (t) => {
    const session = await openTo(t, await peerWith(t, { data: raw('354 go\r\n250 2.0.0 Taken, trust me\r\n') }))
    const result = await session.send(envelopeTo(), textContent())
    assert.deepEqual(outcome(result), ['unknown'])
    assert.match(result.failure?.text ?? '', /answers nothing/)
  })

  test(`Part of an answer before the content was sent is none either, ${way}.`, async (t) => {
    const session = await openTo(t, await peerWith(t, { data: raw('354 go\r\n25') }))
    assert.deepEqual(outcome(await session.send(envelopeTo(), textContent())), ['unknown'])
    assert.equal(session.usable, false)
  })

  test(`Answers that come byte by byte are answers, ${way}.`, async (t) => {
    const slow = { mail: byteByByte('250-2.1.0 a\r\n250 2.1.0 b'), end: byteByByte('250 2.0.0 done') }
    const session = await openTo(
      t,
      await peerWith(t, slow, { extensions: extensions.filter((e) => e !== 'PIPELINING') }),
    )
    assert.deepEqual(outcome(await session.send(envelopeTo(), textContent())), ['relayed 250 in end'])
  })

  test(`What was said before the connection broke counts, ${way}.`, async (t) => {
    const peer = await peerWith(t, { rcpt: about('a@', '550 5.1.1 No'), end: SILENCE })
    const session = await openTo(t, peer, { timeouts: timeouts({ end: BRIEF_MS }) })
    const result = await session.send(envelopeTo(THREE), textContent())
    assert.deepEqual(outcome(result), ['failed 550 in rcpt', 'unknown', 'unknown'])
    assert.deepEqual([result.failure?.phase, result.failure?.text], ['end', `no reply in ${BRIEF_MS} ms`])
  })

  test(`LMTP answers for each recipient that was taken, ${way}.`, async (t) => {
    const end = [undefined, '452 4.2.2 Full', '550 5.2.0 No'] as const
    const peer = await peerWith(t, { rcpt: about('b@', '550 5.1.1 No'), end: ({ nth }) => end[nth] }, { lmtp: true })
    const session = await openTo(t, peer)
    const result = await session.send(envelopeTo([...THREE, 'd@north.test']), textContent())
    assert.deepEqual(outcome(result), [
      'relayed 250 in end',
      'failed 550 in rcpt',
      'deferred 452 in end',
      'failed 550 in end',
    ])
    assert.equal(session.usable, true)
  })

  test(`LMTP that breaks after the first of its answers leaves the others unknown, ${way}.`, async (t) => {
    const end = [undefined, thenClose('')]
    const peer = await peerWith(t, { end: ({ nth }) => end[nth] }, { lmtp: true })
    const result = await (await openTo(t, peer)).send(envelopeTo(THREE), textContent())
    assert.deepEqual(outcome(result), ['relayed 250 in end', 'unknown', 'unknown'])
  })
}

test('Where the peer pipelines, all commands leave at once and the content follows.', async (t) => {
  const peer = await startPeer(t)
  const session = await openTo(t, peer)
  const before = peer.connections[0]?.chunks ?? 0
  await session.send(envelopeTo(THREE), textContent())
  assert.equal((peer.connections[0]?.chunks ?? 0) - before, 2)
})

test('Where the peer does not pipeline, no command leaves before the last one is answered.', async (t) => {
  let unanswered = ''
  const peer = await startPeer(t, {
    extensions: [],
    parts: {
      rcpt: {
        name: 'slow',
        do(connection) {
          const seen = connection.commands.length
          setTimeout(() => {
            unanswered += connection.commands.slice(seen).join()
            connection.write('250 Fine\r\n')
          }, 10)
        },
      },
    },
  })
  await (await openTo(t, peer)).send(envelopeTo(THREE), textContent())
  assert.equal(unanswered, '')
  assert.equal(peer.messages[0]?.rcpts.length, 3)
})

test('A peer that says 354 though it took no recipient gets a lone dot, and the session goes on.', async (t) => {
  const peer = await startPeer(t, { parts: { rcpt: ['550 5.1.1 No', '250 Fine'], data: '354 Go' } })
  const session = await openTo(t, peer)
  assert.deepEqual(outcome(await session.send(envelopeTo(), textContent())), ['failed 550 in rcpt'])
  assert.equal(peer.messages[0]?.wire.length, 0)
  assert.equal(session.usable, true)
  assert.deepEqual(outcome(await session.send(envelopeTo(), textContent())), ['relayed 250 in end'])
  assert.equal(peer.messages[1]?.content.toString(), MESSAGE)
})

test('The same with a sender that was refused: what is said about the dot changes nothing.', async (t) => {
  const peer = await startPeer(t, { parts: { mail: '550 5.1.8 No', other: '503 5.5.1 No MAIL', data: '354 Go' } })
  const session = await openTo(t, peer)
  assert.deepEqual(outcome(await session.send(envelopeTo(), textContent())), ['failed 550 in mail'])
  assert.equal(peer.messages[0]?.wire.length, 0)
})

test('LMTP that says 354 though it took no recipient is hung up on, since it owes no answer to a dot.', async (t) => {
  const peer = await startPeer(t, { lmtp: true, parts: { rcpt: '550 5.1.1 No', data: '354 Go' } })
  const session = await openTo(t, peer)
  assert.deepEqual(outcome(await session.send(envelopeTo(), textContent())), ['failed 550 in rcpt'])
  assert.equal(session.usable, false)
})

test('Dots are doubled on the wire and come out as they went in, from memory and from a stream.', async (t) => {
  const peer = await startPeer(t)
  const session = await openTo(t, peer)
  const line = fc.array(fc.constantFrom('.', 'a', '..', ' '), { maxLength: 4 }).map((parts) => parts.join(''))
  const text = fc.array(line, { minLength: 1, maxLength: 8 }).map((lines) => `${lines.join('\r\n')}\r\n`)
  await fc.assert(
    fc.asyncProperty(text, fc.array(fc.nat(), { maxLength: 5 }), async (content, cuts) => {
      const bytes = Buffer.from(content)
      const at = [0, ...cuts.map((n) => n % bytes.length).sort((a, b) => a - b), bytes.length]
      const pieces = at.slice(1).map((end, i) => bytes.subarray(at[i], end))
      assert.deepEqual(outcome(await session.send(envelopeTo(), textContent(content))), ['relayed 250 in end'])
      assert.deepEqual(outcome(await session.send(envelopeTo(), pieceContent(pieces))), ['relayed 250 in end'])
      const [memory, stream] = peer.messages.slice(-2)
      assert.equal(memory?.content.toString(), content)
      assert.deepEqual(stream?.wire, memory?.wire)
    }),
    { numRuns: 60 },
  )
})

test('Content of several megabytes streams whole, in memory or not.', async (t) => {
  const peer = await startPeer(t)
  const session = await openTo(t, peer)
  const bytes = Buffer.from(`.a line of some length, as lines are\r\n`.repeat(80_000))
  const pieces = Array.from({ length: Math.ceil(bytes.length / 100_003) }, (_, i) =>
    bytes.subarray(i * 100_003, (i + 1) * 100_003),
  )
  assert.deepEqual(
    outcome(await session.send(envelopeTo(), { size: bytes.length, bytes, stream: async function* () {} })),
    ['relayed 250 in end'],
  )
  assert.deepEqual(outcome(await session.send(envelopeTo(), pieceContent(pieces))), ['relayed 250 in end'])
  assert.ok(peer.messages[0]?.content.equals(bytes))
  assert.ok(peer.messages[1]?.content.equals(bytes))
})

test('Content whose memory is used again for each piece reaches a peer that reads late as it was.', async (t) => {
  const late = { name: 'read late', do: (connection: { socket: Socket }) => readLate(connection.socket) }
  const peer = await startPeer(t, { parts: { data: after(late, '354 Go') } })
  const session = await openTo(t, peer)
  const lines = Array.from({ length: 120 }, (_, i) => Buffer.from(`${String(i).repeat(60)}\r\n`.repeat(1000)))
  const memory = Buffer.alloc(200_000)
  const content = {
    ...pieceContent(lines),
    async *stream(how?: 'lent') {
      assert.equal(how, 'lent')
      for (const line of lines) {
        yield memory.subarray(0, line.copy(memory))
        memory.fill('?')
      }
    },
  }
  assert.deepEqual(outcome(await session.send(envelopeTo(), content)), ['relayed 250 in end'])
  assert.ok(peer.messages[0]?.content.equals(Buffer.concat(lines)))
})

function readLate(socket: Socket): void {
  socket.pause()
  setTimeout(() => socket.resume(), BRIEF_MS)
}

test('A peer that takes no content is given up after the time for a block.', async (t) => {
  const peer = await startPeer(t, {
    parts: { data: after({ name: 'stop reading', do: (connection) => connection.socket.pause() }, '354 Go') },
  })
  const session = await openTo(t, peer, { timeouts: timeouts({ block: BRIEF_MS }) })
  const piece = Buffer.from(`${'x'.repeat(76)}\r\n`.repeat(1000))
  const result = await session.send(envelopeTo(), pieceContent(Array<Buffer>(500).fill(piece)))
  assert.deepEqual(outcome(result), ['unknown'])
  assert.deepEqual([result.failure?.phase, result.failure?.text], ['content', `no content taken in ${BRIEF_MS} ms`])
})

test('A stream that is slow but goes on may take longer than the time for a block.', async (t) => {
  const peer = await startPeer(t)
  const session = await openTo(t, peer, { timeouts: timeouts({ block: BRIEF_MS * 2 }) })
  const content = {
    ...pieceContent(Array<Buffer>(6).fill(Buffer.from('slow\r\n'))),
    async *stream() {
      for (let i = 0; i < 6; i++) {
        await new Promise((resolve) => setTimeout(resolve, BRIEF_MS / 2))
        yield Buffer.from('slow\r\n')
      }
    },
  }
  assert.deepEqual(outcome(await session.send(envelopeTo(), content)), ['relayed 250 in end'])
})

test('A stream is closed when nothing more of it is wanted.', async (t) => {
  const peer = await startPeer(t, { parts: { data: thenClose('354 Go') } })
  const session = await openTo(t, peer)
  const closed = Promise.withResolvers<void>()
  const content = {
    ...pieceContent([], 1e12),
    async *stream() {
      try {
        yield* endless()
      } finally {
        closed.resolve()
      }
    },
  }
  assert.deepEqual(outcome(await session.send(envelopeTo(), content)), ['unknown'])
  await closed.promise
})

const many = (count: number) => Array<Buffer>(count).fill(Buffer.from(`${'x'.repeat(76)}\r\n`.repeat(1000)))

test('A refusal while content is still being sent is final; praise is not.', async (t) => {
  const early = (text: string) => ({
    name: text,
    do: (connection: { write(text: string): void }) => connection.write(`354 Go\r\n`),
  })
  for (const [text, expected] of [
    ['552 5.3.4 Too big', 'failed 552 in content'],
    ['452 4.3.1 Full', 'deferred 452 in content'],
    ['421 4.3.2 Closing', 'deferred 421 in content'],
    ['250 2.0.0 Taken', 'unknown'],
  ] as const) {
    const peer = await startPeer(t, {
      parts: {
        data: {
          name: text,
          do(connection) {
            early(text).do(connection)
            connection.stall()
            connection.socket.once('data', () => connection.write(`${text}\r\n`))
          },
        },
      },
    })
    const session = await openTo(t, peer)
    // Endless, so that the content cannot be over before the answer
    const content = { ...pieceContent([]), size: 1e12, stream: endless }
    assert.deepEqual(outcome(await session.send(envelopeTo(), content)), [expected])
    assert.equal(session.usable, false)
  }
})

async function* endless() {
  const [piece] = many(1)
  for (;;) {
    await new Promise((resolve) => setImmediate(resolve))
    if (piece) yield piece
  }
}

test('An answer that comes before the first byte of a stream is read is too early.', async (t) => {
  const peer = await startPeer(t, {
    parts: {
      data: {
        name: '354, then 250',
        do(connection) {
          connection.write('354 Go\r\n')
          setTimeout(() => connection.write('250 2.0.0 Taken\r\n'), 20)
        },
      },
    },
  })
  let finish = () => {}
  const content = {
    ...pieceContent([Buffer.from('a\r\n')]),
    async *stream() {
      await new Promise<void>((resolve) => {
        finish = resolve
      })
      yield Buffer.from('a\r\n')
    },
  }
  const result = await (await openTo(t, peer)).send(envelopeTo(), content)
  finish()
  assert.deepEqual(outcome(result), ['unknown'])
})

test('Content that cannot be read, or is shorter or longer than it should be, is never ended with a dot.', async (t) => {
  const peer = await startPeer(t)
  const broken = {
    ...pieceContent([], 10),
    async *stream() {
      yield Buffer.from('a\r\n')
      throw new Error('disk')
    },
  }
  for (const content of [broken, pieceContent([Buffer.from('a\r\n')], 10), pieceContent([Buffer.from('a\r\n')], 2)]) {
    const session = await openTo(t, peer)
    const result = await session.send(envelopeTo(), content)
    assert.deepEqual(outcome(result), ['unknown'])
    assert.equal(result.failure?.phase, 'content')
    assert.equal(session.usable, false)
  }
  assert.equal(peer.messages.length, 0)
})

test('A message that no recipient of can be served asks nothing of the peer.', async (t) => {
  const peer = await startPeer(t, { extensions: [] })
  const session = await openTo(t, peer)
  const result = await session.send(envelopeTo([recipient('grün@north.test')]), textContent())
  assert.deepEqual(outcome(result), ['failed 553 in rcpt (ours)'])
  assert.equal(result.failure, null)
  assert.equal(result.dsnHandedOn, false)
  assert.deepEqual(peer.commands, ['EHLO relay.test'])
  assert.equal(session.usable, true)
})
