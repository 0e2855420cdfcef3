import assert from 'node:assert/strict'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { makeFolder } from '../../../src/db/folder.ts'
import { temporaryFolder } from '../../support/folder.ts'

test('a folder is made with those above it, for its owner alone, and making it again changes nothing', async (t) => {
  const path = join(temporaryFolder(t), 'a', 'b', 'c')
  await makeFolder(path, 0o700)
  assert.equal(statSync(path).mode & 0o777, 0o700)
  const { ino } = statSync(path)
  await makeFolder(path, 0o700)
  assert.equal(statSync(path).ino, ino)
})

test('a relative path is made below the working folder', async (t) => {
  const before = process.cwd()
  process.chdir(temporaryFolder(t))
  try {
    await makeFolder('state/spool', 0o700)
    assert.ok(statSync('state/spool').isDirectory())
  } finally {
    process.chdir(before)
  }
})

test('where a file is in the way, the failure says so', async (t) => {
  const folder = temporaryFolder(t)
  await assert.rejects(makeFolder(join('/dev/null', 'spool'), 0o700), { code: 'ENOTDIR' })
  assert.ok(statSync(folder).isDirectory())
})
