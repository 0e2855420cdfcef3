import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import Sqlite from 'better-sqlite3'
import { countCalls, failCalls, type Which } from '../../scripts/lib/prove/disk/calls.ts'
import { buildShim, FaultyDisk } from '../../scripts/lib/prove/disk/shim.ts'
import { need } from '../support/components.ts'
import { type Scope, temporaryFolder } from '../support/folder.ts'
import { openTestLedger } from '../unit/ledger/support.ts'
import { fileOf } from '../unit/ledger/verify-support.ts'
import { deliver, eventually, message, openTestSpool, START } from '../unit/spool/support.ts'

const STORY: readonly Which[] = [
  { mode: 'full', during: 'story', length: 'spell' },
  { mode: 'sync', during: 'story', length: 'one' },
]

test('One call to the disk that fails, whichever it is, loses nothing that was acknowledged.', async (t) => {
  if (!need(t, 'gcc')) return
  const shim = buildShim(temporaryFolder(t, 'shim'))
  const counts = await countCalls(shim, 'story')
  assert.ok(counts.changes > 100 && counts.syncs > 10, JSON.stringify(counts))
  for (const which of STORY) {
    const { met, findings } = await failCalls(which, {
      shim,
      counts,
      runs: 2,
      prover: { say: () => {}, isOver: () => false },
    })
    assert.deepEqual(findings, [])
    assert.ok(met > 0, 'no call was met')
  }
})

/** A process that does so much with the database and ends, with its disk under the shim. */
function underShim(code: string, disk: FaultyDisk, folder: string) {
  const file = join(folder, 'child.mjs')
  writeFileSync(file, code)
  return spawnSync(process.execPath, [file], { env: { ...process.env, ...disk.env }, encoding: 'utf8' })
}

const source = (path: string): string => JSON.stringify(new URL(`../../src/${path}`, import.meta.url).href)

test('A log that a killed daemon left is written anew and synced before anything in it counts, and a sync that fails is no start.', async (t) => {
  if (!need(t, 'gcc')) return
  const folder = temporaryFolder(t, 'log')
  const path = join(folder, 'copy.db')
  leaveLog(join(folder, 'left.db'), path)
  const code = `import { openDatabase } from ${source('db/database.ts')}
    openDatabase({ path: ${JSON.stringify(path)}, applicationId: 1, migrations: [], cacheBytes: 1e6, walBytes: 1e7 })
    process.exit(0)`
  const disk = new FaultyDisk(buildShim(folder), join(folder, 'control'), `${path}-wal`)
  const bytes = statSync(`${path}-wal`).size
  disk.failByNumber('sync', 1, 1)
  assert.match(underShim(code, disk, folder).stderr, /EIO/)
  disk.failByNumber('write', 1, 1)
  assert.match(underShim(code, disk, folder).stderr, /EIO/)
  disk.count()
  const { status, stderr } = underShim(code, disk, folder)
  assert.equal(status, 0, stderr)
  assert.equal(statSync(`${path}-wal`).size, bytes)
  assert.equal(new Sqlite(path, { readonly: true }).prepare('SELECT count(*) FROM x').pluck().get(), 1)
})

/** A database whose rows lie in its log, as after a kill. */
function leaveLog(from: string, to: string): void {
  const db = new Sqlite(from)
  db.exec('PRAGMA journal_mode=WAL; PRAGMA application_id=1; CREATE TABLE x (y); INSERT INTO x VALUES (1)')
  for (const ending of ['', '-wal']) cpSync(from + ending, to + ending)
  db.close()
}

test('One read that fails at a start costs the ledger nothing: what is damaged is so at the second look.', async (t) => {
  if (!need(t, 'gcc')) return
  const left = await leaveLedger(t)
  const folder = temporaryFolder(t, 'reads')
  const shim = buildShim(folder)
  const look = (which: number) => {
    const path = join(folder, `${which}`)
    cpSync(left, path, { recursive: true })
    const disk = new FaultyDisk(shim, `${path}-control`, join(path, 'ledger.db'))
    disk.failByNumber('read', which, 1)
    const { stdout, stderr } = underShim(openingLedger(path), disk, folder)
    assert.match(stdout, which === 0 ? /^opened/ : /^(opened|failed)/, stderr)
    assert.doesNotMatch(stdout, /damaged/, `read ${which}: ${disk.first}`)
    return disk.counted('reads')
  }
  const reads = look(0)
  assert.ok(reads > 10, `${reads} reads`)
  // From the first page to the last row: where the schema is read lies in the middle
  for (let which = Math.floor(reads / 3); which <= reads; which += 5) look(which)
})

test('One read that fails at a start sends nobody to repair a sound spool.', async (t) => {
  if (!need(t, 'gcc')) return
  const { spool, path: opened } = await openTestSpool(t)
  for (let n = 0; n < 5; n++) await spool.put(message(['a@b.test']), [deliver('b.test', START, START + 1e6)])
  const folder = temporaryFolder(t, 'reads')
  const left = join(folder, 'left')
  cpSync(opened, left, { recursive: true, filter: (path) => !/(\.lock|-shm)$/.test(path) })
  const shim = buildShim(folder)
  const look = (which: number) => {
    const path = join(folder, `${which}`)
    cpSync(left, path, { recursive: true })
    const disk = new FaultyDisk(shim, `${path}-control`, join(path, 'spool.db'))
    disk.failByNumber('read', which, 1)
    const { stdout, stderr } = underShim(openingSpool(path), disk, folder)
    assert.match(stdout, which === 0 ? /^opened/ : /^(opened|failed)/, stderr)
    assert.doesNotMatch(stdout, /damaged/, `read ${which}: ${disk.first}`)
    return disk.counted('reads')
  }
  const reads = look(0)
  assert.ok(reads > 10, `${reads} reads`)
  // Where the schema is read
  for (let which = Math.floor(reads * 0.7); which <= reads; which += 4) look(which)
})

const openingSpool = (path: string): string => `import { openSpool } from ${source('spool/open.ts')}
  import { silentLog } from ${source('log.ts')}
  import { noMetrics } from ${source('metrics.ts')}
  import { systemClock } from ${source('clock.ts')}
  const seams = { log: silentLog, metrics: noMetrics, clock: systemClock }
  const opened = await openSpool({ path: ${JSON.stringify(path)}, reserveBytes: 0 }, seams).catch((error) => error)
  console.log(opened instanceof Error ? 'failed: ' + opened : 'opened')
  process.exit(0)`

const openingLedger = (path: string): string => `import { openLedger } from ${source('ledger/open.ts')}
  import { silentLog } from ${source('log.ts')}
  import { noMetrics } from ${source('metrics.ts')}
  import { systemClock } from ${source('clock.ts')}
  const log = { ...silentLog, error: (facts, text) => console.log(text) }
  const seams = { log, metrics: noMetrics, clock: systemClock }
  const opened = await openLedger({ path: ${JSON.stringify(path)} }, seams).catch((error) => error)
  console.log(opened instanceof Error ? 'failed: ' + opened : 'opened')
  process.exit(0)`

async function leaveLedger(t: Scope): Promise<string> {
  const { spool } = await openTestSpool(t)
  const kept = await openTestLedger(t)
  spool.connectJournal(kept.ledger.connect())
  for (let n = 0; n < 5; n++) await spool.put(message(['a@b.test']), [deliver('b.test', START, START + 1e6)])
  await eventually(async () => (await kept.ledger.summary()).entries === 5)
  const to = join(temporaryFolder(t, 'left'), 'ledger')
  mkdirSync(to)
  for (const ending of ['', '-wal']) cpSync(fileOf(kept) + ending, join(to, `ledger.db${ending}`))
  return to
}
