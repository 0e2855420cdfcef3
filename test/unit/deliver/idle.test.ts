import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { DELIVER_DEFAULTS } from '../../../src/deliver/options.ts'
import { startSink } from '../../support/sink.ts'
import { waitFor } from '../../support/wait.ts'
import { address, hosts, routes, startRelay } from './relay.ts'

const ONE = { initial: 1, perNextHop: 1, total: 10 }

describe('a connection without work', () => {
  it('is closed in time though its next hop was busy for long before', async (t) => {
    const sink = await startSink(t, { delayMs: 500 })
    const lookup = { ...DELIVER_DEFAULTS.lookup, refreshMs: 10_000 }
    const connections = { ...DELIVER_DEFAULTS.connections, idleMs: 1_000 }
    const options = { concurrency: ONE, connections, lookup, routes: routes({}, hosts(sink.port)) }
    const relay = await startRelay(t, { options })
    await relay.submit({ to: 'a@example.org' })
    await relay.submit({ to: 'b@example.org' })
    relay.clock.advance(12_000)
    await relay.submit({ to: 'c@example.org' })
    sink.delayMs = 0
    await relay.quiet()
    relay.clock.advance(3_000)
    assert.equal(relay.deliver.status().connections, 0)
    await relay.submit({ to: 'd@example.org' })
    await relay.quiet()
    assert.deepEqual([relay.deliver.status().nextHops.length, relay.deliver.status().connections], [1, 1])
    relay.clock.advance(10_000)
    assert.equal(relay.deliver.status().connections, 0)
  })

  it('gives way at once to a next hop that waits for a place', async (t) => {
    const sinks = [await startSink(t, { delayMs: 100 }), await startSink(t)] as const
    const [busy, waiting] = sinks
    const table = routes({ 'busy.example': hosts(busy.port), 'waiting.example': hosts(waiting.port) })
    const relay = await startRelay(t, {
      options: { concurrency: { initial: 1, perNextHop: 1, total: 1 }, routes: table },
    })
    await relay.submit({ to: 'a@busy.example' })
    await relay.submit({ to: 'a@waiting.example' })
    await relay.quiet()
    assert.equal(waiting.messages.length, 1)
  })

  it('that a question left behind is noticed when the peer closes it', async (t) => {
    const sink = await startSink(t)
    const relay = await startRelay(t, { options: { routes: routes({}, hosts(sink.port)) } })
    await relay.deliver.ask(address('a@example.org'), null)
    assert.equal(relay.deliver.status().connections, 1)
    await sink.stop()
    await waitFor(() => relay.deliver.status().connections === 0, { what: 'the place to be free', everyMs: 1 })
  })
})
