import assert from 'node:assert/strict'
import { it } from 'node:test'
import { startSink } from '../support/sink.ts'
import { waitFor } from '../support/wait.ts'
import { hosts, routes, startRelay } from '../unit/deliver/relay.ts'

it('destinations that share a next hop take turns, however many messages wait for one of them', async (t) => {
  const order: string[] = []
  const sink = await startSink(t, {
    delayMs: 2,
    onMessage: ({ rcptTo }) => void order.push(rcptTo[0]?.address.split('@')[1] ?? ''),
  })
  const relay = await startRelay(t, {
    options: { routes: routes({}, hosts(sink.port)), concurrency: { initial: 1, perNextHop: 1, total: 10 } },
    asleep: true,
  })
  for (let i = 0; i < 300; i++) await relay.enqueue({ to: `a${i}@many.test` })
  for (let i = 0; i < 5; i++) await relay.enqueue({ to: `a${i}@few.test` })
  relay.deliver.poke()
  await waitFor(() => order.length >= 40, { what: 'forty messages', everyMs: 1 })
  assert.equal(order.slice(0, 40).filter((domain) => domain === 'few.test').length, 5)
  await relay.quiet()
  assert.equal(order.length, 305)
})
