import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { relayConfig } from '../../support/config.ts'
import { POSTERN } from '../../support/daemon.ts'
import { temporaryFolder } from '../../support/folder.ts'
import { run } from '../../support/process.ts'
import { deliver, message, openTestSpool } from '../spool/support.ts'

/** A state folder whose daemon is stopped, and how to name it. */
async function stopped(t: TestContext) {
  const folder = temporaryFolder(t)
  const config = join(folder, 'postern.yaml')
  writeFileSync(config, JSON.stringify(relayConfig({ port: 2525, nextHop: 2626 })))
  const { spool } = await openTestSpool(t, { path: join(folder, 'state', 'spool') })
  const { queueId } = await spool.put(message(['a@city.test']), [deliver('city.test')])
  await spool.close()
  return { folder, queueId, at: ['--config', config, '--state', join(folder, 'state')] }
}

test('A backup whose manifest is damaged, or none at all, is refused in words', async (t) => {
  const { folder, at } = await stopped(t)
  const backup = join(folder, 'backup')
  mkdirSync(backup)
  for (const manifest of ['{', 'null', '{"format":1}', '{"format":1,"files":[{"path":7}]}', '[]']) {
    writeFileSync(join(backup, 'manifest.json'), manifest)
    const { code, stderr } = await run(POSTERN, ['restore', backup, ...at])
    assert.equal(code, 1)
    assert.match(stderr, /^\S+manifest\.json is damaged, or of something else than a backup\.\n$/, manifest)
  }
})

test('What is no queue id is no message that is missing', async (t) => {
  const { folder, at } = await stopped(t)
  for (const command of [['export', join(folder, 'out')], ['return']]) {
    const { code, stderr } = await run(POSTERN, ['spool', ...command, 'NOPE', ...at])
    assert.equal(code, 64)
    assert.match(stderr, /^NOPE is no queue id: expected eleven/)
  }
})

test('An export writes over nothing, and says what is there', async (t) => {
  const { folder, queueId, at } = await stopped(t)
  const out = join(folder, 'out')
  const first = await run(POSTERN, ['spool', 'export', out, ...at])
  assert.deepEqual([first.code, first.stdout], [0, `1 message written to ${out}.\n`])
  const { code, stderr } = await run(POSTERN, ['spool', 'export', out, ...at])
  assert.equal(code, 1)
  assert.equal(stderr, `${join(out, queueId)}.eml is there already: nothing is written over.\n`)
})
