import assert from 'node:assert/strict'
import { copyFileSync, existsSync, readdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import { relayConfig } from '../support/config.ts'
import { Daemon, POSTERN } from '../support/daemon.ts'
import { mail } from '../support/eml.ts'
import { temporaryFolder } from '../support/folder.ts'
import { freePort } from '../support/ports.ts'
import { run } from '../support/process.ts'
import { defer } from '../support/scope.ts'
import { startSink } from '../support/sink.ts'
import { submit } from '../support/submit.ts'
import { waitFor } from '../support/wait.ts'

/** A daemon with three messages that wait, killed; the next hop is back. */
async function killed(t: TestContext) {
  const sink = await startSink(t)
  const { port: nextHop } = sink
  await sink.stop()
  const port = await freePort()
  const daemon = new Daemon(temporaryFolder(t), relayConfig({ port, nextHop }))
  defer(t, () => daemon.stop())
  await daemon.start()
  for (const n of [1, 2, 3]) await submit({ port, bytes: mail({ subject: `${n}` }).bytes })
  const command = (...args: string[]) =>
    run(POSTERN, [...args, '--config', daemon.configFile, '--state', daemon.stateDir])
  const backup = join(daemon.folder, 'backup')
  assert.equal((await command('backup', backup)).code, 0)
  await daemon.kill9()
  await sink.listen(nextHop)
  const arrived = async () => {
    await daemon.start()
    await waitFor(() => sink.messages.length >= 3, { what: 'all three', detail: () => daemon.log.slice(-2000) })
  }
  return { daemon, command, backup, arrived, spool: join(daemon.stateDir, 'spool') }
}

test('A repair that ended between the old database and its log is finished, and the new one is not read with the old log.', async (t) => {
  const { daemon, command, arrived, spool } = await killed(t)
  copyFileSync(join(spool, 'spool.db-wal'), join(daemon.folder, 'wal'))
  assert.equal((await command('spool', 'repair', '--yes')).code, 0)
  renameSync(join(spool, 'spool.db'), join(spool, 'spool.db.repaired'))
  copyFileSync(join(daemon.folder, 'wal'), join(spool, 'spool.db-wal'))
  await assert.rejects(daemon.start(), /a repair was cut short.*postern spool repair/)
  const again = await command('spool', 'repair', '--yes')
  assert.equal(again.code, 0, again.stderr)
  assert.deepEqual(
    readdirSync(spool).filter((name) => /^spool\.db(-wal)?$/.test(name)),
    ['spool.db'],
  )
  await arrived()
})

test('Nothing starts on a restore that did not come to its end; begun again, it delivers what was queued.', async (t) => {
  const { daemon, command, backup, arrived, spool } = await killed(t)
  renameSync(daemon.stateDir, `${daemon.stateDir}.lost`)
  assert.equal((await command('restore', backup)).code, 0)
  // As a loss of power in the middle leaves it
  renameSync(join(spool, 'spool.db'), join(spool, 'spool.db.building'))
  await assert.rejects(daemon.start(), /not restored to its end.*postern restore/)
  assert.equal(existsSync(join(spool, 'spool.db')), false)
  renameSync(daemon.stateDir, `${daemon.stateDir}.half`)
  assert.equal((await command('restore', backup)).code, 0)
  await arrived()
})
