import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import {
  FILE,
  installedManifest,
  isAllowed,
  type LockFile,
  listOf,
  problemsOf,
  readLockFile,
  strangersIn,
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

test('A package without a hash, from elsewhere, with a script, of another version, or with a range is told', () => {
  const good = readLockFile()
  const told = (path: string, change: object, wanted = manifest): string =>
    problemsOf(
      { ...good, packages: { ...good.packages, [path]: { ...good.packages[path], ...change } } } as LockFile,
      wanted,
    ).join()
  assert.match(told('node_modules/pino', { integrity: undefined }), /pino has no SHA-512/)
  assert.match(told('node_modules/pino', { integrity: 'sha1-abc=' }), /pino has no SHA-512/)
  assert.match(told('node_modules/pino', { resolved: 'https://evil.test/pino.tgz' }), /comes from https:\/\/evil/)
  assert.match(told('node_modules/pino', { hasInstallScript: true }), /pino runs a script/)
  assert.match(told('node_modules/pino', { deprecated: 'has a hole' }), /pino should not be used any more: has a hole/)
  assert.match(told('node_modules/pino', { link: true }), /pino is a link/)
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

test('What is installed is what the lock file says', () => {
  assert.deepEqual(strangersIn(readLockFile(), installedManifest), [])
})

test('An installed package of another version or licence, or with a script, is told', () => {
  const lock = readLockFile()
  const path = 'node_modules/pino'
  const told = (change: object): string =>
    strangersIn(lock, (asked) => (asked === path ? { ...installedManifest(path), ...change } : null)).join()
  assert.equal(told({}), '')
  assert.match(told({ version: '0.0.1' }), /pino is 0\.0\.1, not/)
  assert.match(told({ license: 'GPL-2.0' }), /pino is under GPL-2\.0/)
  assert.match(told({ scripts: { postinstall: 'x' } }), /pino runs a script/)
})
