import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TIME_OUTS } from '../../../scripts/lib/prove/network/config.ts'
import type { Config } from '../../../src/config/index.ts'
import { needRestart } from '../../../src/daemon/reload.ts'
import { reportsOptions } from '../../../src/daemon/reports.ts'
import { transportSetup } from '../../../src/daemon/transport-options.ts'
import { loaded } from '../config/support.ts'

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
  const config = loaded('')
  for (const [, , key] of TIME_OUTS.filter(([, , key]) => !key.startsWith('inspect.'))) {
    const value = key
      .split('.')
      .reduce<unknown>((found, name) => (found as Readonly<Record<string, unknown>> | undefined)?.[name], config)
    assert.equal(typeof value, 'number', key)
  }
})
