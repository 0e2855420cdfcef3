import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
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

test('A backup that was made under load is restored into a new daemon, which delivers what was queued then.', async (t) => {
  const arrivals = new Arrivals()
  const sink = await startSink(t, { onMessage: arrivals.take })
  const { port: nextHop } = sink
  await sink.stop()
  const port = await freePort()
  const daemon = new Daemon(temporaryFolder(t), relayConfig({ port, nextHop }))
  defer(t, () => daemon.stop())
  await daemon.start()
  const state = ['--config', daemon.configFile, '--state', daemon.stateDir]
  const before = startLoad({ port, sessions: 5, messages: 60 })
  const large = startLoad({ port, sessions: 2, messages: 10, bytes: 200_000 })
  await Promise.all([before.done, large.done])
  const queued = new Set([...before.acknowledged, ...large.acknowledged])

  const meanwhile = startLoad({ port, sessions: 3, bytes: 80_000 })
  const backup = join(daemon.folder, 'backup')
  const made = await run(POSTERN, ['backup', backup, ...state])
  await meanwhile.stop()
  assert.equal(made.code, 0, made.stderr)
  assert.equal(statSync(backup).mode & 0o777, 0o700)
  assert.match((await run(POSTERN, ['backup', backup, ...state])).stderr, /there already/)

  assert.match((await run(POSTERN, ['restore', backup, ...state])).stderr, /move the old state away/)
  await daemon.stop()
  renameSync(daemon.stateDir, `${daemon.stateDir}.lost`)
  const restored = await run(POSTERN, ['restore', backup, ...state])
  assert.equal(restored.code, 0, restored.stderr)
  const checked = await run(POSTERN, ['spool', 'check', ...state])
  assert.equal(checked.code, 0, checked.stdout)
  await sink.listen(nextHop)
  await daemon.start()
  await waitFor(() => arrivals.missing(queued).length === 0, {
    what: 'what was queued',
    detail: () => daemon.log.slice(-3000),
  })
  await waitFor(async () => (await daemon.queue()).length === 0, { what: 'an empty queue' })
  const later = startLoad({ port, sessions: 1, messages: 3 })
  await later.done
  await waitFor(() => arrivals.missing(later.acknowledged).length === 0, { what: 'new mail' })
  await daemon.stop()
  const verified = await run(POSTERN, ['ledger', 'verify', ...state])
  assert.equal(verified.code, 0, verified.stdout)
})

test('A backup that was altered is not restored.', async (t) => {
  const daemon = new Daemon(temporaryFolder(t), relayConfig({ port: await freePort(), nextHop: 1 }))
  defer(t, () => daemon.stop())
  await daemon.start()
  const state = ['--config', daemon.configFile, '--state', daemon.stateDir]
  const backup = join(daemon.folder, 'backup')
  await run(POSTERN, ['backup', backup, ...state])
  await daemon.stop()
  renameSync(daemon.stateDir, `${daemon.stateDir}.lost`)
  const file = join(backup, 'spool', 'spool.db')
  const bytes = readFileSync(file)
  bytes[5000] = (bytes[5000] ?? 0) ^ 1
  writeFileSync(file, bytes)
  const { code, stderr } = await run(POSTERN, ['restore', backup, ...state])
  assert.equal(code, 1)
  assert.match(stderr, /spool\.db of the backup is not as it was written/)
  assert.equal(existsSync(join(daemon.stateDir, 'spool', 'spool.db')), false)
})

test('A damaged queue is told at the start, repaired, exported, and delivered; what was altered is not sent until a person says so.', async (t) => {
  const arrivals = new Arrivals()
  const sink = await startSink(t, { onMessage: arrivals.take })
  const { port: nextHop } = sink
  await sink.stop()
  const port = await freePort()
  const daemon = new Daemon(temporaryFolder(t), relayConfig({ port, nextHop }))
  defer(t, () => daemon.stop())
  await daemon.start()
  const load = startLoad({ port, sessions: 5, messages: 60 })
  await load.done
  await daemon.stop()
  const state = ['--config', daemon.configFile, '--state', daemon.stateDir]
  const file = join(daemon.stateDir, 'spool', 'spool.db')
  const bytes = readFileSync(file)
  // One body altered, and the head of the file gone
  bytes[bytes.lastIndexOf('patient patient')] = 0x50
  bytes.fill(0xff, 0, 100)
  writeFileSync(file, bytes)
  await assert.rejects(daemon.start(), /postern spool repair/)
  assert.equal((await run(POSTERN, ['spool', 'check', ...state])).code, 1)
  const repaired = await run(POSTERN, ['spool', 'repair', '--yes', ...state])
  assert.equal(repaired.code, 1, repaired.stderr)
  const [, damaged = ''] = /message (\S+) is set aside: content that does not match/.exec(repaired.stdout) ?? []
  assert.ok(damaged, repaired.stdout)

  const out = join(daemon.folder, 'out')
  assert.equal((await run(POSTERN, ['spool', 'export', out, ...state])).code, 0)
  assert.equal(readdirSync(out).length, 2 * load.acknowledged.size)
  assert.equal(statSync(join(out, `${damaged}.eml`)).mode & 0o777, 0o600)
  assert.match(JSON.parse(readFileSync(join(out, `${damaged}.json`), 'utf8')).damaged, /checksum/)
  assert.equal((await run(POSTERN, ['spool', 'export', `${out}2`, '00KX3T9A001', ...state])).code, 66)

  await sink.listen(nextHop)
  await daemon.start()
  assert.equal((await run(POSTERN, ['spool', 'repair', '--yes', '--force', ...state])).code, 69, 'not beside a daemon')
  assert.match(repaired.stdout, /may have been sent already/)
  const released = await daemon.cli('queue', 'release', '--all', '--yes')
  assert.equal(released.code, 0, released.stderr)
  await waitFor(() => arrivals.missing(load.acknowledged).length === 1, {
    what: 'the good ones',
    detail: () => daemon.log.slice(-3000),
  })
  await daemon.stop()
  assert.equal((await run(POSTERN, ['spool', 'return', damaged, ...state])).code, 1, 'it is still altered')
  assert.equal((await run(POSTERN, ['spool', 'return', damaged, '--as-it-is', ...state])).code, 0)
  await daemon.start()
  await waitFor(() => arrivals.missing(load.acknowledged).length === 0, {
    what: 'the last',
    detail: () => daemon.log.slice(-3000),
  })
  assert.equal((await daemon.stop())?.code, 0)
})
