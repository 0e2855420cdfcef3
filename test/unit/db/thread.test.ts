import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { type ClientOptions, startThread } from '../../../src/db/client.ts'
import { type Scope, temporaryFolder } from '../../support/folder.ts'
import type { FixtureOps } from './thread-fixture.ts'

async function start(t: Scope, options: Partial<ClientOptions> = {}) {
  const data = { path: join(temporaryFolder(t, 'db'), 'n.db') }
  const what = { base: import.meta.url, name: './thread-fixture', data }
  const { client, ready } = await startThread<FixtureOps, string>(what, { now: () => 0, ...options })
  t.after(() => client.close())
  assert.equal(ready, 'hello')
  return client
}

test('Calls of one turn of the event loop share one commit.', async (t) => {
  const batches: number[] = []
  const client = await start(t, { onBatch: ({ calls }) => batches.push(calls) })
  await Promise.all([1, 2, 3, 4, 5].map((n) => client.call('add', n)))
  assert.equal(await client.call('commits', null), 1)
  assert.deepEqual(batches, [5, 1])
})

test('A call that fails takes back what it did, and no other with it.', async (t) => {
  const client = await start(t)
  const results = await Promise.allSettled([
    client.call('add', 1),
    client.call('add', 1),
    client.call('fail', 'no'),
    client.call('add', 2),
  ])
  assert.deepEqual(
    results.map(({ status }) => status),
    ['fulfilled', 'rejected', 'rejected', 'fulfilled'],
  )
  const [, twice, failed] = results
  assert.equal(twice?.status === 'rejected' && twice.reason.code, 'SQLITE_CONSTRAINT_UNIQUE')
  assert.equal(failed?.status === 'rejected' && failed.reason.message, 'no')
  assert.deepEqual(await client.call('all', null), [1, 2])
})

test('Bytes travel both ways, each to its own call.', async (t) => {
  const client = await start(t)
  const echo = async (value: string, ...texts: string[]) => {
    const blobs = texts.map((text) => Buffer.from(text))
    const answer = await client.callForBytes('echo', value, blobs)
    return [answer.value, ...answer.blobs.map(String)]
  }
  assert.deepEqual(await Promise.all([echo('x', 'one', '', 'three'), echo('y'), echo('z', 'four')]), [
    ['x', 'three', '', 'one'],
    ['y'],
    ['z', 'four'],
  ])
})

test('An operation that does not exist is an error of that call.', async (t) => {
  const client = await start(t)
  await assert.rejects(client.call('nothing' as 'add', 1), /no operation nothing/)
  assert.equal(await client.call('add', 1), 1)
})

test('When the thread dies, what waits is rejected, what comes later too, and its owner is told.', async (t) => {
  const told = Promise.withResolvers<Error>()
  const client = await start(t, { onDeath: told.resolve })
  const waiting = [client.call('add', 1), client.call('die', null)]
  for (const call of waiting) await assert.rejects(call, { code: 'GONE' })
  assert.match((await told.promise).message, /database thread is gone/)
  await assert.rejects(client.call('add', 2), { code: 'GONE' })
})

test('Closing answers what is queued and rejects what comes after.', async (t) => {
  const client = await start(t)
  const last = client.call('add', 1)
  const closed = client.close()
  await assert.rejects(client.call('add', 2), { code: 'CLOSED' })
  assert.equal(await last, 1)
  await closed
  await client.close()
})

test('A store that cannot be opened says why.', async (t) => {
  const data = { path: join(temporaryFolder(t, 'db'), 'missing', 'n.db') }
  const what = { base: import.meta.url, name: './thread-fixture', data }
  await assert.rejects(startThread(what, { now: () => 0 }), /ENOENT/)
})
