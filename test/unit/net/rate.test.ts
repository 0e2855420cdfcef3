import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { RateLimiter } from '../../../src/net/rate.ts'
import { manualClock } from '../../support/clock.ts'

const rate = { count: 3, perMs: 3000 }

test('as many as the rate allows pass at once, then one for each part of the period', () => {
  const clock = manualClock()
  const limiter = new RateLimiter(clock)
  assert.deepEqual(
    [1, 2, 3].map(() => limiter.take('a', rate)),
    [0, 0, 0],
  )
  assert.equal(limiter.take('a', rate), 1000)
  clock.advance(999)
  assert.equal(limiter.take('a', rate), 1)
  clock.advance(1)
  assert.equal(limiter.take('a', rate), 0)
  assert.equal(limiter.take('a', rate), 1000)
})

test('keys have buckets of their own', () => {
  const limiter = new RateLimiter(manualClock())
  for (let i = 0; i < 3; i++) limiter.take('a', rate)
  assert.notEqual(limiter.take('a', rate), 0)
  assert.equal(limiter.take('b', rate), 0)
})

test('a burst may be larger or smaller than the rate', () => {
  const clock = manualClock()
  const limiter = new RateLimiter(clock)
  const passed = (key: string, burst: number) =>
    Array.from({ length: 10 }, () => limiter.take(key, { ...rate, burst })).filter((wait) => wait === 0).length
  assert.equal(passed('large', 5), 5)
  assert.equal(passed('small', 1), 1)
  clock.advance(60_000)
  assert.equal(passed('large', 5), 5)
})

test('what is refused takes nothing', () => {
  const clock = manualClock()
  const limiter = new RateLimiter(clock)
  for (let i = 0; i < 100; i++) limiter.take('a', rate)
  clock.advance(1000)
  assert.equal(limiter.take('a', rate), 0)
})

test('more than a burst at once passes when the bucket is full, and is paid for afterwards', () => {
  const clock = manualClock()
  const limiter = new RateLimiter(clock)
  assert.equal(limiter.take('a', rate, 6), 0)
  assert.equal(limiter.take('a', rate), 4000)
  clock.advance(4000)
  assert.equal(limiter.take('a', rate), 0)
})

test('a clock that goes back takes nothing away', () => {
  let now = 10_000
  const limiter = new RateLimiter({ now: () => now, after: () => () => {} })
  assert.equal(limiter.take('a', rate), 0)
  now = 0
  assert.equal(limiter.take('a', rate), 0)
  assert.equal(limiter.take('a', rate), 0)
  assert.notEqual(limiter.take('a', rate), 0)
})

test('no more keys are remembered than allowed; the one not used for longest is forgotten', () => {
  const limiter = new RateLimiter(manualClock(), 2)
  const one = { count: 1, perMs: 1000 }
  limiter.take('a', one)
  limiter.take('b', one)
  limiter.take('a', one)
  limiter.take('c', one)
  assert.equal(limiter.size, 2)
  assert.notEqual(limiter.take('a', one), 0)
  assert.equal(limiter.take('b', one), 0)
})

test('whatever comes when, no more than the burst and the rate pass', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 2000 }), { maxLength: 60 }), (steps) => {
      const clock = manualClock()
      const startedAt = clock.now()
      const limiter = new RateLimiter(clock)
      let passed = 0
      for (const step of steps) {
        clock.advance(step)
        if (limiter.take('a', rate) === 0) passed++
      }
      assert.ok(passed <= 3 + (clock.now() - startedAt) / 1000 + 1e-6)
    }),
  )
})
