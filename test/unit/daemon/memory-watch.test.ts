import assert from 'node:assert/strict'
import test from 'node:test'
import type { Alarms } from '../../../src/alarms.ts'
import { type MemoryOptions, MemoryWatch } from '../../../src/daemon/memory-watch.ts'
import { noMetrics } from '../../../src/metrics.ts'
import { manualClock } from '../../support/clock.ts'
import { keptLog } from '../accept/harness.ts'

const MIB = 2 ** 20
const OPTIONS: MemoryOptions = { boundBytes: null, refuseAt: 0.85, resumeAt: 0.75 }

/** A process of which a test says what it holds, in hundredths of 100 MiB. */
function watched(options = OPTIONS) {
  const clock = manualClock()
  const log = keptLog()
  const is = { held: 50, looks: 0, collections: 0 }
  const standing = new Map<string, string>()
  const alarms: Alarms = {
    raise: (key, text) => void standing.set(key, text),
    clear: (key) => void standing.delete(key),
  }
  const look = () => {
    is.looks++
    return [
      { of: 'far', heldBytes: 0, limitBytes: MIB },
      { of: 'near', heldBytes: is.held * MIB, limitBytes: 100 * MIB },
    ]
  }
  const collect = async () => void is.collections++
  const watch = new MemoryWatch(options, { log, metrics: noMetrics, clock, alarms, look, collect })
  const hold = (held: number, ms = 250) => {
    is.held = held
    clock.advance(ms)
  }
  return { watch, clock, log, is, standing, hold }
}

test('nothing new is admitted from the share on, and it is again only below the lower one', () => {
  const { watch, hold } = watched()
  hold(84.9)
  assert.equal(watch.admits(1), true)
  hold(85)
  assert.equal(watch.admits(1), false)
  assert.match(watch.trouble ?? '', /85 of 100 MiB are held \(near\)/)
  hold(75)
  assert.equal(watch.admits(1), false)
  hold(74.9)
  assert.equal(watch.admits(1), true)
  assert.equal(watch.trouble, null)
})

test('what stays just below the higher share for a while is taken for what the process needs', () => {
  const { watch, hold } = watched()
  hold(90)
  hold(80, 9000)
  assert.equal(watch.admits(1), false)
  hold(86)
  hold(80, 9000)
  assert.equal(watch.admits(1), false)
  hold(80, 2000)
  assert.equal(watch.admits(1), true)
})

test('what is let in between two looks is looked at before it can fill what is left', () => {
  const { watch, is } = watched()
  const before = is.looks
  let admitted = 0
  // Each takes what it was let in for, all within one moment
  while (watch.admits(MIB) && admitted < 1000) {
    admitted++
    is.held++
  }
  assert.ok(admitted >= 30 && is.held < 91, `${admitted} were admitted, ${is.held} MiB are held`)
  assert.ok(is.looks - before <= 12, `looked ${is.looks - before} times`)
})

test('what has begun may go on until half of the rest is gone as well', () => {
  const { watch, hold } = watched()
  hold(92)
  assert.equal(watch.isSpent, false)
  hold(92.5)
  assert.equal(watch.isSpent, true)
  hold(60)
  assert.equal(watch.isSpent, false)
})

test('garbage is collected when memory is short, and not without end', () => {
  const { is, hold } = watched()
  hold(84)
  assert.equal(is.collections, 0)
  hold(90)
  assert.equal(is.collections, 1)
  hold(90, 4500)
  assert.equal(is.collections, 1)
  hold(90, 1000)
  assert.equal(is.collections, 2)
})

test('operators hear once of a flood in which memory is short again and again, and once that it is over', () => {
  const { log, standing, hold } = watched()
  const said = () => log.lines.filter(({ level }) => level === 'warn' || level === 'info').length
  for (let n = 0; n < 10; n++) {
    hold(90, 500)
    hold(60, 500)
    assert.equal(standing.has('memory'), true)
  }
  assert.equal(said(), 1)
  hold(60, 59_000)
  assert.equal(standing.has('memory'), true)
  hold(60, 2000)
  assert.equal(standing.has('memory'), false)
  assert.equal(said(), 2)
})

test('other shares count at once, and nothing is watched where nothing is limited', () => {
  const { watch, hold } = watched()
  hold(80)
  watch.update({ ...OPTIONS, refuseAt: 0.8, resumeAt: 0.7 })
  assert.equal(watch.admits(1), false)
  const clock = manualClock()
  const free = new MemoryWatch(OPTIONS, {
    ...{ log: keptLog(), metrics: noMetrics, clock, look: () => [] },
    alarms: { raise: () => assert.fail(), clear() {} },
  })
  assert.equal(free.admits(2 ** 50), true)
  free.stop()
  assert.equal(clock.waiting, 0)
})
