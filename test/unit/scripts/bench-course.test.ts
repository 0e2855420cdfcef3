import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventually, growthOf } from '../../../scripts/lib/bench/course.ts'

const values = (of: (n: number) => number) => Array.from({ length: 28 }, (_, n) => of(n))

test('what grows with every minute is seen to grow', () => {
  const growth = growthOf(values((n) => 250 + n)) ?? 0
  assert.ok(growth >= 13 && growth <= 15, `${growth}`)
})

test('what levels off after the warm-up does not grow, and one wild value changes nothing', () => {
  assert.equal(growthOf(values((n) => 250 + Math.min(n, 6))), 0)
  assert.equal(growthOf(values((n) => (n === 26 ? 900 : 250))), 0)
})

test('a few values are no course', () => assert.equal(growthOf([1, 2, 3, 4, 5, 6, 7]), null))

test('what is let go late counts as let go, and what never is does not', async () => {
  let held = 3
  const every = { patienceMs: 20_000, everyMs: 1 }
  const late = await eventually(
    async () => --held,
    (now) => now === 0,
    every,
  )
  assert.equal(late, 0)
  const never = await eventually(
    async () => 5,
    (now) => now === 0,
    { patienceMs: 20, everyMs: 1 },
  )
  assert.equal(never, 5)
})
