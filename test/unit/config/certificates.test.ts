import assert from 'node:assert/strict'
import { test } from 'node:test'
import { load, withBasics } from './support.ts'

const warnings = (yaml: string): readonly string[] => {
  const result = load(withBasics(yaml))
  assert.ok(result.ok)
  return result.warnings.map(({ message }) => message)
}

test('certificates lie in the state folder, and an operator answers for them, unless the file says otherwise', () => {
  const result = load(withBasics(''))
  assert.ok(result.ok)
  const { file, authorities, trust } = result.config.certificates
  assert.match(file, /\/certificates\.jsonl$/)
  assert.deepEqual([authorities, trust], [null, 'pinned'])
})

test('learning certificates without authorities is warned of: nothing would come of it', () => {
  const chain = 'inspect: [learn-certificates: {}]'
  const expected = 'nothing is learnt without certificates.authorities: give that too'
  assert.ok(warnings(chain).includes(expected))
  assert.ok(!warnings(`${chain}\ncertificates: { authorities: a.pem }`).includes(expected))
  assert.ok(!warnings('').includes(expected))
})
