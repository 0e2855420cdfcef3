import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Clock } from '../../../../src/clock.ts'
import { Deadline } from '../../../../src/smtp/client/deadline.ts'

/** Time that moves by hand; `set` changes the time of day without time passing. */
class HandClock implements Clock {
  timers = 0
  #day = 1_000_000
  #passed = 0
  #waiting: { at: number; fn: () => void }[] = []

  now(): number {
    return this.#day + this.#passed
  }

  after(ms: number, fn: () => void): () => void {
    this.timers++
    const timer = { at: this.#passed + ms, fn }
    this.#waiting.push(timer)
    return () => {
      this.#waiting = this.#waiting.filter((other) => other !== timer)
    }
  }

  get waiting(): number {
    return this.#waiting.length
  }

  setDay(byMs: number): void {
    this.#day += byMs
  }

  pass(ms: number): void {
    const end = this.#passed + ms
    for (;;) {
      const next = this.#waiting.sort((a, b) => a.at - b.at)[0]
      if (next === undefined || next.at > end) break
      this.#waiting.shift()
      this.#passed = next.at
      next.fn()
    }
    this.#passed = end
  }
}

function setUp() {
  const clock = new HandClock()
  const fired: number[] = []
  return { clock, fired, deadline: new Deadline(clock, () => fired.push(clock.now() - 1_000_000)) }
}

test('It fires at its time, once.', () => {
  const { clock, fired, deadline } = setUp()
  deadline.set(300)
  clock.pass(299)
  assert.deepEqual(fired, [])
  clock.pass(1)
  clock.pass(10_000)
  assert.deepEqual(fired, [300])
})

test('Moved again and again, it fires after the last time, and few timers were made.', () => {
  const { clock, fired, deadline } = setUp()
  for (let i = 0; i < 1000; i++) {
    deadline.set(300)
    clock.pass(1)
  }
  clock.pass(1000)
  assert.deepEqual(fired, [1299])
  assert.ok(clock.timers <= 6, `${clock.timers} timers`)
})

test('Moved to an earlier time, it fires then.', () => {
  const { clock, fired, deadline } = setUp()
  deadline.set(600)
  deadline.set(100)
  clock.pass(1000)
  assert.deepEqual(fired, [100])
})

test('Cleared, it does not fire.', () => {
  const { clock, fired, deadline } = setUp()
  deadline.set(100)
  deadline.clear()
  clock.pass(1000)
  assert.deepEqual(fired, [])
})

test('Stopped, it leaves no timer behind.', () => {
  const { clock, deadline } = setUp()
  deadline.set(100)
  deadline.stop()
  assert.equal(clock.waiting, 0)
})

test('A time of day that is set back by an hour delays it by its own length at the most.', () => {
  const { clock, fired, deadline } = setUp()
  deadline.set(100)
  clock.setDay(-3_600_000)
  clock.pass(200)
  assert.equal(fired.length, 1)
})
