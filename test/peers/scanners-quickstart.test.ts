import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { need, needRoot } from '../support/components.ts'
import { temporaryFolder } from '../support/folder.ts'
import { run } from '../support/process.ts'

const script = (name: string): string => fileURLToPath(new URL(`../../scripts/${name}`, import.meta.url))

const alive = (pid: string | undefined): boolean =>
  existsSync(`/proc/${pid}`) && readFileSync(`/proc/${pid}/cmdline`, 'utf8') !== ''

test('scripts/quickstart --with-scanners shows a virus refused and spam held, and leaves nothing running', async (t) => {
  if (!need(t, 'clamd', 'rspamd') || !needRoot(t)) return
  const { code, stdout, stderr } = await run(script('quickstart'), ['--with-scanners', '--once'], {
    timeoutMs: 120_000,
  })
  assert.equal(code, 0, stdout + stderr)
  assert.match(stdout, /\| 554 5\.7\.1 The message holds a virus \(Eicar-Test-Signature/)
  assert.match(stdout, /\| 250 2\.0\.0 .*queued as/)
  assert.match(stdout, /spam score 15/)
  assert.equal(stdout.match(/byte for byte what was sent/g)?.length, 2)
  const pids = [...stdout.matchAll(/(?:answers at|Listens on) .*process (\d+)/g)].map(([, pid]) => pid)
  assert.equal(pids.length, 4)
  assert.deepEqual(pids.filter(alive), [])
})

test('scripts/scanners starts what is named, says where, and stops it', async (t) => {
  if (!need(t, 'clamd', 'spamd') || !needRoot(t)) return
  const folder = `${temporaryFolder(t)}/scanners`
  const started = await run(script('scanners'), ['start', folder, 'clamd', 'spamd'], { timeoutMs: 120_000 })
  t.after(() => run(script('scanners'), ['stop', folder]))
  assert.equal(started.code, 0, started.stdout + started.stderr)
  assert.match(started.stdout, /^clamd: \/\S+\/clamd\.sock\nspamd: 127\.0\.0\.1:\d+\n$/)
  const pids = ['clamd', 'spamd'].map((name) => readFileSync(`${folder}/${name}.pid`, 'utf8').split(' ')[0])
  assert.deepEqual(pids.map(alive), [true, true])
  const stopped = await run(script('scanners'), ['stop', folder])
  assert.equal(stopped.stdout, 'clamd: stopped\nspamd: stopped\n')
  assert.deepEqual(pids.filter(alive), [])
})
