import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { DELIVER_DEFAULTS } from '../../../src/deliver/options.ts'
import { freePort } from '../../support/ports.ts'
import { startSink } from '../../support/sink.ts'
import { address, hosts, newMessage, routes, startRelay } from './relay.ts'

const memory = { ...DELIVER_DEFAULTS.memory, destinations: 3 }
const { envelope } = newMessage({ to: 'a@example.org' }, 0)

describe('what is remembered of next hops', () => {
  it('does not grow with the number of those that are down', async (t) => {
    const dead = await Promise.all(Array.from({ length: 9 }, () => freePort()))
    const table = routes(Object.fromEntries(dead.map((port, i) => [`d${i}.example`, hosts(port)])))
    const relay = await startRelay(t, { options: { routes: table, memory } })
    for (const i of dead.keys()) await relay.submit({ to: `a@d${i}.example` })
    await relay.quiet()
    relay.clock.advance(5_000)
    assert.equal(relay.deliver.status().nextHops.length, 3)
    const { states } = await relay.spool.summary()
    assert.equal(states.pending, 9)
  })

  it('does not grow with destinations whose messages were planned and never came', async (t) => {
    const sink = await startSink(t)
    const relay = await startRelay(t, { options: { routes: routes({}, hosts(sink.port)), memory } })
    for (let i = 0; i < 50; i++)
      relay.deliver.plan({ address: address(`a@d${i}.example`), notify: null, orcpt: null }, envelope)
    await relay.submit({ to: 'a@example.org' })
    await relay.quiet()
    relay.clock.advance(5_000)
    const [hop] = relay.deliver.status().nextHops
    assert.ok((hop?.destinations ?? 0) <= 3)
  })
})
