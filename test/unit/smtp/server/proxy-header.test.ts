import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dial, startWire } from './support.ts'

// The library's own timer, which no clock reaches
const IDLE_MS = 200

test('a proxy that says nothing is let go after the time for silence', { timeout: 20_000 }, async (t) => {
  const { port, sessions } = await startWire(t, { proxies: ['127.0.0.1'], limits: { idleMs: IDLE_MS } })
  assert.equal(await dial(t, port).closed(), '')
  const begun = dial(t, port)
  begun.send('PROXY TCP4 192.0.2.7')
  assert.equal(await begun.closed(), '')
  assert.deepEqual(sessions, [])
})

test('a change of that time counts from the next connection', { timeout: 20_000 }, async (t) => {
  const { port, server } = await startWire(t, { proxies: ['127.0.0.1'] })
  server.setOptions({ limits: { idleMs: IDLE_MS } })
  assert.equal(await dial(t, port).closed(), '')
})
