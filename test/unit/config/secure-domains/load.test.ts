import assert from 'node:assert/strict'
import { rmSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { checkEnvironment } from '../../../../src/config/index.ts'
import { formatProblem } from '../../../../src/config/problem.ts'
import { standingOf } from '../../../../src/mail/secure-domain.ts'
import { manualClock } from '../../../support/clock.ts'
import { loaded, problems } from '../support.ts'
import { HEADER, line, registerOnDisk } from './support.ts'

const NOW = Date.UTC(2026, 8, 1)

test('without the key there is no register', () => assert.equal(loaded('').secureDomains, null))

test('the register is read with the configuration', (t) => {
  const { file, yaml } = registerOnDisk(t, line({ subdomains: 'yes' }), line({ domain: 'b.test', status: 'retired' }))
  const found = loaded(yaml).secureDomains
  assert.equal(found?.file, file)
  assert.equal(found?.warnMs, 30 * 86_400_000)
  assert.equal(found?.entries.length, 2)
  assert.ok(found)
  assert.equal(standingOf('ward.royal.example.test', found.register, NOW).is, 'secure')
  assert.equal(standingOf('b.test', found.register, NOW).is, 'retired')
})

test('mistakes in the register are problems with the place in its own file', (t) => {
  const { file, yaml } = registerOnDisk(t, line(), line({ domain: 'b.test', status: 'on' }))
  const lines = problems(yaml).map(formatProblem)
  assert.deepEqual(lines, [`${file}:3:112: status: expected active or retired; found 'on'`])
})

test('a register that is not there is a problem that says what makes it, unless somebody is about to', (t) => {
  const { file, yaml } = registerOnDisk(t)
  rmSync(file)
  const [problem] = problems(yaml)
  assert.equal(problem?.key, 'secureDomains.file')
  assert.match(problem?.message ?? '', /is not there: "postern domain add" makes it/)
  assert.deepEqual(loaded(yaml, { missingRegister: 'empty' }).secureDomains?.entries, [])
})

test('a register that is not UTF-8, or a folder, cannot be read', (t) => {
  const { file, yaml } = registerOnDisk(t)
  writeFileSync(file, Buffer.from(`${HEADER}\n${line({ owner: 'M\xfcller' })}`, 'latin1'))
  assert.match(problems(yaml).map(formatProblem)[0] ?? '', /secure-domains\.csv: cannot be read: it is not UTF-8/)
  assert.match(problems('secureDomains: { file: / }').map(formatProblem)[0] ?? '', /^\/: cannot be read: /)
})

test('thousands of mistakes are told by the first hundred', (t) => {
  const { yaml } = registerOnDisk(t, ...Array.from({ length: 250 }, () => 'x'))
  const found = problems(yaml)
  assert.equal(found.length, 101)
  assert.equal(found.at(-1)?.message, 'and 150 problems more')
})

test('a next hop that is this server itself is refused', (t) => {
  const { yaml } = registerOnDisk(t, line({ 'next-hop': 'relay.example.test:25' }))
  assert.match(problems(yaml)[0]?.message ?? '', /the next hop of royal\.example\.test, .* is this server itself/)
})

test('a check warns of entries that have expired or soon will, and of no other', async (t) => {
  const { yaml } = registerOnDisk(
    t,
    line({ domain: 'late.test', 'expires-on': '2026-08-31' }),
    line({ domain: 'soon.test', 'expires-on': '2026-10-01' }),
    line({ domain: 'gone.test', 'expires-on': '2026-08-31', status: 'retired' }),
    line({ domain: 'fine.test', 'expires-on': '2026-10-02' }),
  )
  const findings = await checkEnvironment(loaded(yaml), manualClock(NOW))
  const found = findings.filter(({ key }) => key === 'secureDomains.file')
  assert.deepEqual(
    found.map(({ level, what }) => [level, what]),
    [
      ['warning', 'late.test expired on 2026-08-31 and is not secure any more'],
      ['warning', 'soon.test expires on 2026-10-01, in 30 days'],
    ],
  )
})

test('twenty thousand entries are read in well under a second', (t) => {
  const lines = Array.from({ length: 20_000 }, (_, i) => line({ domain: `d${i}.example.test`, owner: '"Trust, the"' }))
  const { yaml } = registerOnDisk(t, ...lines)
  const start = performance.now()
  assert.equal(loaded(yaml).secureDomains?.register.exact.size, 20_000)
  const took = performance.now() - start
  t.diagnostic(`${took.toFixed(0)} ms`)
  // measured: 150 ms; the bound is for a busy machine
  assert.ok(took < 2_000, `${took} ms`)
})
