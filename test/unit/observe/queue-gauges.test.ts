import assert from 'node:assert/strict'
import { test } from 'node:test'
import { watchQueue } from '../../../src/observe/queue-gauges.ts'
import { createMetrics } from '../../../src/observe/registry.ts'
import type { SpoolSummary } from '../../../src/spool/contract.ts'
import { manualClock } from '../../support/clock.ts'

const clock = manualClock()

const summary = (more: Partial<SpoolSummary> = {}): SpoolSummary => ({
  states: { pending: 3, leased: 1, held: 2 },
  oldest: clock.now() - 90_000,
  destinations: [],
  damaged: 0,
  room: 'open',
  freeBytes: 1_024,
  ...more,
})

const destination = (name: string, pending: number, blockedUntil: number | null = null) => ({
  destination: name,
  pending,
  leased: 0,
  blockedUntil,
  reason: null,
})

test('The gauges of the queue are set from the summary at each reading', async () => {
  const metrics = createMetrics({ strict: true })
  watchQueue(metrics, async () => summary({ room: 'full' }), clock)
  const text = await metrics.text()
  assert.match(text, /^postern_queue_recipients\{state="held"\} 2$/m)
  assert.match(text, /^postern_queue_oldest_seconds 90$/m)
  assert.match(text, /^postern_spool_room\{room="full"\} 1$/m)
  assert.match(text, /^postern_spool_room\{room="open"\} 0$/m)
})

test('Only the longest queues have a series of their own, the rest are added up', async () => {
  const metrics = createMetrics({ strict: true })
  const destinations = [
    destination('small.test', 1),
    destination('large.test', 50, clock.now() + 60_000),
    destination('medium.test', 7, clock.now() - 1),
    destination('tiny.test', 2),
  ]
  watchQueue(metrics, async () => summary({ destinations }), clock, { destinations: 2, timeoutMs: 1_000 })
  const text = await metrics.text()
  assert.match(text, /^postern_queue_destination_pending\{destination="large.test"\} 50$/m)
  assert.match(text, /^postern_queue_destination_pending\{destination="medium.test"\} 7$/m)
  assert.match(text, /^postern_queue_destination_pending\{destination="other"\} 3$/m)
  assert.doesNotMatch(text, /small\.test|tiny\.test/)
  assert.match(text, /^postern_queue_blocked_destinations 1$/m)
})

test('A spool that does not answer holds up no reading', async () => {
  const metrics = createMetrics({ strict: true })
  const own = manualClock()
  watchQueue(metrics, () => new Promise(() => {}), own)
  metrics.count('postern_accepted_bytes_total', {}, 5)
  const reading = metrics.text()
  own.advance(2_000)
  assert.match(await reading, /^postern_accepted_bytes_total 5$/m)
})
