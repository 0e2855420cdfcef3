import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FreshMemory } from '../../../src/spool/content/fresh.ts'

const stretch = (bytes: number) => Buffer.allocUnsafeSlow(bytes)

test('stretches are kept up to the limit of one message, and all of them go when one is too many', () => {
  const memory = new FreshMemory(100, 20)
  const kept = memory.keep()
  assert.ok(kept.add(stretch(10)))
  assert.ok(kept.add(stretch(10)))
  assert.equal(kept.stretches?.length, 2)
  assert.equal(kept.add(stretch(1)), false)
  assert.equal(kept.stretches, null)
  assert.equal(kept.add(stretch(1)), false)
})

test('all messages together stay within the memory, and what one lets go of is there for the next', () => {
  const memory = new FreshMemory(20, 20)
  const first = memory.keep()
  assert.ok(first.add(stretch(20)))
  assert.equal(memory.keep().add(stretch(1)), false)
  first.drop()
  first.drop()
  const next = memory.keep()
  assert.ok(next.add(stretch(20)))
  assert.equal(memory.keep().add(stretch(1)), false)
})

test('a stretch counts with all of its buffer, however little of it is filled', () => {
  const memory = new FreshMemory(100, 16)
  assert.equal(memory.keep().add(stretch(64).subarray(0, 4)), false)
})
