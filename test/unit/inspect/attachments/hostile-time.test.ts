import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createBudget } from '../../../../src/inspect/attachments/budget.ts'
import { decodeBody } from '../../../../src/inspect/attachments/formats/mime-body.ts'
import { DEFAULT_OPTIONS } from '../../../../src/inspect/attachments/inspect.ts'
import { judge, said } from './fixtures.ts'

// What took the square of its length: a worker would have been busy for minutes with one message.
const LONG = 400_000

/** Processor time, so that a busy machine fails nothing. */
function seconds(run: () => unknown): number {
  const before = process.cpuUsage().user
  run()
  return (process.cpuUsage().user - before) / 1e6
}

test('base64 that is nothing but padding is read in time that grows with its length', () => {
  for (const text of ['='.repeat(LONG), '= '.repeat(LONG), `${'='.repeat(LONG)}\0`]) {
    const budget = createBudget(DEFAULT_OPTIONS.limits)
    assert.ok(seconds(() => decodeBody(Buffer.from(text), 'base64', budget)) < 3)
  }
})

test('padding in the middle of base64 ends nothing, whatever stands around it', () => {
  const budget = createBudget(DEFAULT_OPTIONS.limits)
  for (const middle of ['=', '====', '==\r\n', '= \r\n=', '=\0=', '']) {
    assert.equal(String(decodeBody(Buffer.from(`YWJj${middle}ZGVm==`), 'base64', budget)), 'abcdef', middle)
  }
})

test('a PDF with a number of endless digits is read in time that grows with its length', () => {
  const digits = '1'.repeat(LONG)
  for (const end of ['x', '>>', '.', '.x']) {
    const pdf = Buffer.from(`%PDF-1.7\ntrailer<</Root 1 0 R/Encrypt<</Filter/Standard/R ${digits}${end}`)
    assert.ok(seconds(() => judge('a.pdf', pdf)) < 3)
  }
})

test('a PDF of trailers within trailers costs what the budget of work allows, and is told as unread', () => {
  const pdf = Buffer.from(`%PDF-1.7\n${'trailer<</ID('.repeat(1990)}${'x'.repeat(70_000)}`)
  const limits = { maxWork: 20_000_000 }
  assert.ok(seconds(() => assert.match(said(judge('a.pdf', pdf, { limits })), /more work to read than is allowed/)) < 1)
})

test('a PDF whose one object says /XRef hundreds of times is read once', () => {
  const pdf = `%PDF-1.7\n1 0 obj<<${'/XRef 1'.repeat(500)}/Size 2>>\ntrailer<</Root 1 0 R>>\n%%EOF`
  // 2,000 units for each that is found, 100 for each byte of the object: read each time it would take 175 million
  assert.equal(judge('a.pdf', Buffer.from(pdf), { limits: { maxWork: 2_000_000 } }).state, 'clean')
})
