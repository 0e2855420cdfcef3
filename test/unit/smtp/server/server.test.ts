import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { reply } from '../../../../src/mail/reply.ts'
import { manualClock } from '../../../support/clock.ts'
import { waitFor } from '../../../support/wait.ts'
import { dial, ENVELOPE, greeted, relayTls, startWire, TO_DATA } from './support.ts'

/** Waits for one turn of whatever the server has to do. */
const soon = () => new Promise((resolve) => setTimeout(resolve, 30))

describe('a client that speaks before the greeting', () => {
  it('is refused where the bytes are there in time', async (t) => {
    const greet = Promise.withResolvers<void>()
    const connect = () => greet.promise.then(() => reply(220, null, 'Yes'))
    const { port, sessions, calls } = await startWire(t, { handler: { connect } })
    const client = dial(t, port)
    client.send('EHLO client.test\r\n')
    await soon()
    greet.resolve()
    assert.equal(await client.reply(), '554 5.5.0 You must wait for the greeting')
    assert.equal(await client.closed(), '')
    await waitFor(() => calls.length > 0, { what: 'the end' })
    assert.deepEqual([sessions, calls], [[], ['closed refused']])
  })

  it('is found out without any delay when it speaks at once', async (t) => {
    const { port } = await startWire(t)
    // Whether the bytes arrive with the connection or after it is the system's to decide
    const heard: string[] = []
    for (let i = 0; i < 20 && !heard.some((answer) => answer.startsWith('554')); i++) {
      const client = dial(t, port)
      client.send('EHLO client.test\r\n')
      heard.push(await client.reply())
    }
    assert.match(heard.at(-1) ?? '', /^554 /)
  })

  it('is let be where that is allowed, and answered after the greeting', async (t) => {
    const { port } = await startWire(t, { earlyTalk: 'allow' })
    const client = dial(t, port)
    client.send('EHLO client.test\r\nMAIL FROM:<>\r\n')
    assert.match(await client.reply(), /^220 /)
    assert.match(await client.reply(), /^250-/)
    assert.match(await client.reply(), /^250 /)
  })
})

describe('a connection that is not admitted', () => {
  it('hears the reply, and no handler is made', async (t) => {
    const { port, server } = await startWire(t, { admit: () => reply(421, '4.7.0', 'Too many connections') })
    const client = dial(t, port)
    assert.equal(await client.reply(), '421 4.7.0 Too many connections')
    assert.equal(await client.closed(), '')
    assert.equal(server.connections, 0)
  })

  it('hears nothing where TLS would come first', async (t) => {
    const { port } = await startWire(t, { tls: relayTls(t, 'implicit').tls, admit: () => reply(421, '4.7.0', 'No') })
    assert.equal(await dial(t, port).closed(), '')
  })

  it('is told to come back where the handler cannot be made', async (t) => {
    const admit = () => {
      throw new Error('bug')
    }
    const { port, errors } = await startWire(t, { admit })
    assert.match(await dial(t, port).reply(), /^421 4\.3\.0 /)
    assert.equal(errors.length, 1)
  })
})

describe('what the handler is told of a connection', () => {
  it('is where it comes from and arrives, and what has come', async (t) => {
    const { port, sessions } = await startWire(t)
    const client = await greeted(t, port, 'EHLO client.test')
    const [session] = sessions
    assert.equal(session?.remoteAddress, '127.0.0.1')
    assert.equal(session?.remotePort, client.socket.localPort)
    assert.equal(session?.localAddress, '127.0.0.1')
    assert.equal(session?.localPort, port)
    assert.equal(session?.helo, 'client.test')
    assert.equal(session?.extended, true)
    assert.equal(session?.bytesIn, 18)
    assert.equal(session?.tls, null)
  })

  it('names it by an id of its own', async (t) => {
    const [one, two] = [await startWire(t), await startWire(t)]
    for (const { port } of [one, one, two, two]) await greeted(t, port)
    assert.equal(new Set([...one.sessions, ...two.sessions].map(({ id }) => id)).size, 4)
  })

  it('comes from the PROXY header of a proxy that is trusted', async (t) => {
    const { port, sessions } = await startWire(t, { proxies: ['127.0.0.1'] })
    const client = dial(t, port)
    client.send('PROXY TCP4 192.0.2.7 127.0.0.1 4711 25\r\n')
    assert.match(await client.reply(), /^220 /)
    assert.equal(sessions[0]?.remoteAddress, '192.0.2.7')
    assert.equal(sessions[0]?.remotePort, 4711)
  })

  it('is nobody where a trusted proxy does not know who connects', async (t) => {
    const { port, sessions } = await startWire(t, { proxies: ['127.0.0.1'] })
    const client = dial(t, port)
    client.send('PROXY UNKNOWN\r\n')
    assert.match(await client.reply(), /^220 /)
    assert.equal(sessions[0]?.remoteAddress, '0.0.0.0', "never the proxy's own, which may be a client's")
  })

  it('comes from no header of anybody else', async (t) => {
    const { port, sessions } = await startWire(t, { proxies: ['192.0.2.1'], earlyTalk: 'allow' })
    const client = dial(t, port)
    client.send('PROXY TCP4 192.0.2.7 127.0.0.1 4711 25\r\n')
    assert.match(await client.reply(), /^220 /)
    assert.match(await client.reply(), /^500 /)
    assert.equal(sessions[0]?.remoteAddress, '127.0.0.1')
  })
})

describe('a change of options', () => {
  it('holds for what comes after it, and drops no session', async (t) => {
    const { port, server } = await startWire(t)
    const before = await greeted(t, port, 'EHLO client.test')
    server.setOptions({ limits: { size: 5 }, banner: 'new', hostname: 'new.test' })
    assert.match(await before.ask('MAIL FROM:<> SIZE=6'), /^250 /)
    const after = dial(t, port)
    assert.equal(await after.reply(), '220 new.test new')
    assert.match(await after.ask('EHLO client.test'), /\|250-SIZE 5\|/)
  })

  it('cannot change the TLS mode', async (t) => {
    const { server } = await startWire(t)
    assert.throws(() => server.setOptions({ tls: relayTls(t).tls }), RangeError)
  })
})

describe('a fault of the wire itself', () => {
  it('ends the session that it strikes, and no other', async (t) => {
    const clock = manualClock()
    let broken = false
    const now = () => {
      if (broken) throw new Error('no time')
      return clock.now()
    }
    const { port, calls, errors } = await startWire(t, { clock: { ...clock, now } })
    const [one, other] = [await greeted(t, port), await greeted(t, port)]
    broken = true
    one.send('NOOP\r\n')
    assert.equal(await one.closed(), '')
    broken = false
    assert.equal(await other.ask('NOOP'), '250 2.0.0 OK')
    assert.deepEqual([calls.at(-1), errors.length], ['closed lost', 1])
  })
})

describe('listening', () => {
  it('fails with what the system says', async (t) => {
    const { port } = await startWire(t)
    const { server } = await startWire(t)
    await assert.rejects(server.listen(port, '127.0.0.1'), /EADDRINUSE|ERR_SERVER_ALREADY_LISTEN/)
  })
})

describe('closing', () => {
  it('ends idle sessions at once, and resolves when they are gone', async (t) => {
    const { port, server, calls } = await startWire(t)
    const clients = [await greeted(t, port), await greeted(t, port, 'EHLO client.test')]
    const closed = server.close({ graceMs: 10_000 })
    for (const client of clients) assert.equal(await client.reply(), '421 4.3.2 Shutting down')
    await closed
    assert.equal(server.connections, 0)
    assert.equal(calls.filter((call) => call === 'closed shutdown').length, 2)
    assert.equal(await dial(t, port).closed(), '')
  })

  it('lets a transaction finish, and takes no other', async (t) => {
    const { port, server, messages } = await startWire(t)
    const client = await greeted(t, port, ...TO_DATA)
    const closed = server.close({ graceMs: 10_000 })
    assert.equal(await client.ask('x\r\n.'), '250 2.0.0 Taken 1')
    assert.equal(await client.reply(), '421 4.3.2 Shutting down')
    await closed
    assert.equal(messages.length, 1)
  })

  it('waits for an answer that the handler still owes', async (t) => {
    const stored = Promise.withResolvers<void>()
    const asked = Promise.withResolvers<void>()
    const end = () => {
      asked.resolve()
      return stored.promise.then(() => reply(250, '2.0.0', 'Stored'))
    }
    const { port, server } = await startWire(t, { sink: { end } })
    const client = await greeted(t, port, ...TO_DATA)
    client.send('x\r\n.\r\n')
    await asked.promise
    const closed = server.close({ graceMs: 10_000 })
    stored.resolve()
    assert.equal(await client.reply(), '250 2.0.0 Stored')
    assert.equal(await client.reply(), '421 4.3.2 Shutting down')
    await closed
  })

  it('destroys what is left at the deadline', async (t) => {
    const { port, server, clock, calls } = await startWire(t)
    const client = await greeted(t, port, ...ENVELOPE)
    const closed = server.close({ graceMs: 5000 })
    await soon()
    assert.equal(server.connections, 1)
    clock.advance(5000)
    assert.equal(await client.reply(), '421 4.3.2 Shutting down')
    await closed
    assert.deepEqual(calls.slice(-2), ['reset', 'closed shutdown'])
  })

  it('destroys a session that waits for the handler at the deadline', async (t) => {
    const asked = Promise.withResolvers<void>()
    const mail = () => {
      asked.resolve()
      return new Promise<never>(() => {})
    }
    const { port, server, clock } = await startWire(t, { handler: { mail } })
    const client = await greeted(t, port, 'EHLO client.test')
    client.send('MAIL FROM:<>\r\n')
    await asked.promise
    const closed = server.close({ graceMs: 5000 })
    clock.advance(5000)
    await closed
    assert.equal(await client.closed(), '')
  })

  it('waits for no handshake', async (t) => {
    const { port, server } = await startWire(t, { tls: relayTls(t, 'implicit').tls })
    const client = dial(t, port)
    await waitFor(() => server.connections === 1, { what: 'the connection' })
    await server.close({ graceMs: 10_000 })
    assert.equal(await client.closed(), '')
  })

  it('resolves at once where nobody is there', async (t) => {
    const { server } = await startWire(t)
    await server.close({ graceMs: 10_000 })
    await server.close({ graceMs: 10_000 })
  })
})
