import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import {
  FILE,
  isAllowed,
  type LockFile,
  listOf,
  problemsOf,
  readLockFile,
  usedIn,
} from '../../../scripts/lib/licences.ts'

const manifest = JSON.parse(readFileSync('package.json', 'utf8'))

test('Every package in use has a licence that asks for no more than to be named, and stands in the list', () => {
  const used = usedIn(readLockFile())
  assert.ok(used.length > 50)
  assert.deepEqual(
    used.filter(({ licence }) => !isAllowed(licence)),
    [],
  )
  assert.equal(readFileSync(FILE, 'utf8'), listOf(used), 'run scripts/licences')
})

test('The lock file fixes the content of each package, as the manifest wants it', () => {
  assert.deepEqual(problemsOf(readLockFile(), manifest), [])
})

test('A package without a hash, from elsewhere, of another version, or with a range is told', () => {
  const good = readLockFile()
  const told = (path: string, change: object, wanted = manifest): string =>
    problemsOf(
      { ...good, packages: { ...good.packages, [path]: { ...good.packages[path], ...change } } } as LockFile,
      wanted,
    ).join()
  assert.match(told('node_modules/pino', { integrity: undefined }), /pino has no SHA-512/)
  assert.match(told('node_modules/pino', { integrity: 'sha1-abc=' }), /pino has no SHA-512/)
  assert.match(told('node_modules/pino', { resolved: 'https://evil.test/pino.tgz' }), /comes from https:\/\/evil/)
  assert.match(told('node_modules/pino', { version: '0.0.1' }), /pino is another/)
  const loose = { ...manifest, dependencies: { ...manifest.dependencies, pino: '^10.0.0' } }
  assert.match(told('node_modules/pino', {}, loose), /pino may be any/)
})

test('A choice of licences needs one that is allowed, and several at once need all', () => {
  assert.ok(isAllowed('(BSD-3-Clause OR GPL-2.0)'))
  assert.ok(!isAllowed('GPL-2.0'))
  assert.ok(!isAllowed('MIT AND GPL-2.0'))
  assert.ok(!isAllowed('unknown'))
})
