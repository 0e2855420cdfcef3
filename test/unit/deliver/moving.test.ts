import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { DELIVER_DEFAULTS } from '../../../src/deliver/options.ts'
import { freePort } from '../../support/ports.ts'
import { startSink } from '../../support/sink.ts'
import { waitFor } from '../../support/wait.ts'
import { HOSTNAME, hosts, routes, startRelay } from './relay.ts'

const ONE = { initial: 1, perNextHop: 1, total: 10 }
const defaults = { ...DELIVER_DEFAULTS, hostname: HOSTNAME, helo: HOSTNAME, concurrency: ONE }

describe('a route that leads nowhere', () => {
  it('is replaced, and what waited for it goes at once', async (t) => {
    const sink = await startSink(t)
    const dead = await freePort()
    const relay = await startRelay(t, { options: { routes: routes({}, hosts(dead)) } })
    for (const name of ['first', 'second', 'third']) await relay.submit({ to: `${name}@example.org` })
    await relay.quiet()
    relay.deliver.update({
      ...DELIVER_DEFAULTS,
      hostname: HOSTNAME,
      helo: HOSTNAME,
      routes: routes({}, hosts(sink.port)),
    })
    // Less than the next hop of old would rest
    await relay.advance(10_000)
    assert.equal(sink.messages.length, 2)
  })
})

describe('a route that changes while a message is under way', () => {
  it('takes along what has to begin anew', async (t) => {
    const old = await startSink(t)
    const next = await startSink(t)
    const relay = await startRelay(t, { options: { concurrency: ONE, routes: routes({}, hosts(old.port)) } })
    const sending = () => relay.deliver.status().nextHops.reduce((sum, hop) => sum + hop.sending, 0)
    await relay.submit({ to: 'first@example.org' })
    await relay.quiet()
    // One is under way on the connection that was kept, two wait behind it
    old.fault = ({ phase }) => (phase === 'mail' ? 'hang' : null)
    next.delayMs = 150
    for (const name of ['second', 'third', 'fourth']) await relay.submit({ to: `${name}@example.org` })
    await waitFor(() => sending() === 1, { what: 'a message under way', everyMs: 1 })
    relay.deliver.update({ ...defaults, routes: routes({}, hosts(next.port)) })
    await waitFor(() => sending() === 2, { what: 'another on the new route', everyMs: 1 })
    await old.stop()
    await relay.quiet()
    const reached = next.messages.flatMap(({ rcptTo }) => rcptTo.map((each) => each.address))
    assert.deepEqual([...reached].sort(), ['fourth@example.org', 'second@example.org', 'third@example.org'])
    assert.equal(
      relay.deliver.status().nextHops.every(({ waiting }) => waiting === 0),
      true,
    )
  })
})
