import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { appendFileSync, mkdtempSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import Database from 'better-sqlite3'
import { openSpool } from '../../../src/spool/open.ts'
import { needRoot } from '../../support/components.ts'
import { type Scope, temporaryFolder } from '../../support/folder.ts'
import { deliver, eventually, message, openTestSpool, outcome, START, seams, want } from './support.ts'

test('With less free than its reserve the spool takes no new mail, but what is queued goes out.', async (t) => {
  const { spool } = await openTestSpool(t, { reserveBytes: 2 ** 60 })
  assert.equal(spool.room(), 'full')
  const { room, freeBytes } = await spool.summary()
  assert.equal(room, 'full')
  assert.ok(freeBytes > 0)
  await spool.put(message(['a@a.test']), [deliver('a.test')])
  assert.equal((await spool.lease(want(START + 1000))).length, 1)
})

test('With enough free it is open.', async (t) => {
  const { spool } = await openTestSpool(t)
  assert.equal(spool.room(), 'open')
})

test('A second spool in the same folder is refused.', async (t) => {
  const { path } = await openTestSpool(t)
  await assert.rejects(openSpool({ path }, seams), { name: 'FolderInUse' })
})

test('A spool of newer code is refused.', async (t) => {
  const opened = await openTestSpool(t)
  await opened.spool.close()
  const db = new Database(join(opened.path, 'spool.db'))
  db.pragma('user_version=99')
  db.close()
  await assert.rejects(openSpool({ path: opened.path }, seams), { name: 'DatabaseRefused' })
})

test('A closed spool rejects everything.', async (t) => {
  const { spool } = await openTestSpool(t)
  await spool.close()
  await assert.rejects(spool.put(message(['a@a.test']), [deliver('a.test')]), { name: 'SpoolUnavailable' })
  await assert.rejects(spool.lease(want(START + 1000)), { name: 'SpoolUnavailable' })
})

test('Ids go on above all that were ever given, also those of messages long gone.', async (t) => {
  const opened = await openTestSpool(t)
  const one = await opened.spool.put(message(['a@a.test']), [{ do: 'discard', reason: 'listed' }])
  const spool = await opened.reopen()
  const two = await spool.put(message(['a@a.test']), [deliver('a.test')])
  assert.ok(two.queueId > one.queueId)
})

test('A thread that dies breaks the spool: everything is rejected, and the owner is told.', async (t) => {
  const path = temporaryFolder(t, 'spool')
  const spool = await openSpool(
    { path, reserveBytes: 0, ballastBytes: 0, crash: { name: 'commit.after', nth: 2, how: 'exit' } },
    seams,
  )
  await spool.put(message(['a@a.test']), [deliver('a.test')])
  await assert.rejects(spool.put(message(['a@a.test']), [deliver('a.test')]), { name: 'SpoolUnavailable' })
  assert.match((await spool.broken).message, /thread is gone/)
  assert.equal(spool.room(), 'broken')
  await assert.rejects(spool.nextDue(), { name: 'SpoolUnavailable' })
  await spool.close()
  const again = await openSpool({ path, reserveBytes: 0, ballastBytes: 0 }, seams)
  t.after(() => again.close())
  assert.equal((await again.summary()).states.pending, 2, 'the second was committed although nobody heard of it')
})

/** A file system of 4 MiB, gone when the test ends. */
function smallDisk(t: Scope): string {
  const path = mkdtempSync(join(tmpdir(), 'small-'))
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', path])
  t.after(() => {
    // Lazily: the spool is closed by a later hook
    execFileSync('umount', ['-l', path])
    rmdirSync(path)
  })
  return path
}

test('On a disk that fills up, put is refused, what is queued can be settled, and room comes back.', async (t) => {
  if (!needRoot(t)) return
  const path = smallDisk(t)
  const opened = await openTestSpool(t, { path, reserveBytes: 400_000, ballastBytes: 262_144, walBytes: 262_144 })
  const { spool, clock } = opened
  const stored: Awaited<ReturnType<typeof spool.put>>[] = []
  const put = (size: number) => spool.put(message(['a@a.test'], size), [deliver('a.test', START, START + 3_600_000)])
  const full = async () => {
    for (;;) stored.push(await put(40_000))
  }
  await assert.rejects(full(), { name: 'SpoolUnavailable' })
  assert.equal(spool.room(), 'full')
  assert.ok(stored.length > 10, `${stored.length} were stored`)
  await assert.rejects(put(200_000), { name: 'SpoolUnavailable' }, 'nor is there room for a file')

  for (const { queueId } of stored.slice(0, -1)) {
    await spool.settle([
      { queueId, results: [{ index: 0, state: { is: 'relayed', reply: null } }], facts: {}, notifications: [] },
    ])
  }
  const last = stored.at(-1)?.queueId
  const { entries } = await spool.list({}, { after: null, limit: 1000 })
  assert.deepEqual(
    entries.map(({ queueId }) => queueId),
    [last],
    'nothing that was refused is there, nothing that was acknowledged is gone',
  )
  let queueId = ''
  await eventually(async () => {
    clock.advance(1000)
    await delay(20)
    if (spool.room() !== 'open') return false
    queueId = await put(40_000).then(
      (again) => again.queueId,
      () => '',
    )
    return queueId !== ''
  })
  const reopened = await opened.reopen()
  const kept = (await reopened.list({}, { after: null, limit: 1000 })).entries.map((entry) => entry.queueId)
  assert.deepEqual(kept, [last, queueId])
})

test('A spool starts on a full disk, and what is in it goes out.', async (t) => {
  if (!needRoot(t)) return
  const path = smallDisk(t)
  const opened = await openTestSpool(t, { path, reserveBytes: 400_000, ballastBytes: 400_000 })
  for (let i = 0; i < 20; i++) await opened.spool.put(message(['a@a.test']), [deliver('a.test', START, START + 1000)])
  await opened.spool.close()
  assert.throws(() => {
    for (let size = 1_000_000; size > 0; ) {
      try {
        appendFileSync(join(path, 'filler'), Buffer.alloc(size, 'x'))
      } catch (error) {
        if (size === 1) throw error
        size = Math.floor(size / 10)
      }
    }
  }, /ENOSPC/)
  const spool = await opened.reopen()
  assert.equal(spool.room(), 'full')
  const leases = await spool.lease(want(START + 1000))
  assert.equal(leases.length, 20)
  await spool.settle(leases.map(({ queueId }) => outcome(queueId, { 0: { is: 'relayed', reply: null } })))
  assert.deepEqual((await spool.summary()).states, { pending: 0, leased: 0, held: 0 })
})
