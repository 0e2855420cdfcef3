import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { watchEventLoop } from '../../../src/observe/event-loop.ts'
import { createMetrics } from '../../../src/observe/registry.ts'

function block(ms: number): void {
  for (const end = performance.now() + ms; performance.now() < end; );
}

test('A main thread that was blocked shows in the event-loop delay, and each reading starts anew', async (t) => {
  const metrics = createMetrics({ strict: true })
  const watch = watchEventLoop(metrics)
  t.after(() => watch.stop())
  await sleep(50)
  block(200)
  await sleep(50)
  const worst = watch.delaySeconds(1)
  assert.ok(worst > 0.1 && worst < 5, `the worst delay was ${worst} s`)
  assert.match(await metrics.text(), /^postern_event_loop_delay_seconds\{quantile="1"\} 0\.[1-9]/m)
  assert.ok(watch.delaySeconds(1) < worst)
})
