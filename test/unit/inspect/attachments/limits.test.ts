import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { createBudget } from '../../../../src/inspect/attachments/budget.ts'
import { DEFAULT_OPTIONS, inspectPart } from '../../../../src/inspect/attachments/inspect.ts'
import { ENCRYPTED_ZIP, judge, said, zipOf } from './fixtures.ts'

const MIB = 1024 * 1024

function nested(levels: number): Buffer {
  let archive = zipOf([{ name: 'end.txt' }])
  for (let i = 1; i < levels; i++) archive = zipOf([{ name: 'in.zip', data: archive }])
  return archive
}

test('containers in each other pass up to the limit, and not one more', () => {
  assert.equal(judge('a.zip', nested(8)).state, 'clean')
  const verdict = judge('a.zip', nested(9))
  assert.equal(verdict.state, 'suspicious')
  assert.match(said(verdict), /in\.zip: lies in more containers than are allowed$/u)
  assert.equal(judge('a.zip', nested(3), { limits: { maxDepth: 3 } }).state, 'clean')
  assert.equal(judge('a.zip', nested(3), { limits: { maxDepth: 2 } }).state, 'suspicious')
})

test('members pass up to the limit, and not one more', () => {
  // the file itself, and each of its members
  const archive = zipOf([{ name: 'a.txt' }, { name: 'b.txt' }, { name: 'c.txt' }])
  assert.equal(judge('a.zip', archive, { limits: { maxItems: 4 } }).state, 'clean')
  assert.equal(
    said(judge('a.zip', archive, { limits: { maxItems: 3 } })),
    'suspicious a.zip: has more members than are allowed',
  )
})

test('unpacked bytes pass up to the limits, and not one more', () => {
  const bytes = (length: number, limits: object): string =>
    judge('a.gz', gzipSync(Buffer.alloc(length, 'ab')), { limits }).state
  assert.equal(bytes(1000, { maxBytes: 1000 }), 'clean')
  assert.equal(bytes(1001, { maxBytes: 1000 }), 'suspicious')
  assert.equal(bytes(1000, { maxItemBytes: 1000 }), 'clean')
  assert.equal(bytes(1001, { maxItemBytes: 1000 }), 'suspicious')
})

test('a file may grow by the allowed ratio, or to the size that is free of it', () => {
  const packed = gzipSync(Buffer.alloc(MIB))
  const free = { ratioFreeBytes: 1000 }
  const least = Math.ceil(MIB / packed.length)
  assert.equal(judge('a.gz', packed, { limits: { ...free, maxRatio: least } }).state, 'clean')
  assert.equal(judge('a.gz', packed, { limits: { ...free, maxRatio: least - 1 } }).state, 'suspicious')
  assert.equal(judge('a.gz', packed, { limits: { ratioFreeBytes: MIB, maxRatio: 1 } }).state, 'clean')
})

test('work is bounded, and one message pays for all of its attachments', () => {
  const archive = zipOf([{ name: 'a.txt', data: Buffer.alloc(10_000), method: 8 }])
  assert.equal(judge('a.zip', archive, { limits: { maxWork: 10_000 } }).state, 'suspicious')
  const limits = { ...DEFAULT_OPTIONS.limits, maxItems: 3 }
  const part = { filename: 'a.zip', declaredType: null, bytes: archive }
  const budget = createBudget(limits)
  const verdicts = [part, part].map((each) => inspectPart(each, { ...DEFAULT_OPTIONS, limits }, budget))
  assert.deepEqual(
    verdicts.map(({ state }) => state),
    ['clean', 'suspicious'],
  )
})

test('an archive that expands without end costs no more than its limits', () => {
  const bomb = zipOf([{ name: 'zeros', data: Buffer.alloc(40 * MIB), method: 8 }])
  const members = Array.from({ length: 50 }, (_, i) => ({ name: `${i}.zip`, data: bomb }))
  const limits = { ...DEFAULT_OPTIONS.limits, maxBytes: 64 * MIB }
  const budget = createBudget(limits)
  const verdict = inspectPart(
    { filename: 'a.zip', declaredType: null, bytes: zipOf(members) },
    { ...DEFAULT_OPTIONS, limits },
    budget,
  )
  assert.equal(verdict.state, 'suspicious')
  assert.ok(budget.workLeft > limits.maxWork - 64 * MIB * 8, `${budget.workLeft}`)
})

test('a limit that is reached hides no encryption that was found before, and is worse than clean', () => {
  const archive = zipOf([{ name: 'in.zip', data: ENCRYPTED_ZIP }, { name: 'b.txt' }, { name: 'c.txt' }])
  assert.equal(judge('a.zip', archive, { limits: { maxItems: 4 } }).state, 'encrypted')
})

test('findings are listed up to a limit, with the worst among them', () => {
  const members = Array.from({ length: 9 }, (_, i) => ({ name: `${i}.txt`, crc: 1 }))
  const archive = zipOf([...members, { name: 'secret.txt', flags: 1 }])
  const { findings, state } = judge('a.zip', archive, { limits: { maxFindings: 3 } })
  assert.equal(state, 'encrypted')
  assert.equal(findings.length, 3)
  assert.ok(findings.some((finding) => finding.state === 'encrypted'))
})
