import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import test, { type TestContext } from 'node:test'
import type { Clock } from '../../../src/clock.ts'
import { systemClock } from '../../../src/clock.ts'
import { PoolError } from '../../../src/inspect/pool/member.ts'
import { type PoolOptions, WorkerPool } from '../../../src/inspect/pool/pool.ts'
import { type Content, memoryContent } from '../../../src/mail/content.ts'
import { manualClock } from '../../support/clock.ts'
import { kept } from './harness.ts'
import type { JOBS } from './pool-thread.ts'

function poolOf(t: TestContext, options: PoolOptions = {}, clock: Clock = systemClock) {
  const seams = kept(clock)
  const file = new URL('pool-thread.ts', import.meta.url)
  const pool = new WorkerPool<typeof JOBS>({ threads: 1, file, ...options }, seams)
  t.after(() => pool.close())
  return { pool, ...seams }
}

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

/** Content that is not in memory. */
function streamed(chunks: readonly Buffer[], onRead: () => void = () => {}): Content {
  return {
    size: chunks.reduce((sum, { length }) => sum + length, 0),
    bytes: null,
    async *stream() {
      for (const chunk of chunks) {
        onRead()
        yield chunk
      }
    },
  }
}

test('a job is done in a thread, and gives back what it made', async (t) => {
  const { pool } = poolOf(t)
  const args = { text: 'a', list: [1, 2], nothing: null }
  assert.deepEqual(await pool.run('echo', args, null), args)
})

test('many jobs at once each get their own answer, over several threads', async (t) => {
  const { pool } = poolOf(t, { threads: 3 })
  const numbers = Array.from({ length: 500 }, (_, i) => i)
  assert.deepEqual(await Promise.all(numbers.map((i) => pool.run('echo', i, null))), numbers)
})

test('small content goes whole, and each job gets its own', async (t) => {
  const { pool } = poolOf(t)
  const messages = Array.from({ length: 50 }, (_, i) => Buffer.from(`message ${i}`.repeat(i)))
  const found = await Promise.all(messages.map((bytes) => pool.run('hash', null, memoryContent(bytes))))
  assert.deepEqual(
    found.map(({ hash }) => hash),
    messages.map(sha256),
  )
  assert.ok(found.every(({ whole }) => whole))
})

test('content over the limit goes in pieces, from memory and from a stream', async (t) => {
  const { pool } = poolOf(t, { wholeBytes: 1000 })
  const bytes = Buffer.alloc(3_000_000, 'abcdefg')
  for (const content of [memoryContent(bytes), streamed([bytes.subarray(0, 10), bytes.subarray(10)])]) {
    const { hash, pieces, whole } = await pool.run('hash', null, content)
    assert.equal(hash, sha256(bytes))
    assert.ok(!whole && pieces >= 12)
  }
  assert.equal((await pool.run('hash', null, streamed([]))).hash, sha256(Buffer.alloc(0)))
})

test('content is read no faster than the job takes it', async (t) => {
  const { pool } = poolOf(t, { wholeBytes: 1000 })
  let read = 0
  const chunks = Array.from({ length: 100 }, () => Buffer.alloc(256 * 1024))
  assert.equal(
    await pool.run(
      'neverReads',
      200,
      streamed(chunks, () => read++),
    ),
    'one piece',
  )
  assert.ok(read <= 6, `${read} pieces were read`)
})

test('content that cannot be read fails its job, and no other', async (t) => {
  const { pool } = poolOf(t)
  const broken: Content = {
    size: 10,
    bytes: null,
    async *stream() {
      yield Buffer.from('half')
      throw new Error('the disk is gone')
    },
  }
  const [bad, good] = await Promise.allSettled([pool.run('hash', null, broken), pool.run('echo', 1, null)])
  assert.equal(bad.status, 'rejected')
  assert.equal(good.status, 'fulfilled')
})

test('a job that throws, or answers what cannot travel, rejects alone', async (t) => {
  const { pool } = poolOf(t)
  await assert.rejects(pool.run('fails', 'a fault', null), (error: Error) => {
    return error instanceof PoolError && error.message === 'a fault'
  })
  await assert.rejects(pool.run('unclonable', null, null), PoolError)
  await assert.rejects(pool.run('unknown' as 'echo', null, null), /there is no job unknown/)
  assert.equal(await pool.run('echo', 'still here', null), 'still here')
})

test('arguments that cannot travel fail what goes along with them, and not the program', async (t) => {
  const clock = manualClock()
  const { pool } = poolOf(t, {}, clock)
  await assert.rejects(
    pool.run('echo', () => {}, null),
    PoolError,
  )
  clock.advance(1_000)
  assert.equal(await pool.run('echo', 1, null), 1)
})

test('a job may ask, and each question gets its own answer', async (t) => {
  const { pool } = poolOf(t)
  const answer = async (subject: unknown) => `${subject}!`
  assert.deepEqual(await pool.run('asks', ['a', 'b', 'c'], null, { answer }), ['a!', 'b!', 'c!'])
})

test('a question that cannot be answered fails its job', async (t) => {
  const { pool } = poolOf(t)
  const answer = () => Promise.reject(new Error('no idea'))
  await assert.rejects(pool.run('asks', ['a'], null, { answer }), /no idea/)
  assert.equal(await pool.run('echo', 1, null), 1)
})

test('a job that is no longer wanted rejects at once, and the thread goes on', async (t) => {
  const { pool } = poolOf(t)
  const controller = new AbortController()
  const job = pool.run('sleeps', 60_000, null, { signal: controller.signal })
  setTimeout(() => controller.abort(), 20)
  await assert.rejects(job, /no longer wanted/)
  await assert.rejects(pool.run('echo', 1, null, { signal: controller.signal }), /no longer wanted/)
  assert.equal(await pool.run('echo', 1, null), 1)
})

test('when a thread dies its jobs reject, and another takes its place', async (t) => {
  const clock = manualClock()
  const { pool, lines, counts } = poolOf(t, {}, clock)
  await pool.run('echo', 1, null)
  clock.advance(5_000)
  const jobs = [pool.run('sleeps', 60_000, null), pool.run('dies', 3, null)]
  for (const result of await Promise.allSettled(jobs)) assert.equal(result.status, 'rejected')
  assert.equal(await pool.run('echo', 2, null), 2)
  assert.equal(counts.get('postern_worker_deaths_total'), 1)
  assert.ok(lines.some(({ message }) => message.includes('a worker thread died')))
})

test('a thread that dies as soon as it has started is replaced only after a second', async (t) => {
  const clock = manualClock()
  const { pool } = poolOf(t, {}, clock)
  await assert.rejects(pool.run('dies', 0, null), PoolError)
  await assert.rejects(pool.run('echo', 1, null), /there is no worker thread/)
  clock.advance(1_000)
  assert.equal(await pool.run('echo', 1, null), 1)
})

test('a thread that does not answer is ended; one that waits is not', async (t) => {
  const clock = manualClock()
  const { pool } = poolOf(t, { threads: 1, stallMs: 1_000 }, clock)
  await pool.run('echo', 1, null)
  const waits = pool.run('sleeps', 150, null)
  clock.advance(1_000)
  await pool.run('echo', 'the answer to the ping came before this', null)
  clock.advance(1_000)
  assert.equal(await waits, 'awake')
  const spins = assert.rejects(pool.run('spins', 30_000, null), /does not answer/)
  await new Promise((resolve) => setTimeout(resolve, 50))
  clock.advance(1_000)
  clock.advance(1_000)
  await spins
  assert.equal(await pool.run('echo', 2, null), 2)
})

test('jobs beyond the queue are refused, and those in it are done', async (t) => {
  const { pool } = poolOf(t, { queue: 3 })
  const jobs = [1, 2, 3].map(() => pool.run('sleeps', 50, null))
  await assert.rejects(pool.run('echo', 1, null), /overloaded/)
  assert.deepEqual(await Promise.all(jobs), ['awake', 'awake', 'awake'])
  assert.equal(await pool.run('echo', 1, null), 1)
})

test('content beyond the limit of bytes is refused, but one message always fits', async (t) => {
  const { pool } = poolOf(t, { queueBytes: 1000 })
  const first = pool.run('hash', null, memoryContent(Buffer.alloc(5000)))
  await assert.rejects(pool.run('hash', null, memoryContent(Buffer.alloc(1))), /overloaded/)
  await first
  assert.equal((await pool.run('hash', null, memoryContent(Buffer.alloc(1)))).pieces, 1)
})

test('a closed pool takes nothing, and what was under way rejects', async (t) => {
  const { pool, counts } = poolOf(t)
  const job = pool.run('sleeps', 60_000, null)
  const rejected = assert.rejects(job, /the pool is closed/)
  await pool.close()
  await rejected
  await assert.rejects(pool.run('echo', 1, null), /the pool is closed/)
  assert.equal(counts.size, 0)
})
