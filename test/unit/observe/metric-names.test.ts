import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { METRICS, type MetricDeclaration } from '../../../src/observe/metric-table.ts'

const SRC = fileURLToPath(new URL('../../../src', import.meta.url))
const table: Readonly<Record<string, MetricDeclaration>> = METRICS

/** Every metric name that stands as a string in the source, with the files it stands in. */
function namesInSource(): Map<string, string[]> {
  const found = new Map<string, string[]>()
  for (const file of globSync('**/*.ts', { cwd: SRC })) {
    if (file === 'observe/metric-table.ts') continue
    for (const [, name = ''] of readFileSync(`${SRC}/${file}`, 'utf8').matchAll(/['"`](postern_[a-z_]+)['"`]/g)) {
      found.set(name, [...(found.get(name) ?? []), file])
    }
  }
  return found
}

test('Every metric that the source names is declared', () => {
  const undeclared = [...namesInSource()].filter(([name]) => !(name in table))
  assert.deepEqual(undeclared, [])
})

test('Every call through the seam names its metric in full, so that it can be looked up', () => {
  const calls = /\bmetrics\.(?:count|observe|gauge|replace)\((?!\s*['"]postern_)\s*([^\s,)]*)/g
  const loose = globSync('**/*.ts', { cwd: SRC }).flatMap((file) =>
    [...readFileSync(`${SRC}/${file}`, 'utf8').matchAll(calls)].map(([, what]) => `${file}: ${what}`),
  )
  assert.deepEqual(loose, [])
})

test('Names say their unit as Prometheus asks, and histograms have rising buckets', () => {
  for (const [name, { type, buckets }] of Object.entries(table)) {
    assert.equal(name.endsWith('_total'), type === 'counter', name)
    assert.equal(buckets !== undefined, type === 'histogram', name)
    assert.deepEqual(
      buckets ?? [],
      [...(buckets ?? [])].sort((a, b) => a - b),
      name,
    )
  }
})
