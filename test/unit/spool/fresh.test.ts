import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Content, memoryContent } from '../../../src/mail/content.ts'
import type { Lease } from '../../../src/spool/contract.ts'
import type { OpenSpool } from '../../../src/spool/open.ts'
import { deliver, message, openTestSpool, START } from './support.ts'

const HOUR = 3_600_000
const MIB = 1_048_576
const SIZE = 600_000

/** Puts content for some destinations, and takes its file away: who reads it from there now, fails. */
async function stored(spool: OpenSpool, path: string, bytes: Buffer, destinations: readonly string[]) {
  const writer = spool.receive()
  const more = writer.write(bytes)
  if (more !== true) await more
  const content = await writer.finish()
  const to = destinations.map((domain) => `a@${domain}`)
  const plans = destinations.map((domain) => deliver(domain, START, START + HOUR))
  const { leases } = await spool.put(message(to, 0, { content, prefix: Buffer.alloc(0) }), plans)
  const folder = join(path, 'content')
  for (const day of readdirSync(folder))
    for (const name of readdirSync(join(folder, day))) rmSync(join(folder, day, name))
  return leases
}

async function lentBytes(content: Content | undefined): Promise<Buffer> {
  assert.ok(content)
  const chunks: Buffer[] = []
  for await (const chunk of content.stream('lent')) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks)
}

const isGone = async (lease: Lease | undefined) =>
  lentBytes(lease?.content).then(
    () => false,
    (error: NodeJS.ErrnoException) => error.code === 'ENOENT',
  )

test('Fresh content is sent from memory, once to each destination; then its memory is given back.', async (t) => {
  const { spool, path } = await openTestSpool(t)
  const bytes = randomBytes(SIZE)
  const leases = await stored(spool, path, bytes, ['a.test', 'b.test'])
  for (const lease of leases) assert.ok((await lentBytes(lease.content)).equals(bytes))
  assert.equal(leases.length, 2)
  assert.ok(await isGone(leases[0]))
})

test('Fresh content that two send at once stays whole for the one that is slower.', async (t) => {
  const { spool, path } = await openTestSpool(t)
  const bytes = randomBytes(SIZE)
  const [lease] = await stored(spool, path, bytes, ['a.test'])
  assert.ok(lease)
  const slow = lease.content.stream('lent')[Symbol.asyncIterator]()
  const first = await slow.next()
  assert.ok((await lentBytes(lease.content)).equals(bytes))
  assert.ok(await isGone(lease))
  const chunks = [Buffer.from(first.value ?? '')]
  for (let next = await slow.next(); next.done !== true; next = await slow.next()) chunks.push(Buffer.from(next.value))
  assert.ok(Buffer.concat(chunks).equals(bytes))
})

test('An attempt that is broken off gives the memory back too.', async (t) => {
  const { spool, path } = await openTestSpool(t)
  const [lease] = await stored(spool, path, randomBytes(SIZE), ['a.test'])
  assert.ok(lease)
  for await (const _ of lease.content.stream('lent')) break
  assert.ok(await isGone(lease))
})

test('Content that finds no room in memory is read from its file; what nobody came for gives way after a while.', async (t) => {
  const { spool, path, clock } = await openTestSpool(t, { freshBytes: 4 * MIB })
  const put = async () => (await stored(spool, path, randomBytes(SIZE), ['a.test']))[0]
  const kept = []
  for (let i = 0; i < 5; i++) kept.push(await put())
  assert.ok(await isGone(await put()), 'five of three buffers leave room for one')
  clock.advance(10_000)
  const later = await put()
  assert.ok(await isGone(kept[0]))
  assert.equal((await lentBytes(later?.content)).length, SIZE)
})

test('One message may not take all of the memory, and content that nobody is to be sent takes none.', async (t) => {
  const { spool, path } = await openTestSpool(t, { freshBytes: 2 * MIB })
  assert.ok(await isGone((await stored(spool, path, randomBytes(SIZE), ['a.test']))[0]))
  for (let i = 0; i < 8; i++) await spool.put(message(['a@a.test'], 200_000), [deliver('a.test')])
  for (let i = 0; i < 8; i++) {
    const [lease] = await stored(spool, path, randomBytes(200_000), ['a.test'])
    assert.equal((await lentBytes(lease?.content)).length, 200_000)
  }
})

test('Content that was put twice is lent for each message.', async (t) => {
  const { spool } = await openTestSpool(t)
  const bytes = randomBytes(SIZE)
  const plans = [deliver('a.test', START, START + HOUR)]
  const content = memoryContent(bytes)
  for (let i = 0; i < 2; i++) {
    const { leases } = await spool.put(message(['a@a.test'], 0, { content, prefix: Buffer.alloc(0) }), plans)
    assert.ok((await lentBytes(leases[0]?.content)).equals(bytes))
  }
})
