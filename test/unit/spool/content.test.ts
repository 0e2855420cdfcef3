import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Content, memoryContent, readAll } from '../../../src/mail/content.ts'
import type { ContentWriter, Spool } from '../../../src/spool/contract.ts'
import { deliver, eventually, message, openTestSpool, outcome, RELAYED, START, want } from './support.ts'

const HOUR = 3_600_000
const LIMIT = 100_000_000

const files = (path: string): string[] => {
  const folder = join(path, 'content')
  return readdirSync(folder).flatMap((day) => readdirSync(join(folder, day)).map((name) => join(folder, day, name)))
}

/** Writes in pieces through one buffer that is used again and again, as a socket might. */
async function write(writer: ContentWriter, bytes: Buffer, piece: number): Promise<Content> {
  const buffer = Buffer.alloc(piece)
  for (let at = 0; at < bytes.length; at += piece) {
    const length = bytes.copy(buffer, 0, at, at + piece)
    const more = writer.write(buffer.subarray(0, length))
    if (more !== true) await more
  }
  return writer.finish()
}

async function roundTrip(spool: Spool, content: Content, expected: Buffer): Promise<void> {
  const { queueId, leases } = await spool.put(message(['a@a.test'], 0, { content }), [
    deliver('a.test', START, START + HOUR),
  ])
  const prefix = Buffer.from('Received: from a.test\r\n')
  const whole = Buffer.concat([prefix, expected])
  for (const each of [leases[0]?.content, await spool.content(queueId)]) {
    assert.ok(each)
    assert.equal(each.size, whole.length)
    assert.ok((await readAll(each, LIMIT)).equals(whole))
    assert.ok((await readAll(each, LIMIT)).equals(whole), 'a second reading starts anew')
  }
  await spool.settle([outcome(queueId, { 0: RELAYED })])
}

test('Content of any size comes back byte for byte, and nothing of it stays.', async (t) => {
  const { spool, path } = await openTestSpool(t, { contentInRowBytes: 1000 })
  for (const size of [0, 1, 1000, 1001, 16_384, 65_536, 65_537, 262_144, 300_000, 1_048_577, 3_000_000]) {
    const bytes = randomBytes(size)
    await roundTrip(spool, await write(spool.receive(), bytes, 7777), bytes)
    await roundTrip(spool, await write(spool.receive(), bytes, 300_001), bytes)
    await roundTrip(spool, memoryContent(bytes), bytes)
    assert.deepEqual(files(path), [], `${size} bytes`)
  }
})

test('Content up to the threshold lies in the row, a byte more in a file.', async (t) => {
  const { spool, path } = await openTestSpool(t, { contentInRowBytes: 1000 })
  const content = await write(spool.receive(), randomBytes(1000), 100)
  assert.notEqual(content.bytes, null)
  await spool.put(message(['a@a.test'], 0, { content }), [deliver('a.test')])
  assert.deepEqual(files(path), [])
  const larger = await write(spool.receive(), randomBytes(1001), 100)
  assert.equal(larger.bytes, null)
  await spool.put(message(['a@a.test'], 0, { content: larger }), [deliver('a.test')])
  assert.deepEqual(
    files(path).map((file) => statSync(file).size),
    [1001],
  )
})

test('Content files can be read by their owner only.', async (t) => {
  const { spool, path } = await openTestSpool(t)
  await spool.put(message(['a@a.test'], 100_000), [deliver('a.test')])
  assert.deepEqual(
    files(path).map((file) => statSync(file).mode & 0o777),
    [0o600],
  )
})

test('Discarded content leaves no file, at whatever moment.', async (t) => {
  const { spool, path } = await openTestSpool(t, { contentInRowBytes: 100 })
  const empty = spool.receive()
  await empty.discard()
  const begun = spool.receive()
  begun.write(randomBytes(1000))
  await begun.discard()
  const finished = spool.receive()
  await write(finished, randomBytes(500_000), 50_000)
  await finished.discard()
  await finished.discard()
  assert.throws(() => begun.write(randomBytes(1)), { name: 'SpoolUnavailable' })
  assert.deepEqual(files(path), [])
})

test('Discard after put is harmless.', async (t) => {
  const { spool } = await openTestSpool(t, { contentInRowBytes: 100 })
  const writer = spool.receive()
  const bytes = randomBytes(5000)
  const content = await write(writer, bytes, 999)
  const { queueId } = await spool.put(message(['a@a.test'], 0, { content }), [deliver('a.test')])
  await writer.discard()
  const stored = await spool.content(queueId)
  assert.ok(stored !== null && (await readAll(stored, LIMIT)).subarray(-5000).equals(bytes))
})

test('The same content can be put twice, and each copy lives as long as its message.', async (t) => {
  const { spool, path } = await openTestSpool(t, { contentInRowBytes: 100 })
  const bytes = randomBytes(5000)
  const content = await write(spool.receive(), bytes, 999)
  const one = await spool.put(message(['a@a.test'], 0, { content }), [deliver('a.test', START, START + HOUR)])
  const two = await spool.put(message(['b@b.test'], 0, { content }), [deliver('b.test')])
  assert.equal(files(path).length, 2)
  await spool.settle([outcome(one.queueId, { 0: RELAYED })])
  const left = await spool.content(two.queueId)
  assert.ok(left !== null && (await readAll(left, LIMIT)).subarray(-5000).equals(bytes))
})

test('When put fails, the content is still the caller’s, to put again or to discard.', async (t) => {
  const { spool, path } = await openTestSpool(t, { contentInRowBytes: 100 })
  const writer = spool.receive()
  const content = await write(writer, randomBytes(5000), 999)
  const wrong = message(['a@a.test'], 0, { content, receivedAt: 0.5 })
  await assert.rejects(spool.put(wrong, [deliver('a.test')]), { name: 'SpoolUnavailable' })
  await spool.put({ ...wrong, receivedAt: START }, [deliver('a.test')])
  assert.equal(files(path).length, 1)
})

test('A first write that fails is told to who writes on, and to nobody else.', async (t) => {
  // As small as buffers become when many write at once: what was in memory fills several
  const { spool, path } = await openTestSpool(t, { writeBufferBytes: 1 })
  rmSync(join(path, 'content'), { recursive: true })
  writeFileSync(join(path, 'content'), 'in its place')
  const writer = spool.receive()
  writer.write(randomBytes(65_536))
  await assert.rejects(async () => writer.write(randomBytes(100)), { name: 'SpoolUnavailable' })
  assert.throws(() => writer.write(randomBytes(100)), { name: 'SpoolUnavailable' })
  await writer.discard()
})

test('Many large messages at once stay within the memory for write buffers.', async (t) => {
  const { spool } = await openTestSpool(t, { writeBufferBytes: 1_000_000 })
  const bytes = randomBytes(400_000)
  const stored = await Promise.all(
    Array.from({ length: 40 }, async () => {
      const content = await write(spool.receive(), bytes, 65_536)
      return spool.put(message(['a@a.test'], 0, { content }), [deliver('a.test')])
    }),
  )
  for (const { queueId } of stored) {
    const content = await spool.content(queueId)
    assert.ok(content !== null && (await readAll(content, LIMIT)).subarray(-bytes.length).equals(bytes))
  }
})

test('Content that many read at once in lent memory is the same for each, however little memory there is.', async (t) => {
  const { spool } = await openTestSpool(t, { readBufferBytes: 100_000 })
  const all = Array.from({ length: 20 }, () => randomBytes(300_000))
  const contents = await Promise.all(all.map((bytes) => write(spool.receive(), bytes, 65_536)))
  const read = contents.flatMap((content, i) => [0, 1].map(async () => equalWhenLent(content, all[i])))
  assert.ok((await Promise.all(read)).every((same) => same))
})

/** Compares each chunk before it asks for the next. */
async function equalWhenLent(content: Content, bytes = Buffer.alloc(0)): Promise<boolean> {
  let at = 0
  for await (const chunk of content.stream('lent')) {
    if (!chunk.equals(bytes.subarray(at, at + chunk.length))) return false
    at += chunk.length
  }
  return at === bytes.length
}

test('Small content that goes out under several heads keeps each apart, whatever the length of a head.', async (t) => {
  const { spool } = await openTestSpool(t)
  const bytes = randomBytes(10_240)
  const content = await write(spool.receive(), bytes, 3000)
  const heads = ['First', 'Second', 'Third'].map((name, i) => Buffer.from(`${name}: ${'x'.repeat(i * 900)}\r\n`))
  const leases = []
  for (const prefix of heads) {
    const plans = [deliver('a.test', START, START + HOUR)]
    leases.push(...(await spool.put({ ...message(['a@a.test'], 0, { content }), prefix }, plans)).leases)
  }
  for (const [i, prefix] of heads.entries()) {
    const sent = leases[i]?.content
    assert.ok(sent && (await readAll(sent, LIMIT)).equals(Buffer.concat([prefix, bytes])))
  }
  assert.ok((await readAll(content, LIMIT)).equals(bytes))
})

test('Small content of plain lines is known as such when it is sent, if its head is plain too.', async (t) => {
  const { spool } = await openTestSpool(t)
  for (const [plainLines, prefix, known] of [
    [true, 'Received: x\r\n', true],
    [true, `${'Received: x\r\n'.repeat(100)}`, true],
    [true, '.eceived: x\r\n', false],
    [true, 'Received: x\n\r\n', false],
    [false, 'Received: x\r\n', false],
  ] as const) {
    const writer = spool.receive()
    writer.write(Buffer.from('A: 1\r\n\r\nbody\r\n'))
    const content = await writer.finish(plainLines)
    const put = { ...message(['a@a.test'], 0, { content }), prefix: Buffer.from(prefix) }
    const { leases } = await spool.put(put, [deliver('a.test', START, START + HOUR)])
    assert.equal(leases[0]?.content.plainLines, known, prefix.slice(0, 20))
  }
})

test('A start removes content that no message names, and nothing that arrives meanwhile.', async (t) => {
  const opened = await openTestSpool(t, { contentInRowBytes: 100 })
  await opened.spool.put(message(['a@a.test'], 5000), [deliver('a.test')])
  const [kept] = files(opened.path)
  const orphan = join(opened.path, 'content', '2026-11-22', 'ORPHAN')
  writeFileSync(orphan, 'left behind by a crash')
  const spool = await opened.reopen()
  const arriving = spool.receive()
  arriving.write(randomBytes(1000))
  await eventually(() => !files(opened.path).includes(orphan))
  const content = await arriving.finish()
  assert.equal((await readAll(content, LIMIT)).length, 1000)
  assert.equal(files(opened.path).length, 2)
  assert.ok(kept !== undefined && files(opened.path).includes(kept))
  assert.equal((await spool.lease(want(START + HOUR))).length, 1)
})

test('A plan too few is a mistake of the caller.', async (t) => {
  const { spool } = await openTestSpool(t)
  await assert.rejects(spool.put(message(['a@a.test', 'b@a.test']), [deliver('a.test')]), RangeError)
})
