import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { checkPublish } from '../../../src/config/check/publish.ts'
import { type IssueOptions, makeAuthority } from '../../support/authority.ts'
import { temporaryFolder } from '../../support/folder.ts'
import { loaded } from './support.ts'

const authority = makeAuthority('Test Authority')
const DAY_MS = 86_400_000

async function findings(
  t: TestContext,
  names: readonly string[],
  options: IssueOptions = {},
  keyOf = authority.issue(names),
) {
  const folder = temporaryFolder(t)
  const files = { certificate: join(folder, 'sts.pem'), key: join(folder, 'sts.key') }
  writeFileSync(files.certificate, authority.issue(names, options).cert)
  writeFileSync(files.key, keyOf.key)
  const domains = 'domains: { a.test: { relayTo: mx.a.test }, b.test: { relayTo: mx.b.test } }'
  const config = loaded(`${domains}\npublish: { mtaSts: { certificate: ${files.certificate}, key: ${files.key} } }`)
  const found = await checkPublish(config, Date.now())
  return found.map(({ level, key, what }) => `${level}: ${key}: ${what}`)
}

test('a certificate for every policy host is well', async (t) => {
  assert.deepEqual(await findings(t, ['mta-sts.a.test', 'mta-sts.b.test']), [])
})

test('a policy host that the certificate does not name is warned of', async (t) => {
  assert.deepEqual(await findings(t, ['mta-sts.a.test', 'b.test']), [
    'warning: publish.mtaSts.certificate: is not for mta-sts.b.test',
  ])
})

test('an expired certificate and a key of another one are errors', async (t) => {
  const names = ['mta-sts.a.test', 'mta-sts.b.test']
  const [expired] = await findings(t, names, { from: Date.now() - 3 * DAY_MS, until: Date.now() - DAY_MS })
  assert.match(expired ?? '', /^error: publish\.mtaSts\.certificate: expired on /)
  const other = makeAuthority('Another Authority').issue(names)
  assert.deepEqual(await findings(t, names, {}, other), [
    'error: publish.mtaSts.key: is not the key of publish.mtaSts.certificate',
  ])
})
