import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { DEFAULT_SCHEDULE, waitAfter } from '../../../src/deliver/schedule.ts'

const MINUTE = 60_000

describe('the schedule', () => {
  it('is quick at first, then hourly', () => {
    const waits = [1, 2, 3, 4, 5, 6, 7, 8, 120].map(
      (attempts) => waitAfter(attempts, DEFAULT_SCHEDULE, () => 0.5) / MINUTE,
    )
    assert.deepEqual(waits, [1, 2, 5, 10, 20, 30, 60, 60, 60])
  })

  it('varies each wait by its jitter and no further', () => {
    assert.equal(
      waitAfter(7, DEFAULT_SCHEDULE, () => 0),
      54 * MINUTE,
    )
    assert.equal(
      waitAfter(7, DEFAULT_SCHEDULE, () => 1),
      66 * MINUTE,
    )
    assert.equal(
      waitAfter(1, { waitsMs: [1000], jitter: 0 }, () => 1),
      1000,
    )
  })

  it('takes any count of attempts', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0 }), fc.double({ min: 0, max: 1, noNaN: true }), (attempts, random) => {
        const wait = waitAfter(attempts, DEFAULT_SCHEDULE, () => random)
        assert.ok(wait >= 54_000 && wait <= 66 * MINUTE)
      }),
    )
  })
})
