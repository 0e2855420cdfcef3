import assert from 'node:assert/strict'
import test from 'node:test'
import { WatchedClock } from '../../../src/daemon/clock-watch.ts'
import { silentLog } from '../../../src/log.ts'
import { manualClock } from '../../support/clock.ts'

const HOUR = 3_600_000

function watched() {
  const machine = manualClock()
  const clock = new WatchedClock(machine)
  const back: number[] = []
  const trouble = { is: false }
  const stop = clock.watch(silentLog, async (byMs) => {
    if (trouble.is) throw new Error('no room on the disk')
    back.push(byMs)
  })
  const pass = async (seconds: number) => {
    for (let n = 0; n < seconds; n++) {
      machine.advance(1000)
      await new Promise(setImmediate)
    }
  }
  return { machine, clock, back, trouble, stop, pass }
}

test('a clock that is set back is noticed once, with how far', async () => {
  const { machine, clock, back, stop, pass } = watched()
  await pass(10)
  const before = clock.now()
  machine.jump(-HOUR)
  assert.equal(clock.now(), before - HOUR)
  await pass(20)
  assert.deepEqual(back, [HOUR])
  stop()
})

test('a clock that is set forward makes nothing wait longer, and going back from there is noticed', async () => {
  const { machine, back, stop, pass } = watched()
  machine.jump(HOUR)
  await pass(10)
  assert.deepEqual(back, [])
  machine.jump(-HOUR)
  await pass(10)
  assert.equal(back.length, 1)
  stop()
})

test('a clock that was ahead for a moment only is noticed if anybody asked for the time then', async () => {
  const { machine, clock, back, stop, pass } = watched()
  await pass(10)
  machine.jump(HOUR)
  clock.now()
  machine.jump(-HOUR)
  await pass(3)
  // Less the time until the look
  assert.deepEqual(
    back.map((byMs) => Math.round(byMs / 60_000)),
    [60],
  )
  stop()
})

test('a small step back is no jump', async () => {
  const { machine, back, stop, pass } = watched()
  await pass(10)
  machine.jump(-20_000)
  await pass(60)
  assert.deepEqual(back, [])
  stop()
})

test('what could not be done about a jump is tried again', async () => {
  const { machine, back, trouble, stop, pass } = watched()
  await pass(10)
  trouble.is = true
  machine.jump(-HOUR)
  await pass(10)
  trouble.is = false
  await pass(4)
  assert.equal(back.length, 1)
  stop()
})
