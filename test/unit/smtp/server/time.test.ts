import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import { type Reply, reply } from '../../../../src/mail/reply.ts'
import { waitFor } from '../../../support/wait.ts'
import { dial, ENVELOPE, greeted, relayTls, startWire, TO_DATA } from './support.ts'

const limits = { idleMs: 60_000, dataMs: 300_000, tlsMs: 20_000, sessionMs: 900_000 }

describe('an idle client', () => {
  it('is let be up to the limit, and told 421 after it', async (t) => {
    const { port, clock, calls } = await startWire(t, { limits })
    const client = await greeted(t, port, ...ENVELOPE)
    clock.advance(60_000)
    assert.equal(await client.ask('NOOP'), '250 2.0.0 OK')
    clock.advance(62_000)
    assert.equal(await client.reply(), '421 4.4.2 Idle for too long')
    assert.equal(await client.closed(), '')
    await waitFor(() => calls.includes('closed timeout'), { what: 'the end' })
    assert.equal(calls.at(-2), 'reset')
  })

  it('in the middle of a message loses it', async (t) => {
    const { port, clock, calls } = await startWire(t, { limits })
    const client = await greeted(t, port, ...TO_DATA)
    client.send('half a mess')
    await waitFor(() => clock.waiting > 0, { what: 'the sweep' })
    clock.advance(62_000)
    assert.equal(await client.reply(), '421 4.4.2 Idle for too long')
    await client.closed()
    await waitFor(() => calls.includes('closed timeout'), { what: 'the end' })
    assert.deepEqual(calls.slice(-3), ['abort', 'reset', 'closed timeout'])
  })

  it('is not held to account for the time that the handler takes', async (t) => {
    const asked = Promise.withResolvers<void>()
    const answer = Promise.withResolvers<Reply>()
    const mail = () => {
      asked.resolve()
      return answer.promise
    }
    const { port, clock } = await startWire(t, { limits, handler: { mail } })
    const client = await greeted(t, port, 'EHLO client.test')
    client.send('MAIL FROM:<>\r\n')
    await asked.promise
    clock.advance(1_000_000)
    answer.resolve(reply(250, '2.1.0', 'Yes'))
    assert.equal(await client.reply(), '250 2.1.0 Yes')
    clock.advance(59_000)
    assert.equal(await client.ask('RCPT TO:<b@relay.test>'), '250 2.0.0 Yes')
  })
})

describe('a message', () => {
  it('has a deadline, however busy the client is', async (t) => {
    const { port, clock, sessions } = await startWire(t, { limits })
    const client = await greeted(t, port, ...TO_DATA)
    const before = sessions[0]?.bytesIn ?? 0
    for (let i = 1; i <= 10; i++) {
      client.send('x')
      await waitFor(() => sessions[0]?.bytesIn === before + i, { what: 'the byte', everyMs: 1 })
      clock.advance(30_000)
    }
    client.send('x')
    await waitFor(() => sessions[0]?.bytesIn === before + 11, { what: 'the byte' })
    clock.advance(2000)
    assert.equal(await client.reply(), '421 4.4.2 The message took too long')
  })

  it('with bad line ends and no end mark hears why after ten seconds', async (t) => {
    const { port, clock, calls } = await startWire(t, { limits })
    const client = await greeted(t, port, ...TO_DATA)
    client.send('Subject: x\n\nlines of a device\n.\n')
    await waitFor(() => calls.includes('abort'), { what: 'the refusal' })
    clock.advance(10_000)
    assert.equal(calls.at(-1), 'abort')
    clock.advance(2000)
    assert.match(await client.reply(), /^550 5\.6\.11 Bare line feeds/)
    assert.equal(await client.closed(), '')
  })
})

describe('a session', () => {
  it('ends at its limit where no transaction is under way', async (t) => {
    const { port, clock, sessions } = await startWire(t, { limits })
    const client = await greeted(t, port, 'EHLO client.test')
    for (let i = 0; i < 15; i++) {
      clock.advance(59_000)
      await client.ask('NOOP')
    }
    assert.equal(sessions.length, 1)
    clock.advance(20_000)
    assert.equal(await client.reply(), '421 4.4.2 The session took too long')
  })

  it('may finish its transaction first', async (t) => {
    const { port, clock } = await startWire(t, { limits })
    const client = await greeted(t, port, ...ENVELOPE)
    for (let i = 0; i < 16; i++) {
      clock.advance(59_000)
      await client.ask('NOOP')
    }
    assert.match(await client.ask('DATA'), /^354 /)
    assert.match(await client.ask('x\r\n.'), /^250 /)
    clock.advance(1000)
    assert.equal(await client.reply(), '421 4.4.2 The session took too long')
  })
})

describe('a handshake', () => {
  for (const mode of ['implicit', 'starttls'] as const) {
    it(`that does not come is given up (${mode})`, async (t) => {
      const { port, clock, calls, server } = await startWire(t, { limits, tls: relayTls(t, mode).tls })
      const client = mode === 'implicit' ? dial(t, port) : await greeted(t, port, 'EHLO client.test', 'STARTTLS')
      await waitFor(() => server.connections === 1, { what: 'the connection' })
      clock.advance(20_000)
      assert.equal(server.connections, 1)
      clock.advance(2000)
      await client.closed()
      await waitFor(() => calls.at(-1) === 'closed timeout', { what: 'the end' })
    })
  }
})

describe('a client that does not read', () => {
  it('is read no further while it leaves replies lying', async (t) => {
    const { port, sessions, clock } = await startWire(t, {
      limits: { ...limits, uselessCommands: 1e9, errors: 1e9 },
    })
    const client = await greeted(t, port, 'EHLO client.test')
    client.socket.pause()
    const block = Buffer.from('NOOP\r\n'.repeat(10_000))
    const taken = () => sessions[0]?.bytesIn ?? 0
    for (let blocks = 0; blocks < 200 && client.socket.writableLength < 4_000_000; blocks++) {
      client.send(block)
      await new Promise((resolve) => setImmediate(resolve))
    }
    let before = -1
    await waitFor(
      () => {
        const still = taken() === before
        before = taken()
        return still
      },
      { what: 'the server to stop reading', everyMs: 100 },
    )
    // What the system buffers both ways, and no more: 12 MB were sent
    assert.ok(taken() < 9_000_000, `${taken()} bytes were read`)
    clock.advance(62_000)
    client.socket.resume()
    await once(client.socket, 'close')
  })
})
