import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMetrics } from '../../../src/observe/registry.ts'

test('Counters, gauges and histograms of the table appear in the text format', async () => {
  const metrics = createMetrics({ strict: true })
  metrics.count('postern_accepted_total', { client: 'royal' })
  metrics.count('postern_accepted_total', { client: 'royal' }, 2)
  metrics.gauge('postern_connections', 7, { listener: '*:25' })
  metrics.observe('postern_spool_commit_seconds', 0.003)
  const text = await metrics.text()
  assert.match(text, /^postern_accepted_total\{client="royal"\} 3$/m)
  assert.match(text, /^postern_connections\{listener="\*:25"\} 7$/m)
  assert.match(text, /^postern_spool_commit_seconds_bucket\{le="0.002"\} 0$/m)
  assert.match(text, /^postern_spool_commit_seconds_bucket\{le="0.005"\} 1$/m)
  assert.match(text, /^# HELP postern_accepted_total .+/m)
})

test('An undeclared name, label or type is an error in tests', () => {
  const metrics = createMetrics({ strict: true })
  assert.throws(() => metrics.count('postern_unheard_of_total'))
  assert.throws(() => metrics.count('postern_accepted_total', { colour: 'blue' }))
  assert.throws(() => metrics.count('postern_connections', { listener: '*:25' }))
  assert.throws(() => metrics.observe('postern_delivery_seconds', Number.NaN))
})

test('Outside tests a wrong measurement is counted and never thrown into the path of a message', async () => {
  const metrics = createMetrics()
  metrics.count('postern_unheard_of_total')
  metrics.observe('postern_delivery_seconds', Number.NaN)
  assert.match(await metrics.text(), /^postern_metrics_misused_total 2$/m)
})

test('Replacing a gauge removes the labels that are not named', async () => {
  const metrics = createMetrics({ strict: true })
  metrics.replace('postern_queue_destination_pending', [[{ destination: 'a.test' }, 1]])
  metrics.replace('postern_queue_destination_pending', [[{ destination: 'b.test' }, 2]])
  const text = await metrics.text()
  assert.doesNotMatch(text, /a\.test/)
  assert.match(text, /^postern_queue_destination_pending\{destination="b.test"\} 2$/m)
})

test('A collector that fails hides nothing of the others', async () => {
  const metrics = createMetrics({ strict: true })
  metrics.beforeReading(() => Promise.reject(new Error('no spool')))
  metrics.beforeReading(() => {
    throw new Error('nothing at all')
  })
  metrics.beforeReading(() => metrics.gauge('postern_queue_damaged', 1))
  assert.match(await metrics.text(), /^postern_queue_damaged 1$/m)
})

test('Figures of the process are told under the names that dashboards know', async () => {
  assert.match(await createMetrics({ process: true }).text(), /^process_resident_memory_bytes \d+/m)
  assert.doesNotMatch(await createMetrics().text(), /process_resident_memory_bytes/)
})
