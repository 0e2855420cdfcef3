import assert from 'node:assert/strict'
import { test } from 'node:test'
import { counted, formatSize } from '../../../../src/cli/text/size.ts'
import { formatDue, formatMoment, formatSpan, parseMoment, parseSpan } from '../../../../src/cli/text/time.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

test('Spans show their two largest units', () => {
  assert.equal(formatSpan(0), '0s')
  assert.equal(formatSpan(-5), '0s')
  assert.equal(formatSpan(59_999), '59s')
  assert.equal(formatSpan(3 * HOUR + 12 * MINUTE + 4_000), '3h 12m')
  assert.equal(formatSpan(5 * DAY), '5d')
  assert.equal(formatSpan(DAY + 3 * MINUTE), '1d')
})

test('What is due is told from now', () => {
  assert.equal(formatDue(1_000_000, 2_000_000), 'now')
  assert.equal(formatDue(2_000_000 + 12 * MINUTE, 2_000_000), 'in 12m')
})

test('Moments are shown in UTC to the second', () => {
  assert.equal(formatMoment('2026-11-22T13:04:05.678Z'), '2026-11-22 13:04:05Z')
})

test('Spans are read in one or several units, and nothing else is', () => {
  assert.equal(parseSpan('90s'), 90_000)
  assert.equal(parseSpan('1d12h'), 36 * HOUR)
  assert.equal(parseSpan('1w'), 7 * DAY)
  for (const wrong of ['', '5', 'h', '2x', '-2h', '1h1d', '2.5h', '9999999s'])
    assert.equal(parseSpan(wrong), null, wrong)
})

test('Moments are read as a date, a time, or a span back or on from now; without a zone they are UTC', () => {
  const now = Date.UTC(2026, 10, 22, 12)
  assert.equal(parseMoment('2h', now, 'past'), now - 2 * HOUR)
  assert.equal(parseMoment('2h', now, 'future'), now + 2 * HOUR)
  assert.equal(parseMoment('2026-11-22', now, 'past'), Date.UTC(2026, 10, 22))
  assert.equal(parseMoment('2026-11-22T06:00', now, 'past'), Date.UTC(2026, 10, 22, 6))
  assert.equal(parseMoment('2026-11-22 06:00:01', now, 'past'), Date.UTC(2026, 10, 22, 6, 0, 1))
  assert.equal(parseMoment('2026-11-22T06:00+01:00', now, 'past'), Date.UTC(2026, 10, 22, 5))
  for (const wrong of ['yesterday', '2026-13-01', '22.11.2026', '2026-11-22T25:00']) {
    assert.equal(parseMoment(wrong, now, 'past'), null, wrong)
  }
})

test('Sizes and counts read as people write them', () => {
  assert.equal(formatSize(0), '0 B')
  assert.equal(formatSize(1_023), '1023 B')
  assert.equal(formatSize(10_445), '10.2 KiB')
  assert.equal(formatSize(35 * 1_048_576), '35 MiB')
  assert.equal(formatSize(2 ** 60), '1024 PiB')
  assert.equal(counted(1, 'message'), '1 message')
  assert.equal(counted(12_000, 'message'), '12,000 messages')
})
