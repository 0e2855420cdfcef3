import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { relayConfig } from '../support/config.ts'
import { Daemon } from '../support/daemon.ts'
import { temporaryFolder } from '../support/folder.ts'
import { freePort } from '../support/ports.ts'
import { defer } from '../support/scope.ts'
import { startSink } from '../support/sink.ts'

test('nothing in the state directory is for others, though somebody else made its folders', async (t) => {
  const sink = await startSink(t)
  const daemon = new Daemon(temporaryFolder(t, 'private'), relayConfig({ port: await freePort(), nextHop: sink.port }))
  defer(t, () => daemon.stop())
  const open = [daemon.stateDir, join(daemon.stateDir, 'spool')]
  for (const folder of open) {
    mkdirSync(folder)
    chmodSync(folder, 0o755)
  }
  await daemon.start()
  const found = readdirSync(daemon.stateDir, { recursive: true }).map((name) => join(daemon.stateDir, String(name)))
  const forOthers = found.filter((path) => !open.includes(path) && (statSync(path).mode & 0o007) !== 0)
  assert.ok(found.some((path) => path.endsWith('spool.db')))
  assert.deepEqual(forOthers, [])
})
