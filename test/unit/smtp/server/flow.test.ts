import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { reply } from '../../../../src/mail/reply.ts'
import type { DataSink } from '../../../../src/smtp/server/contract.ts'
import { waitFor } from '../../../support/wait.ts'
import { ENVELOPE, greeted, startWire, TO_DATA } from './support.ts'

describe('a sink that cannot keep up', () => {
  it('stops the wire from reading until it can', async (t) => {
    const waiting: (() => void)[] = []
    let most = 0
    const write = () => {
      most = Math.max(most, waiting.length + 1)
      return new Promise<void>((resolve) => waiting.push(resolve))
    }
    const { port, sessions } = await startWire(t, { sink: { write } })
    const client = await greeted(t, port, ...TO_DATA)
    const content = Buffer.from(`${'x'.repeat(98)}\r\n`.repeat(100_000))
    client.send(content)
    client.send('.\r\n')
    const read = () => sessions[0]?.bytesIn ?? 0
    await waitFor(() => waiting.length === 1, { what: 'the first chunk' })
    await new Promise((resolve) => setTimeout(resolve, 100))
    assert.ok(read() < 1_000_000, `${read()} bytes were read though nothing was written`)
    const free = setInterval(() => waiting.shift()?.(), 0)
    t.after(() => clearInterval(free))
    assert.match(await client.reply(), /^250 /)
    assert.equal(most, 1)
  })

  it('is given each byte once and in order', async (t) => {
    const chunks: Buffer[] = []
    const write = async (chunk: Buffer) => {
      // Only lent: after the wait it holds something else
      chunks.push(Buffer.from(chunk))
      await new Promise((resolve) => setImmediate(resolve))
    }
    const { port } = await startWire(t, { sink: { write } })
    const client = await greeted(t, port, ...TO_DATA)
    const lines = Array.from({ length: 20_000 }, (_, i) => `${i % 3 === 0 ? '.' : ''}${i}\r\n`)
    client.send(`${lines.map((line) => (line.startsWith('.') ? `.${line}` : line)).join('')}.\r\n`)
    assert.match(await client.reply(), /^250 /)
    assert.equal(Buffer.concat(chunks).toString(), lines.join(''))
  })
})

describe('a client that goes away', () => {
  it('before its message has ended has it aborted', async (t) => {
    const { port, calls, messages } = await startWire(t)
    const client = await greeted(t, port, ...TO_DATA)
    client.send('Subject: x\r\n\r\nhalf')
    await new Promise((resolve) => setTimeout(resolve, 20))
    client.socket.destroy()
    await waitFor(() => calls.at(-1) === 'closed lost', { what: 'the end' })
    assert.deepEqual(calls.slice(-3), ['abort', 'reset', 'closed lost'])
    assert.deepEqual(messages, [])
  })

  it('with half an end mark has not ended its message', async (t) => {
    for (const half of ['\r\n', '\r\n.', '\r\n.\r']) {
      const { port, calls, messages } = await startWire(t)
      const client = await greeted(t, port, ...TO_DATA)
      client.socket.end(`text${half}`)
      await waitFor(() => calls.at(-1) === 'closed lost', { what: 'the end' })
      assert.deepEqual(messages, [])
      assert.ok(calls.includes('abort'))
    }
  })

  it('while its message is being stored does not stop that', async (t) => {
    const asked = Promise.withResolvers<void>()
    const stored = Promise.withResolvers<void>()
    let done = false
    const end = async () => {
      asked.resolve()
      await stored.promise
      done = true
      return reply(250, '2.0.0', 'Stored')
    }
    const { port, calls } = await startWire(t, { sink: { end } })
    const client = await greeted(t, port, ...TO_DATA)
    client.send('x\r\n.\r\n')
    await asked.promise
    client.socket.destroy()
    await waitFor(() => calls.at(-1) === 'closed lost', { what: 'the end' })
    stored.resolve()
    await waitFor(() => done, { what: 'the store' })
    assert.ok(!calls.includes('abort'))
    assert.ok(!calls.includes('reset'))
  })

  it('before its sink is there has that sink aborted', async (t) => {
    const asked = Promise.withResolvers<void>()
    const ready = Promise.withResolvers<void>()
    let aborted = false
    const sink: DataSink = {
      write: () => true,
      end: async () => reply(250, '2.0.0', 'Stored'),
      abort: () => {
        aborted = true
      },
    }
    const data = async () => {
      asked.resolve()
      await ready.promise
      return sink
    }
    const { port, calls } = await startWire(t, { handler: { data } })
    const client = await greeted(t, port, ...ENVELOPE)
    client.send('DATA\r\n')
    await asked.promise
    client.socket.destroy()
    await waitFor(() => calls.at(-1) === 'closed lost', { what: 'the end' })
    ready.resolve()
    await waitFor(() => aborted, { what: 'abort' })
  })

  it('has its commands left alone after QUIT', async (t) => {
    const { port, calls } = await startWire(t)
    const client = await greeted(t, port, 'EHLO client.test')
    client.send('QUIT\r\nMAIL FROM:<>\r\n')
    assert.match(await client.reply(), /^221 /)
    await client.closed()
    await waitFor(() => calls.at(-1) === 'closed quit', { what: 'the end' })
    assert.ok(!calls.includes('mail <>'))
  })
})

describe('content of any size', () => {
  it('comes through byte for byte', async (t) => {
    const { port, messages } = await startWire(t)
    const client = await greeted(t, port, ...ENVELOPE.slice(0, 1))
    for (const lines of [0, 1, 800, 20_000]) {
      await client.say(...TO_DATA.slice(1))
      const content = Array.from({ length: lines }, (_, i) => `${i}\u00e9 ${'.'.repeat(i % 70)}\r\n`).join('')
      client.send(`${content.replaceAll('\r\n.', '\r\n..')}.\r\n`)
      assert.match(await client.reply(), /^250 /)
      const message = messages.at(-1)
      assert.ok(message?.content === content, `${lines} lines`)
      assert.deepEqual(message.info, { size: content.length, eightBit: lines > 0, normalised: 0, plainLines: true })
    }
  })
})

describe('content behind DATA in the same breath', () => {
  it('ends the session, so that it can never be read as commands', async (t) => {
    const { port, calls } = await startWire(t)
    const client = await greeted(t, port, ...ENVELOPE)
    client.send('DATA\r\nRCPT TO:<c@relay.test>\r\n.\r\n')
    assert.equal(await client.reply(), '554 5.5.0 Bytes followed a command whose reply must be awaited')
    assert.equal(await client.closed(), '')
    assert.ok(!calls.includes('rcpt c@relay.test'))
  })

  it('is taken from a lenient client', async (t) => {
    const { port, messages } = await startWire(t, { limits: { lenient: true } })
    const client = await greeted(t, port, ...ENVELOPE)
    client.send('DATA\r\ntext\r\n.\r\n')
    assert.match(await client.reply(), /^354 /)
    assert.match(await client.reply(), /^250 /)
    assert.equal(messages[0]?.content, 'text\r\n')
  })
})
