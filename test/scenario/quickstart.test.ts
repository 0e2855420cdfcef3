import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { fileURLToPath } from 'node:url'
import { temporaryFolder } from '../support/folder.ts'
import { run } from '../support/process.ts'

const QUICKSTART = fileURLToPath(new URL('../../scripts/quickstart', import.meta.url))

/** A process that has ended and was not yet reaped has an empty command line. */
const alive = (pid: number): boolean =>
  existsSync(`/proc/${pid}`) && readFileSync(`/proc/${pid}/cmdline`, 'utf8') !== ''
const processes = (output: string): number[] =>
  [...output.matchAll(/Listens on .*\bprocess (\d+)/g)].map(([, pid]) => Number(pid))

test('scripts/quickstart --once sends two messages over TLS, shows their trace, and leaves nothing running', async () => {
  const { code, stdout, stderr } = await run(QUICKSTART, ['--once'])
  assert.equal(code, 0, stdout + stderr)
  assert.match(stdout, /over STARTTLS/)
  assert.match(stdout, /over implicit TLS/)
  assert.equal(stdout.match(/byte for byte what was sent/g)?.length, 2)
  assert.match(stdout, /relayed/)
  const pids = processes(stdout)
  assert.equal(pids.length, 2)
  assert.deepEqual(pids.filter(alive), [])
})

test('scripts/quickstart leaves the daemon running, --send sends to it, and --stop ends it', async (t) => {
  const folder = join(temporaryFolder(t), 'state')
  const { code, stdout, stderr } = await run(QUICKSTART, ['--state', folder])
  t.after(() => run(QUICKSTART, ['--stop', '--state', folder]))
  assert.equal(code, 0, stdout + stderr)
  const pids = processes(stdout)
  assert.deepEqual(pids.map(alive), [true, true])
  assert.equal(Number(readFileSync(join(folder, 'postern.pid'), 'utf8')), pids[1])

  const sent = await run(QUICKSTART, ['--send', '--state', folder])
  assert.equal(sent.code, 0, sent.stdout + sent.stderr)
  assert.match(sent.stdout, /queued as/)

  const stopped = await run(QUICKSTART, ['--stop', '--state', folder])
  assert.equal(stopped.code, 0)
  assert.match(stopped.stdout, /Stopped/)
  assert.deepEqual(pids.filter(alive), [])
})

test('scripts/quickstart touches no folder that it did not make', async (t) => {
  const folder = temporaryFolder(t)
  await run('touch', [join(folder, 'precious')])
  const { code, stdout } = await run(QUICKSTART, ['--state', folder])
  assert.equal(code, 1)
  assert.match(stdout, /not made by the quickstart/)
  assert.ok(existsSync(join(folder, 'precious')))
})
