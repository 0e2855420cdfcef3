import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { editDistance, nearest } from '../../../src/config/nearest.ts'

const KEYS = ['lifetime', 'delayNotice', 'schedule', 'jitter']

test('a slip of the finger finds the key that was meant', () => {
  const slips: [string, string][] = [
    ['lifetme', 'lifetime'],
    ['liftime', 'lifetime'],
    ['lifeitme', 'lifetime'],
    ['LIFETIME', 'lifetime'],
    ['delaynotice', 'delayNotice'],
    ['scedule', 'schedule'],
  ]
  for (const [written, meant] of slips) assert.equal(nearest(written, KEYS), meant)
})

test('what resembles nothing suggests nothing', () => {
  for (const word of ['x', 'colour', 'maximumAge', '']) assert.equal(nearest(word, KEYS), null)
})

test('a swap of neighbours is one step, and so is a letter more, less or other', () => {
  const steps = [
    ['ab', 'ba'],
    ['ab', 'abc'],
    ['abc', 'ab'],
    ['abc', 'abd'],
  ] as const
  assert.deepEqual(
    steps.map(([a, b]) => editDistance(a, b, 10)),
    [1, 1, 1, 1],
  )
})

test('distance is the same both ways, and nothing only for the same word', () => {
  const word = fc.string({ maxLength: 12 })
  fc.assert(
    fc.property(word, word, (a, b) => {
      const distance = editDistance(a, b, 100)
      assert.equal(distance, editDistance(b, a, 100))
      assert.equal(distance === 0, a === b)
      assert.ok(distance <= Math.max(a.length, b.length))
    }),
  )
})
