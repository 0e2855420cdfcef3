import assert from 'node:assert/strict'
import { test } from 'node:test'
import { POSTERN } from '../../support/daemon.ts'
import { run } from '../../support/process.ts'
import { STATUS, startAdmin } from '../admin/support.ts'
import { deliver, message } from '../spool/support.ts'

test('Status says how the daemon, its listeners and its queue are', async (t) => {
  const lastReload = { at: Date.now() - 60_000, ok: false, problems: ['postern.yaml:3:1: wrong'] }
  const { spool, socketPath } = await startAdmin(t, { status: { ...STATUS, lastReload } })
  await spool.put(message(['a@city.test', 'b@city.test']), [deliver('city.test'), deliver('city.test')])
  await spool.block('city.test', Date.now() + 600_000, { text: '10.0.0.1:25: connection refused', failures: 2 })
  const { code, stdout } = await run(POSTERN, ['status', '--socket', socketPath])
  assert.equal(code, 0)
  assert.match(stdout, /^Postern 0\.1\.0 on relay\.example\.test, running, process 4711, up /)
  assert.match(
    stdout,
    /^Configuration {2}\/etc\/postern\/postern\.yaml; the reload of .* failed, the one before it is in force$/m,
  )
  assert.match(stdout, /^Listener {7}:::25 \(TLS: starttls\), 3 connections$/m)
  assert.match(stdout, /^Queue {10}2 recipients pending, 0 under way, 0 held, the oldest message .* old$/m)
  assert.match(stdout, /^city\.test +2 +0 +in .* +10\.0\.0\.1:25: connection refused$/m)
  const json = JSON.parse((await run(POSTERN, ['status', '--socket', socketPath, '--json'])).stdout)
  assert.equal(json.queue.destinations[0].pending, 2)
})

test('--health is silent when all is well, and says why and exits 1 when it is not', async (t) => {
  const well = await startAdmin(t)
  const healthy = await run(POSTERN, ['status', '--health', '--socket', well.socketPath])
  assert.deepEqual([healthy.code, healthy.stdout, healthy.stderr], [0, '', ''])
  const full = await startAdmin(t, { status: { ...STATUS, unready: ['the spool is full'] } })
  const sick = await run(POSTERN, ['status', '--health', '--socket', full.socketPath])
  assert.deepEqual([sick.code, sick.stdout, sick.stderr], [1, '', 'the spool is full\n'])
})

test('A reload tells its problems and exits 78', async (t) => {
  const wrong = await startAdmin(t, { reload: { ok: false, problems: ['postern.yaml:3:1: hostname: missing'] } })
  const failed = await run(POSTERN, ['reload', '--socket', wrong.socketPath])
  assert.equal(failed.code, 78)
  assert.equal(failed.stderr, 'postern.yaml:3:1: hostname: missing\nThe old configuration goes on.\n')
  const right = await startAdmin(t)
  assert.equal(
    (await run(POSTERN, ['reload', '--socket', right.socketPath])).stdout,
    'The new configuration is in force.\n',
  )
})

test('The person behind sudo is named, and only root may have one', async (t) => {
  const { socketPath, reloaded } = await startAdmin(t)
  await run(POSTERN, ['reload', '--socket', socketPath], { env: { ...process.env, SUDO_USER: 'alice' } })
  const isRoot = process.getuid?.() === 0
  assert.equal(reloaded[0]?.startsWith('alice as root'), isRoot)
})
