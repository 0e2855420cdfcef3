import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { test } from 'node:test'
import type { DataSink } from '../../../../src/smtp/server/contract.ts'
import { readInto } from '../../../../src/smtp/server/lend.ts'
import { defer, type Scope } from '../../../support/scope.ts'
import { waitFor } from '../../../support/wait.ts'
import { greeted, startWire, TO_DATA, YES } from './support.ts'

/** A socket that a server accepted, and the client at its other end. */
async function pair(scope: Scope): Promise<{ accepted: Socket; client: Socket }> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const [accepted] = (await once(server, 'connection')) as [Socket]
  defer(scope, async () => {
    client.destroy()
    accepted.destroy()
    server.close()
  })
  return { accepted, client }
}

test('All that an accepted socket reads lands in the buffer that it was lent.', async (t) => {
  const { accepted, client } = await pair(t)
  const buffer = Buffer.alloc(1000)
  const got: Buffer[] = []
  const lent = readInto(accepted, buffer, (length) => got.push(Buffer.from(buffer.subarray(0, length))) > 0)
  assert.ok(lent, 'this version of Node keeps what reads elsewhere')
  accepted.on('data', () => assert.fail('the stream has nothing of its own'))
  const bytes = randomBytes(100_000)
  client.end(bytes)
  await once(accepted, 'end')
  assert.ok(Buffer.concat(got).equals(bytes))
  assert.ok(got.every(({ length }) => length <= buffer.length))
})

test('A socket whose taker has enough is read no further until it resumes.', async (t) => {
  const { accepted, client } = await pair(t)
  const buffer = Buffer.alloc(10)
  let got = ''
  readInto(accepted, buffer, (length) => {
    got += buffer.toString('latin1', 0, length)
    return false
  })
  client.write('0123456789abcdefghij')
  await waitFor(() => got === '0123456789', { what: 'the first ten' })
  await new Promise((resolve) => setTimeout(resolve, 20))
  assert.equal(got, '0123456789')
  accepted.resume()
  await waitFor(() => got === '0123456789abcdefghij', { what: 'the rest' })
})

test('A socket that has read something already is left as it is.', async (t) => {
  const { accepted, client } = await pair(t)
  client.write('x')
  await waitFor(() => accepted.readableLength === 1, { what: 'the byte' })
  assert.equal(
    readInto(accepted, Buffer.alloc(10), () => assert.fail('it reads as any stream does')),
    false,
  )
  assert.equal(String(accepted.read()), 'x')
})

test('Messages of many clients at once keep apart, though all are read into one buffer and the disk is slow.', async (t) => {
  // Slow as a disk: what was lent must have been copied by then
  const messages: string[] = []
  const data = (): DataSink => {
    const chunks: Buffer[] = []
    return {
      write: async (chunk) => {
        chunks.push(Buffer.from(chunk))
        await new Promise((resolve) => setImmediate(resolve))
      },
      end: async () => {
        messages.push(Buffer.concat(chunks).toString('latin1'))
        return YES
      },
      abort() {},
    }
  }
  const { port } = await startWire(t, { handler: { data } })
  const bodies = 'abcdefgh'.split('').map((letter) => `${letter.repeat(70)}\r\n`.repeat(6000))
  await Promise.all(
    bodies.map(async (body) => {
      const client = await greeted(t, port, ...TO_DATA)
      // The next commands come with the end of the content
      client.send(`${body}.\r\nNOOP\r\nQUIT\r\n`)
      const replies = [await client.reply(), await client.reply(), await client.reply()]
      assert.deepEqual(
        replies.map((reply) => reply.slice(0, 3)),
        ['250', '250', '221'],
      )
    }),
  )
  assert.deepEqual(messages.sort(), bodies)
})

test('Commands that come while one is carried out are kept, whatever is read after them.', async (t) => {
  const waiting: (() => void)[] = []
  const mail = () => new Promise<typeof YES>((resolve) => waiting.push(() => resolve(YES)))
  const { port, calls } = await startWire(t, { handler: { mail } })
  const client = await greeted(t, port, 'EHLO client.test')
  client.send('MAIL FROM:<a@b.test>\r\n')
  await waitFor(() => waiting.length === 1, { what: 'the command' })
  client.send('RCPT TO:<first@c.test>\r\n')
  await new Promise((resolve) => setTimeout(resolve, 30))
  client.send('RCPT TO:<second@c.test>\r\n')
  await new Promise((resolve) => setTimeout(resolve, 30))
  waiting[0]?.()
  for (let i = 0; i < 3; i++) assert.match(await client.reply(), /^250 /)
  assert.deepEqual(calls.slice(-2), ['rcpt first@c.test', 'rcpt second@c.test'])
})
