import assert from 'node:assert/strict'
import { renameSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { readAll } from '../../../src/mail/content.ts'
import { deliver, FAILED, later, message, openTestSpool, outcome, START, want } from './support.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const DAY_FOLDER = '2026-11-22'

describe('a thread that dies after a commit, before it can tell', () => {
  it('leaves the content file of a message that may be in the spool', async (t) => {
    const crash = { name: 'commit.after', nth: 1, how: 'exit' } as const
    const { spool, path } = await openTestSpool(t, { contentInRowBytes: 10, crash })
    const writer = spool.receive()
    const written = writer.write(Buffer.alloc(100_000, 'x'))
    if (written !== true) await written
    const content = await writer.finish()
    await assert.rejects(spool.put(message(['a@a.test'], 0, { content }), [deliver('a.test')]))
    // As accept does with a message that was not stored
    await writer.discard()
    await spool.close()
    const again = (await openTestSpool(t, { path, contentInRowBytes: 10 })).spool
    const [lease] = await again.lease(want(START + HOUR))
    assert.ok(lease, 'it can be read')
    assert.equal((await readAll(lease.content, 1_000_000)).length, lease.content.size)
  })

  it('leaves the content file of a notice that may be in the spool', async (t) => {
    const crash = { name: 'commit.after', nth: 2, how: 'exit' } as const
    const { spool, path } = await openTestSpool(t, { contentInRowBytes: 1_000, crash })
    const { queueId } = await spool.put(message(['a@a.test']), [deliver('a.test')])
    const notice = { message: message(['ward@royal.example.test'], 5_000), plans: [deliver('royal.example.test')] }
    await assert.rejects(spool.settle([outcome(queueId, { 0: FAILED }, [notice])]))
    await spool.close()
    const again = (await openTestSpool(t, { path })).spool
    const [lease] = await again.lease(want(START + HOUR))
    assert.equal(lease?.destination, 'royal.example.test')
    assert.equal((await readAll(lease.content, 1_000_000)).length, lease.content.size)
  })
})

describe('a content file that cannot be looked at', () => {
  it('is passed over and reported, and its message goes once it can be', async (t) => {
    const opened = await openTestSpool(t, { contentInRowBytes: 10 })
    await opened.spool.put(message(['a@a.test'], 5_000), [deliver('a.test')])
    const folder = join(opened.path, 'content', DAY_FOLDER)
    renameSync(folder, `${folder}.away`)
    symlinkSync(DAY_FOLDER, folder)
    assert.deepEqual(await opened.spool.lease(want(START + HOUR)), [])
    assert.match((await opened.spool.damaged())[0]?.found ?? '', /ELOOP/)
    await opened.spool.close()
    rmSync(folder)
    renameSync(`${folder}.away`, folder)
    const again = await opened.reopen()
    assert.deepEqual(await again.damaged(), [])
    assert.equal((await again.lease(want(START + HOUR))).length, 1)
  })
})

describe('a spool that was written while the clock was years ahead', () => {
  it('does not wait for years after the next start', async (t) => {
    const opened = await openTestSpool(t)
    const { queueId } = await opened.spool.put(message(['a@a.test']), [deliver('a.test', START + 1000 * DAY)])
    const soon = await opened.spool.put(message(['b@b.test']), [deliver('b.test', START + HOUR)])
    await opened.spool.block('a.test', START + 1000 * DAY, { text: 'cannot be reached', failures: 3 })
    const again = await opened.reopen()
    const leases = await again.lease(want(START + HOUR))
    assert.deepEqual(
      leases.map((lease) => lease.queueId),
      [queueId],
    )
    await again.settle([outcome(queueId, { 0: later(START + HOUR) })])
    assert.equal(await again.nextDue(), START + HOUR, soon.queueId)
  })
})
