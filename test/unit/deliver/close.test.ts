import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { startSink } from '../../support/sink.ts'
import { waitFor } from '../../support/wait.ts'
import { hosts, routes, startRelay } from './relay.ts'

const states = { pending: 0, leased: 0, held: 0 }

describe('closing', () => {
  it('finishes what is being sent, and gives back the rest', async (t) => {
    const sink = await startSink(t, { delayMs: 100 })
    const relay = await startRelay(t, {
      options: { routes: routes({}, hosts(sink.port)), concurrency: { initial: 2, perNextHop: 2, total: 2 } },
    })
    for (let i = 0; i < 6; i++) await relay.submit({ to: `a${i}@example.org` })
    await waitFor(() => relay.deliver.status().nextHops[0]?.sending === 2, { what: 'two to be under way', everyMs: 1 })
    await relay.deliver.close(10_000)
    assert.equal(sink.messages.length, 2)
    assert.deepEqual((await relay.spool.summary()).states, { ...states, pending: 4 })
    const { entries } = await relay.spool.list({}, { after: null, limit: 10 })
    assert.deepEqual(
      entries.map(({ recipients }) => recipients[0]?.attempts),
      [0, 0, 0, 0],
    )
    assert.equal(relay.deliver.status().connections, 0)
  })

  it('breaks off what is not finished in time; it is tried again later', async (t) => {
    const sink = await startSink(t, { fault: ({ phase }) => (phase === 'end' ? 'hang' : null) })
    const relay = await startRelay(t, { realTime: true, options: { routes: routes({}, hosts(sink.port)) } })
    await relay.submit({ to: 'a@example.org' })
    await waitFor(() => relay.deliver.status().nextHops[0]?.sending === 1, { what: 'it to be under way', everyMs: 1 })
    await relay.deliver.close(50)
    assert.deepEqual((await relay.spool.summary()).states, { ...states, pending: 1 })
    assert.equal((await relay.spool.summary()).destinations[0]?.blockedUntil, null, 'the next hop did nothing wrong')
  })

  it('takes nothing more into memory', async (t) => {
    const sink = await startSink(t)
    const relay = await startRelay(t, { options: { routes: routes({}, hosts(sink.port)) } })
    await relay.deliver.close(0)
    await relay.submit({ to: 'a@example.org' })
    relay.deliver.poke()
    assert.deepEqual((await relay.spool.summary()).states, { ...states, pending: 1 })
    assert.equal(sink.connections, 0)
  })

  it('does not wait for a spool that is gone', async (t) => {
    const sink = await startSink(t, { delayMs: 100 })
    const relay = await startRelay(t, { diesAtCommit: 2, options: { routes: routes({}, hosts(sink.port)) } })
    await relay.submit({ to: 'a@example.org' })
    await waitFor(() => relay.deliver.status().nextHops[0]?.sending === 1, { what: 'it to be under way', everyMs: 1 })
    await assert.rejects(relay.enqueue({ to: 'b@example.org' }), { name: 'SpoolUnavailable', isGone: true })
    // Its clock stands still: no time-out ends it
    await relay.deliver.close(60_000)
    assert.equal(sink.messages.length, 1)
    assert.match(
      relay.log.map(({ message }) => message).join(),
      /the spool is gone: what became of these is not written/,
    )
  })

  it('says goodbye to idle connections', async (t) => {
    const sink = await startSink(t)
    const relay = await startRelay(t, { options: { routes: routes({}, hosts(sink.port)) } })
    await relay.submit({ to: 'a@example.org' })
    await relay.quiet()
    assert.equal(relay.deliver.status().connections, 1)
    await relay.deliver.close(0)
    assert.equal(relay.deliver.status().connections, 0)
  })
})
