import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { reply } from '../../../../src/mail/reply.ts'
import { DEFAULT_LIMITS, mergeLimits } from '../../../../src/smtp/server/limits.ts'
import { waitFor } from '../../../support/wait.ts'
import { dial, ENVELOPE, greeted, startWire, TO_DATA } from './support.ts'

describe('the limit of size', () => {
  const limits = { size: 100 }
  // Stuffed dots and the end mark do not count
  const content = (size: number): string => `.${'x'.repeat(size - 3)}\r\n`

  it('lets a message of just that size in', async (t) => {
    const { port, messages } = await startWire(t, { limits })
    const client = await greeted(t, port, ...TO_DATA)
    client.send(`.${content(100)}.\r\n`)
    assert.equal(await client.reply(), '250 2.0.0 Taken 1')
    assert.equal(messages[0]?.info.size, 100)
  })

  it('refuses a message of one byte more, and lets the session go on', async (t) => {
    const { port, calls, refusals } = await startWire(t, { limits })
    const client = await greeted(t, port, ...TO_DATA)
    client.send(`.${content(101)}.\r\n`)
    assert.equal(await client.reply(), '552 5.3.4 Message too big')
    assert.equal(await client.say(...ENVELOPE.slice(1)), '250 2.0.0 Yes')
    assert.deepEqual(calls.slice(4, 6), ['abort', 'reset'])
    assert.deepEqual(
      refusals.map(({ code }) => code),
      [552],
    )
  })

  it('gives the sink nothing beyond it', async (t) => {
    let given = 0
    const write = (chunk: Buffer): true => {
      given += chunk.length
      return true
    }
    const { port } = await startWire(t, { limits, sink: { write } })
    const client = await greeted(t, port, ...TO_DATA)
    client.send(`.${content(90)}`)
    await waitFor(() => given === 90, { what: 'the first part' })
    client.send(`.${content(11)}.\r\n`)
    assert.match(await client.reply(), /^552 /)
    assert.equal(given, 90)
  })

  it('closes on a client that goes on to twice as much', async (t) => {
    const { port } = await startWire(t, { limits })
    const client = await greeted(t, port, ...TO_DATA)
    client.send(content(201))
    assert.equal(await client.reply(), '552 5.3.4 Message too big')
    assert.equal(await client.closed(), '')
  })

  it('is checked at MAIL where the client says how much will come', async (t) => {
    const { port } = await startWire(t, { limits })
    const client = await greeted(t, port, 'EHLO client.test')
    assert.equal(await client.ask('MAIL FROM:<> SIZE=101'), '552 5.3.4 Message too big')
    assert.equal(await client.ask('MAIL FROM:<> SIZE=100'), '250 2.0.0 Yes')
  })
})

describe('the limit of recipients', () => {
  it('takes just so many, and answers 452 from then on without counting errors', async (t) => {
    const { port, messages } = await startWire(t, { limits: { recipients: 2, errors: 3 } })
    const client = await greeted(t, port, ...ENVELOPE, 'RCPT TO:<c@relay.test>')
    for (let i = 0; i < 20; i++) {
      assert.equal(await client.ask('RCPT TO:<d@relay.test>'), '452 4.5.3 Too many recipients in one transaction')
    }
    await client.ask('DATA')
    assert.equal(await client.ask('x\r\n.'), '250 2.0.0 Taken 1')
    assert.deepEqual(messages[0]?.rcptTo, ['b@relay.test', 'c@relay.test'])
  })

  it('counts errors once ten times as many were refused', async (t) => {
    const { port } = await startWire(t, { limits: { recipients: 1, errors: 2 } })
    const client = await greeted(t, port, ...ENVELOPE)
    for (let i = 0; i < 11; i++) assert.match(await client.ask('RCPT TO:<d@relay.test>'), /^452 /)
    assert.match(await client.ask('RCPT TO:<d@relay.test>'), /^452 /)
    assert.equal(await client.reply(), '421 4.7.0 Too many errors')
  })

  it('counts the same address each time, and keeps what was asked for each', async (t) => {
    const { port, messages } = await startWire(t)
    const twice = ['RCPT TO:<b@relay.test> NOTIFY=NEVER', 'RCPT TO:<B@relay.test>']
    const client = await greeted(t, port, ...ENVELOPE, ...twice, 'DATA')
    await client.ask('x\r\n.')
    assert.deepEqual(messages[0]?.rcptTo, ['b@relay.test', 'b@relay.test', 'B@relay.test'])
  })
})

describe('the limit of errors', () => {
  it('ends the session with the reply that reaches it', async (t) => {
    const { port, calls } = await startWire(t, { limits: { errors: 3 } })
    const client = await greeted(t, port)
    assert.match(await client.ask('X'), /^500 /)
    assert.match(await client.ask('X'), /^500 /)
    client.send('X\r\nNOOP\r\n')
    assert.match(await client.reply(), /^500 /)
    assert.equal(await client.reply(), '421 4.7.0 Too many errors')
    assert.equal(await client.closed(), '')
    await waitFor(() => calls.includes('closed refused'), { what: 'the end' })
  })

  it('counts the refusals of the handler too', async (t) => {
    const handler = { rcpt: () => reply(550, '5.1.1', 'Who?') }
    const { port } = await startWire(t, { limits: { errors: 1 }, handler })
    const client = await greeted(t, port, ...ENVELOPE.slice(0, 2))
    assert.match(await client.ask('RCPT TO:<b@relay.test>'), /^550 /)
    assert.match(await client.reply(), /^421 /)
  })

  it('counts anew after a message that was accepted', async (t) => {
    const { port } = await startWire(t, { limits: { errors: 2 } })
    const client = await greeted(t, port, 'HELO client.test')
    for (let i = 0; i < 3; i++) {
      assert.match(await client.ask('X'), /^500 /)
      assert.match(await client.say(...TO_DATA.slice(1), 'x\r\n.'), /^250 /)
    }
  })
})

describe('the limit of useless commands', () => {
  it('ends the session with one too many', async (t) => {
    const { port } = await startWire(t, { limits: { uselessCommands: 3 } })
    const client = await greeted(t, port, 'NOOP', 'RSET', 'VRFY x')
    assert.equal(await client.ask('NOOP'), '421 4.7.0 Too many commands without mail')
    assert.equal(await client.closed(), '')
  })

  it('counts anew after a message that was accepted', async (t) => {
    const { port } = await startWire(t, { limits: { uselessCommands: 3 } })
    const client = await greeted(t, port, ...TO_DATA)
    for (let i = 0; i < 4; i++) {
      assert.match(await client.ask('x\r\n.'), /^250 /)
      assert.match(await client.say('RSET', 'RSET', ...TO_DATA.slice(1)), /^354 /)
    }
  })
})

describe('the limit of a command line', () => {
  const line = (length: number): string => `NOOP ${'x'.repeat(length - 7)}`

  it('takes a line of just that length, CRLF included', async (t) => {
    const { port } = await startWire(t, { limits: { commandLine: 512 } })
    const client = await greeted(t, port)
    assert.equal(await client.ask(line(512)), '250 2.0.0 OK')
  })

  it('ends the session with a longer one, whole or not', async (t) => {
    const { port } = await startWire(t, { limits: { commandLine: 512 } })
    for (const bytes of [`${line(513)}\r\nNOOP\r\n`, 'x'.repeat(513)]) {
      const client = await greeted(t, port)
      client.send(bytes)
      assert.equal(await client.reply(), '500 5.5.2 Command line too long')
      assert.equal(await client.closed(), '')
    }
  })

  it('refuses a line that ends with LF alone, and goes on', async (t) => {
    const { port } = await startWire(t)
    const client = await greeted(t, port)
    client.send('NOOP\n')
    assert.equal(await client.reply(), '500 5.5.2 Commands must end with CRLF')
    assert.equal(await client.ask('NOOP'), '250 2.0.0 OK')
  })

  it('takes lines that end with LF alone from a lenient client', async (t) => {
    const { port, messages } = await startWire(t, { limits: { lenient: true } })
    const client = await greeted(t, port)
    client.send('HELO x\nMAIL FROM:<>\nRCPT TO:<b@relay.test>\nDATA\na\nb\n\r\n.\r\n')
    for (const expected of [/^250 /, /^250 /, /^250 /, /^354 /, /^250 /]) assert.match(await client.reply(), expected)
    assert.equal(messages[0]?.content, 'a\r\nb\r\n\r\n')
    assert.equal(messages[0]?.info.normalised, 2)
  })
})

describe('limits', () => {
  it('are the defaults, changed by the listener, changed by the handler', () => {
    assert.deepEqual(mergeLimits({ size: 1, errors: 2 }, { size: 3 }), { ...DEFAULT_LIMITS, size: 3, errors: 2 })
    assert.deepEqual(mergeLimits(undefined, null), DEFAULT_LIMITS)
  })

  it('are asked of the handler after the greeting and after EHLO', async (t) => {
    const handler = { limits: ({ helo }: { helo: string | null }) => ({ size: helo === null ? 10 : 20 }) }
    const { port } = await startWire(t, { limits: { errors: 1 }, handler })
    const client = dial(t, port)
    await client.reply()
    assert.match(await client.ask('EHLO client.test'), /\|250-SIZE 20\|/)
    assert.match(await client.ask('MAIL FROM:<> SIZE=20'), /^250 /)
  })

  it('stay the listener’s where the handler fails', async (t) => {
    const limits = () => {
      throw new Error('bug')
    }
    const { port, errors } = await startWire(t, { limits: { size: 30 }, handler: { limits } })
    const client = await greeted(t, port)
    assert.match(await client.ask('EHLO client.test'), /\|250-SIZE 30\|/)
    assert.equal(errors.length, 2)
  })
})
