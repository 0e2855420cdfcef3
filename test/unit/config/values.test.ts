import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  formatDuration,
  formatSize,
  readDuration,
  readPercent,
  readRate,
  readSize,
} from '../../../src/config/values.ts'

test('durations are read with their unit', () => {
  const read = ['500ms', '30s', '5m', '4h', '5d', '1.5h', '2 h'].map(readDuration)
  assert.deepEqual(read, [500, 30_000, 300_000, 14_400_000, 432_000_000, 5_400_000, 7_200_000])
})

test('a duration of nothing needs no unit, any other does', () => {
  assert.equal(readDuration(0), 0)
  assert.equal(readDuration(30), undefined)
})

test('what is no duration is refused', () => {
  for (const text of ['', '5', 'd', '-5d', '5 days', '5D', '5w', '1e3s', '1h30m', '99999999999999d', null, true, {}]) {
    assert.equal(readDuration(text), undefined, String(text))
  }
})

test('sizes are read in binary units, and in bytes without one', () => {
  const read = ['35MiB', '64KiB', '2GiB', '100B', 512, '1.5KiB'].map(readSize)
  assert.deepEqual(read, [36_700_160, 65_536, 2_147_483_648, 100, 512, 1536])
})

test('decimal units, negative and broken sizes are refused', () => {
  for (const found of ['35MB', '35M', '-1KiB', -1, 1.5, Number.NaN, '35mib', 'KiB']) {
    assert.equal(readSize(found), undefined, String(found))
  }
})

test('rates are so many in a period', () => {
  assert.deepEqual(readRate('30/minute'), { count: 30, perMs: 60_000 })
  assert.deepEqual(readRate('5 / second'), { count: 5, perMs: 1000 })
  assert.deepEqual(readRate('1/day'), { count: 1, perMs: 86_400_000 })
})

test('a rate of nothing, of parts or in no known period is refused', () => {
  for (const text of ['0/minute', '1.5/minute', '30/fortnight', '30', '/minute', '-3/hour', 30, null]) {
    assert.equal(readRate(text), undefined, String(text))
  }
})

test('percentages are from 0 to 100', () => {
  assert.deepEqual(['0%', '10%', '12.5 %', '100%'].map(readPercent), [0, 0.1, 0.125, 1])
  assert.deepEqual(['101%', '-1%', '10', 0.1].map(readPercent), [undefined, undefined, undefined, undefined])
})

test('what is written reads back as the same value', () => {
  const whole = fc.integer({ min: 0, max: 2 ** 45 })
  fc.assert(fc.property(whole, (ms) => readDuration(ms === 0 ? 0 : formatDuration(ms)) === ms))
  fc.assert(fc.property(whole, (bytes) => readSize(formatSize(bytes)) === bytes))
})

test('a share is what its thousandths say, without a rounding of its own', () => {
  fc.assert(fc.property(fc.integer({ min: 0, max: 1000 }), (n) => readPercent(`${n / 10}%`) === n / 1000))
})

test('any text is read or refused, never an error', () => {
  fc.assert(
    fc.property(fc.anything(), (found) => {
      for (const read of [readDuration, readSize, readRate, readPercent]) read(found)
    }),
  )
})
