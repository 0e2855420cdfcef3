import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { stringify } from 'yaml'
import { relayConfig } from '../../support/config.ts'
import { POSTERN } from '../../support/daemon.ts'
import { temporaryFolder } from '../../support/folder.ts'
import { freePorts } from '../../support/ports.ts'
import { type Finished, run } from '../../support/process.ts'

async function check(t: TestContext, text: string, ...args: string[]): Promise<Finished & { file: string }> {
  const folder = temporaryFolder(t)
  const file = join(folder, 'postern.yaml')
  writeFileSync(file, text)
  const finished = await run(POSTERN, ['check', '--config', file, '--state', join(folder, 'state'), ...args])
  return { ...finished, file }
}

async function right(more: object = {}): Promise<string> {
  const [port = 0, nextHop = 0] = await freePorts(2)
  return stringify({ ...relayConfig({ port, nextHop }), ...more })
}

test('A configuration that is right on a machine that fits it exits 0', async (t) => {
  const { code, stdout, file } = await check(t, await right())
  assert.equal(code, 0)
  assert.match(stdout, new RegExp(`^${file} is right(, with \\d+ warnings?)?\\.$`, 'm'))
})

test('Every mistake is a line with its place and key, and the exit code is 78', async (t) => {
  const { code, stdout, stderr, file } = await check(t, `${await right()}holdz: {}\nshutdown:\n  grace: sometime\n`)
  assert.equal(code, 78)
  const lines = stdout.trimEnd().split('\n')
  assert.equal(lines.length, 2)
  for (const line of lines) assert.match(line, new RegExp(`^${file}:\\d+:\\d+: \\S+`))
  assert.match(stdout, /holdz.*holds/)
  assert.match(stderr, /: 2 errors\.\n$/)
})

test('A machine that does not fit exits 1, unless the file alone is looked at', async (t) => {
  const text = await right({ tls: { certificate: 'none.pem', key: 'none.key' } })
  const { code, stdout } = await check(t, text)
  assert.equal(code, 1)
  assert.match(stdout, /^error: tls\.\S+: .*none\.pem/m)
  assert.equal((await check(t, text, '--no-environment')).code, 0)
})

test('Programs get all of it as JSON', async (t) => {
  const wrong = JSON.parse((await check(t, 'hostname: [1]\n', '--json')).stdout)
  assert.equal(wrong.ok, false)
  assert.equal(wrong.problems[0].line, 1)
  const fine = JSON.parse((await check(t, await right(), '--json')).stdout)
  assert.deepEqual([fine.ok, fine.problems], [true, []])
})

test('A file that is not there exits 78', async () => {
  const { code, stdout } = await run(POSTERN, ['check', '--config', '/none/postern.yaml'])
  assert.equal(code, 78)
  assert.match(stdout, /^\/none\/postern\.yaml: /)
})
