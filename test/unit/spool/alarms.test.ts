import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import Database from 'better-sqlite3'
import type { Alarms } from '../../../src/alarms.ts'
import { systemClock } from '../../../src/clock.ts'
import { silentLog } from '../../../src/log.ts'
import { openSpool } from '../../../src/spool/open.ts'
import { RoomWatch } from '../../../src/spool/room.ts'
import { SpoolTeller } from '../../../src/spool/tell.ts'
import { kindOf } from '../../../src/watch/contract.ts'
import { temporaryFolder } from '../../support/folder.ts'
import { deliver, message, openTestSpool, START, seams, want } from './support.ts'

class Heard implements Alarms {
  readonly texts = new Map<string, string>()
  raise(key: string, text: string): void {
    this.texts.set(key, text)
  }
  clear(key: string): void {
    this.texts.delete(key)
  }
}

test('Operators hear that the thread of the spool died, under a kind of its own.', async (t) => {
  const heard = new Heard()
  const path = temporaryFolder(t, 'spool')
  const crash = { name: 'commit.after', nth: 1, how: 'exit' } as const
  const spool = await openSpool({ path, reserveBytes: 0, ballastBytes: 0, crash }, { ...seams, alarms: heard })
  await assert.rejects(spool.put(message(['a@a.test']), [deliver('a.test')]))
  await spool.broken
  assert.match(heard.texts.get('spool broken') ?? '', /takes no mail/)
  assert.equal(kindOf('spool broken'), 'spool')
  await spool.close()
})

test('Operators hear that content stays because messages are damaged.', async (t) => {
  const opened = await openTestSpool(t, { contentInRowBytes: 10 })
  await opened.spool.put(message(['a@a.test'], 5000), [deliver('a.test')])
  await opened.spool.close()
  const db = new Database(join(opened.path, 'spool.db'))
  db.exec("UPDATE content_file SET name = '2026-11-22/other'")
  db.close()
  await (await opened.reopen()).lease(want(START + 1e6))
  await opened.spool.close()
  const heard = new Heard()
  const spool = await openSpool({ path: opened.path, reserveBytes: 0, ballastBytes: 0 }, { ...seams, alarms: heard })
  await spool.close()
  assert.match(heard.texts.get('spool kept') ?? '', /^1 files of content .* postern spool check/)
})

test('Operators hear that indexes were made anew, and nothing where a start finds all well.', () => {
  const heard = new Heard()
  const found = { lastId: 0, orphans: [], kept: 0, mended: false, damaged: [], lapsed: 0 }
  new SpoolTeller(silentLog, heard).opened(found)
  assert.deepEqual([...heard.texts], [])
  new SpoolTeller(silentLog, heard).opened({ ...found, mended: true })
  assert.deepEqual([...heard.texts.keys()], ['spool index'])
})

for (const [code, text] of [
  ['SQLITE_IOERR_FSYNC', /failed sync/],
  ['SQLITE_IOERR_WRITE', /failed a call: SQLITE_IOERR_WRITE/],
  ['EIO', /failed a call: EIO/],
] as const) {
  test(`Operators hear that a call to the disk failed with ${code}, and the room stays as it was.`, (t) => {
    const heard = new Heard()
    const teller = new SpoolTeller(silentLog, heard)
    const path = temporaryFolder(t)
    const room = new RoomWatch({ path, reserveBytes: 0, everyMs: 1000, clock: systemClock, log: silentLog, teller })
    room.failed(Object.assign(new Error('disk'), { code }))
    assert.match(heard.texts.get('spool disk') ?? '', text)
    assert.equal(room.room, 'open')
    room.failed(Object.assign(new Error('full'), { code: 'ENOSPC' }))
    assert.deepEqual([...heard.texts.keys()], ['spool disk'])
  })
}
