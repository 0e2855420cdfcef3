import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ContentBuffers } from '../../../src/spool/content/buffers.ts'
import { FreshMemory } from '../../../src/spool/content/fresh.ts'

const LARGE = 262_144
const MANY = 40

function used(buffers: ContentBuffers, count: number): void {
  const taken = Array.from({ length: count }, () => buffers.take())
  for (const buffer of taken) buffers.give(buffer)
}

test('What a burst of large mail took goes back to the system when nobody needs it, bit by bit.', () => {
  const buffers = new ContentBuffers(2 * MANY * LARGE, MANY * LARGE)
  used(buffers, MANY)
  assert.equal(buffers.spare, MANY)
  buffers.rest()
  assert.equal(buffers.spare, MANY, 'they were used since the last look')
  buffers.rest()
  assert.equal(buffers.spare, MANY - 5)
  for (let second = 0; second < 40; second++) buffers.rest()
  assert.equal(buffers.spare, 0)
})

test('Buffers that are used again and again stay.', () => {
  const buffers = new ContentBuffers(2 * MANY * LARGE, MANY * LARGE)
  for (let second = 0; second < 60; second++) {
    used(buffers, MANY)
    buffers.rest()
  }
  assert.equal(buffers.spare, MANY)
  for (let second = 0; second < 60; second++) {
    used(buffers, 3)
    buffers.rest()
  }
  assert.equal(buffers.spare, 3)
})

test('Fresh content that was not sent in ten seconds is let go of.', () => {
  let now = 0
  const buffers = new ContentBuffers(4 * LARGE, 4 * LARGE)
  const memory = new FreshMemory(16 * LARGE, buffers, () => now)
  const fresh = memory.open()
  assert.ok(fresh.add(buffers.take(), LARGE))
  now = 9999
  memory.rest()
  assert.ok(fresh.isHere)
  now = 10_000
  memory.rest()
  assert.ok(!fresh.isHere)
  assert.equal(buffers.spare, 1)
})
