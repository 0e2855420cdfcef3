import assert from 'node:assert/strict'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import Database from 'better-sqlite3'
import { Arrivals } from '../support/account.ts'
import { relayConfig } from '../support/config.ts'
import { Daemon, POSTERN } from '../support/daemon.ts'
import { temporaryFolder } from '../support/folder.ts'
import { startLoad } from '../support/load.ts'
import { freePort } from '../support/ports.ts'
import { run } from '../support/process.ts'
import { defer } from '../support/scope.ts'
import { startSink } from '../support/sink.ts'
import { waitFor } from '../support/wait.ts'

test('Damage to the last commit of the log, which SQLite takes for torn, is known by the ledger, and a repair finds the mail.', async (t) => {
  const arrivals = new Arrivals()
  const sink = await startSink(t, { onMessage: arrivals.take })
  const { port: nextHop } = sink
  await sink.stop()
  const port = await freePort()
  const schedule = { schedule: ['1h'], backOff: ['1h'] }
  const daemon = new Daemon(temporaryFolder(t), relayConfig({ port, nextHop, more: { queue: schedule } }))
  defer(t, () => daemon.stop())
  await daemon.start()
  // A reader that stays keeps the daemon from copying the log into the database in an idle moment
  const reader = new Database(join(daemon.stateDir, 'spool', 'spool.db'), { readonly: true })
  defer(t, () => reader.close())
  reader.exec('BEGIN')
  reader.prepare('SELECT count(*) FROM message').get()
  const load = startLoad({ port, sessions: 1, messages: 10 })
  await load.done
  const state = ['--config', daemon.configFile, '--state', daemon.stateDir]
  // The last commit is one that the record tells of
  const held = async () => {
    await daemon.cli('queue', 'hold', '--all', '--yes', '--reason', 'test')
    return (await daemon.queue()).every(({ recipients }) => recipients.every(({ state: is }) => is === 'held'))
  }
  await waitFor(held, { what: 'all to be held', everyMs: 300 })
  const told = async () => (await run(POSTERN, ['ledger', 'verify', '--with-spool', ...state])).code === 0
  await waitFor(told, { what: 'the ledger to know all', everyMs: 500 })
  await daemon.kill9()
  reader.close()

  damageLastTold(join(daemon.stateDir, 'spool', 'spool.db'))
  await assert.rejects(daemon.start(), /postern spool repair/)
  const repaired = await run(POSTERN, ['spool', 'repair', '--yes', '--force', ...state])
  t.diagnostic(repaired.stdout)
  await sink.listen(nextHop)
  await daemon.start()
  await daemon.cli('queue', 'release', '--all', '--yes')
  // Also forgets that the next hop could not be reached
  await daemon.cli('queue', 'retry', '--all', '--yes')
  const damaged = repaired.stdout.match(/is set aside/g)?.length ?? 0
  await waitFor(() => arrivals.missing(load.acknowledged).length <= damaged, {
    what: 'every message that is not set aside',
    detail: () => `${repaired.stdout}\n${daemon.log.slice(-3000)}`,
  })
  assert.ok(damaged <= 1, repaired.stdout)
})

/** As 32 bytes of head, then frames of 24 and a page. */
const FRAME = 24 + 8192

/** Ends the log with the last commit that wrote to the journal, and alters one byte of that commit. */
function damageLastTold(path: string): void {
  const bytes = readFileSync(`${path}-wal`)
  const salts = bytes.toString('hex', 16, 24)
  const before = lastOfJournal(path)
  const commits: number[] = []
  for (let at = 32; at + FRAME <= bytes.length && bytes.toString('hex', at + 8, at + 16) === salts; at += FRAME) {
    if (bytes.readUInt32BE(at + 4) > 0) commits.push(at)
  }
  for (const at of commits.reverse()) {
    const log = Buffer.from(bytes.subarray(0, at + FRAME))
    log[at + 24 + 4000] = (log[at + 24 + 4000] ?? 0) ^ 1
    writeFileSync(`${path}-wal`, log)
    rmSync(`${path}-shm`, { force: true })
    if (lastOfJournal(path) < before) return
  }
  throw new Error('no commit of this log wrote to the journal')
}

function lastOfJournal(path: string): number {
  const db = new Database(path, { readonly: true })
  try {
    return (db.prepare('SELECT max(seq) FROM journal').pluck().get() as number | null) ?? 0
  } finally {
    db.close()
  }
}
