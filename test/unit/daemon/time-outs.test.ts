import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TIME_OUTS } from '../../../scripts/lib/prove/network/config.ts'
import type { Config } from '../../../src/config/index.ts'
import { needRestart } from '../../../src/daemon/reload.ts'
import { reportsOptions } from '../../../src/daemon/reports.ts'
import { transportSetup } from '../../../src/daemon/transport-options.ts'
import { loaded, said } from '../config/support.ts'

const withTimes = (): Config => loaded('delivery: { mtaStsTimeout: 7s }\nreports: { tls: { postTimeout: 9s } }\n')

test('how long an MTA-STS policy may take to fetch is a key, with half a minute as its default', () => {
  assert.equal(transportSetup(loaded('')).sts?.timeoutMs, 30_000)
  assert.equal(transportSetup(withTimes()).sts?.timeoutMs, 7_000)
})

test('it counts from the next start, and a reload says so', () => {
  assert.deepEqual(needRestart(loaded(''), withTimes()), ['delivery.mtaStsTimeout'])
})

test('how long posting a report may take is a key, with half a minute as its default', () => {
  assert.equal(reportsOptions(loaded('')).limits.postTimeoutMs, 30_000)
  assert.equal(reportsOptions(withTimes()).limits.postTimeoutMs, 9_000)
})

test('every wait that the proof of the network lists has a key, but for those of plugins', () => {
  const config = loaded('publish: { mtaSts: { listen: [] } }')
  for (const [, , key] of TIME_OUTS.filter(([, , key]) => !key.startsWith('inspect.'))) {
    const value = key
      .split('.')
      .reduce<unknown>((found, name) => (found as Readonly<Record<string, unknown>> | undefined)?.[name], config)
    assert.equal(typeof value, 'number', key)
  }
})

const SHORTEST = [
  'admin: { timeouts: { header: 1s, request: 1s, answer: 1s, idle: 1s } }',
  'metrics: { timeouts: { request: 1s, answer: 1s, idle: 1s } }',
  'delivery: { probeTimeout: 1s }',
  'limits: { wrongEnd: 1s }',
  'publish: { mtaSts: { listen: [], timeouts: { handshake: 1s, request: 1s, answer: 1s } } }',
  'inspect: [{ virus: { clamd: /run/c, idle: 100ms } }, { spam: { idle: 100ms } }]',
]

test('waits for peers of our own listeners, for probes and for scanners can be as short as is useful, and no shorter', () => {
  loaded(SHORTEST.join('\n'))
  const keys = SHORTEST.flatMap((line) => line.match(/(?:1s|100ms)/g) ?? []).length
  let refused = 0
  for (const line of SHORTEST) {
    for (const { index, 0: text } of line.matchAll(/1s|100ms/g)) {
      const shorter = text === '1s' ? '999ms' : '99ms'
      const changed = line.slice(0, index) + shorter + line.slice(index + text.length)
      assert.match(said(changed).join(), /a duration such as/, changed)
      refused++
    }
  }
  assert.equal(refused, keys)
})

test('those of listeners that stay open count from the next start, and a reload says so', () => {
  const more = 'admin: { timeouts: { idle: 7s } }\nmetrics: { timeouts: { idle: 7s } }\n'
  assert.deepEqual(needRestart(loaded(''), loaded(more)), ['admin.timeouts', 'metrics.timeouts'])
  const publish = (request: string) => loaded(`publish: { mtaSts: { listen: [], timeouts: { request: ${request} } } }`)
  assert.deepEqual(needRestart(publish('5s'), publish('6s')), ['publish.mtaSts.timeouts'])
  assert.deepEqual(needRestart(loaded(''), publish('5s')), [])
})
