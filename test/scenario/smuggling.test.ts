import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Client, dial, greeted, startWire, TO_DATA } from '../unit/smtp/server/support.ts'

/**
 * SMTP smuggling: a message that holds what some server on its way takes for the end of content,
 * with a second message behind it. A server that agrees sends or takes two messages where the
 * first server checked one. Whatever comes, this one sees one message or none.
 */
const FALSE_ENDS: readonly string[] = [
  '\n.\n',
  '\n.\r\n',
  '\r\n.\n',
  '\r.\r',
  '\r.\r\n',
  '\r.\n',
  '\n.\r',
  '\r\n.\r',
  '\r\r\n.\r\r\n',
  '\r\n\r.\r\n',
  '\r\n.\r\r\n',
  '\n\n.\n\n',
  '\r\n\0.\r\n',
  '\r\n.\0\r\n',
  '\r\0\n.\r\n',
  '\r\n.\r\0\n',
  '\0\r.\0\r\n',
]

const BEFORE = 'Subject: seen\r\n\r\nchecked'
const SMUGGLED =
  'MAIL FROM:<chief@relay.test>\r\nRCPT TO:<victim@relay.test>\r\nDATA\r\nSubject: smuggled\r\n\r\npay\r\n.\r\n'

/** Every byte in a packet of its own, as far as the system lets it. */
async function trickle(client: Client, bytes: string): Promise<void> {
  for (const byte of bytes) {
    client.send(byte)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

describe('a message smuggled in another', () => {
  for (const end of FALSE_ENDS) {
    it(`is not seen behind ${JSON.stringify(end)}, and neither is taken`, async (t) => {
      const { port, messages, calls } = await startWire(t)
      const client = await greeted(t, port, ...TO_DATA)
      client.send(`${BEFORE}${end}${SMUGGLED}`)
      // One reply for all up to the real end mark
      assert.match(await client.reply(), /^550 5\.6\.(?:11|0) /)
      assert.equal(await client.ask('NOOP'), '250 2.0.0 OK')
      assert.deepEqual(messages, [])
      assert.equal(calls.filter((call) => call.startsWith('mail')).length, 1)
    })

    it(`is not seen behind ${JSON.stringify(end)} by a lenient client either`, async (t) => {
      const { port, messages, calls } = await startWire(t, { limits: { lenient: true } })
      const client = await greeted(t, port, ...TO_DATA)
      client.send(`${BEFORE}${end}${SMUGGLED}`)
      assert.match(await client.reply(), /^(?:550 5\.6\.11|250) /)
      assert.equal(await client.ask('NOOP'), '250 2.0.0 OK')
      assert.ok(messages.length <= 1)
      assert.equal(calls.filter((call) => call.startsWith('mail')).length, 1)
      // What is taken can end no message further on: it has no bare line end, and is stuffed anew
      assert.doesNotMatch(messages[0]?.content ?? '', /\r(?!\n)|(?<!\r)\n/)
    })
  }

  it('is not seen however the packets are cut', async (t) => {
    const { port, messages, calls } = await startWire(t)
    for (const end of ['\n.\n', '\r\n.\n', '\r.\r\n', '\r\n.\r\r\n']) {
      const client = await greeted(t, port, ...TO_DATA)
      await trickle(client, `${BEFORE}${end}${SMUGGLED}`)
      assert.match(await client.reply(), /^550 5\.6\.11 /)
      client.send('QUIT\r\n')
      await client.closed()
    }
    assert.deepEqual(messages, [])
    assert.ok(!calls.includes('mail <chief@relay.test>'))
  })

  it('is two messages where the end mark between them is real', async (t) => {
    const { port, messages } = await startWire(t)
    const client = await greeted(t, port, ...TO_DATA)
    // So that the tests above cannot pass for want of trying
    client.send(`${BEFORE}\r\n.\r\nMAIL FROM:<c@client.test>\r\nRCPT TO:<d@relay.test>\r\nDATA\r\n`)
    assert.match(await client.reply(), /^250 /)
    for (const expected of [/^250 /, /^250 /, /^354 /]) assert.match(await client.reply(), expected)
    assert.match(await client.ask('second\r\n.'), /^250 /)
    assert.equal(messages.length, 2)
  })

  it('cannot hide in a dot that was stuffed', async (t) => {
    const { port, messages } = await startWire(t)
    const client = await greeted(t, port, ...TO_DATA)
    client.send(`${BEFORE}\r\n..\r\n${SMUGGLED}`)
    assert.match(await client.reply(), /^250 /)
    assert.equal(await client.ask('NOOP'), '250 2.0.0 OK')
    assert.equal(messages.length, 1)
    assert.equal(messages[0]?.content, `${BEFORE}\r\n.\r\n${SMUGGLED.slice(0, -3)}`)
  })

  it('cannot hide in commands that end with LF alone', async (t) => {
    const { port, calls } = await startWire(t)
    const client = await greeted(t, port, 'EHLO client.test')
    client.send('NOOP x\nMAIL FROM:<chief@relay.test>\nNOOP\r\n')
    assert.equal(await client.reply(), '500 5.5.2 Commands must end with CRLF')
    assert.equal(await client.reply(), '500 5.5.2 Commands must end with CRLF')
    assert.equal(await client.reply(), '250 2.0.0 OK')
    assert.ok(!calls.some((call) => call.startsWith('mail')))
  })

  it('cannot hide in the content of a message that was refused for its size', async (t) => {
    const { port, calls } = await startWire(t, { limits: { size: 200 } })
    const client = await greeted(t, port, ...TO_DATA)
    client.send(`${'x'.repeat(198)}\r\n`)
    client.send(`y\r\n..\r\n${SMUGGLED}`)
    assert.match(await client.reply(), /^552 /)
    assert.equal(await client.ask('NOOP'), '250 2.0.0 OK')
    assert.equal(calls.filter((call) => call.startsWith('mail')).length, 1)
  })

  it('cannot come in the name of a client that said too much too early', async (t) => {
    const { port, calls } = await startWire(t)
    const client = dial(t, port)
    await client.reply()
    client.send(`EHLO client.test\r\nMAIL FROM:<a@client.test>\r\nRCPT TO:<b@relay.test>\r\nDATA\r\n${SMUGGLED}`)
    for (const expected of [/^250-/, /^250 /, /^250 /, /^554 5\.5\.0 /]) assert.match(await client.reply(), expected)
    assert.equal(await client.closed(), '')
    assert.ok(!calls.includes('mail <chief@relay.test>'))
  })
})
