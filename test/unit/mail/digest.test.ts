import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { type Content, memoryContent } from '../../../src/mail/content.ts'
import { sha256Of } from '../../../src/mail/digest.ts'

const expected = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')

/** In a file, as it were. */
const streamed = (chunks: readonly Buffer[]): Content => ({
  size: chunks.reduce((sum, { length }) => sum + length, 0),
  bytes: null,
  async *stream() {
    yield* chunks
  },
})

test('content in memory, behind something or not, hashes to what its bytes hash to, at once where it is small', async () => {
  for (const length of [0, 1, 1_048_576, 1_048_577, 3_000_000]) {
    const bytes = Buffer.alloc(length, 'abc')
    const plain = sha256Of(Buffer.alloc(0), memoryContent(bytes))
    assert.equal(await plain, expected(bytes))
    assert.equal(typeof plain === 'string', length <= 1_048_576)
    const head = Buffer.from('X: y\r\n')
    assert.equal(await sha256Of(head, memoryContent(bytes)), expected(Buffer.concat([head, bytes])))
  }
})

test('content that comes in chunks hashes to the same, and a failure to read it is told', async () => {
  const chunks = [Buffer.from('a'), Buffer.alloc(2_500_000, 'b'), Buffer.alloc(0), Buffer.from('c')]
  assert.equal(
    await sha256Of(Buffer.from('head'), streamed(chunks)),
    expected(Buffer.concat([Buffer.from('head'), ...chunks])),
  )
  const broken: Content = {
    ...streamed([]),
    // biome-ignore lint/correctness/useYield: it fails before
    async *stream() {
      throw new Error('gone')
    },
  }
  await assert.rejects(async () => sha256Of(Buffer.alloc(0), broken), /gone/)
})
