import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { startSink } from '../../support/sink.ts'
import { hosts, routes, startRelay } from './relay.ts'

describe('delivery', () => {
  it('sends a fresh message from memory', async (t) => {
    const sink = await startSink(t)
    const relay = await startRelay(t, { options: { routes: routes({}, hosts(sink.port)) } })
    await relay.submit({ to: 'a@example.org' })
    await relay.quiet()
    assert.equal(sink.messages.length, 1)
    assert.deepEqual((await relay.spool.summary()).states, { pending: 0, leased: 0, held: 0 })
    assert.equal(sink.messages[0]?.helo, 'relay.example.test')
  })

  it('sends what waits in the spool', async (t) => {
    const sink = await startSink(t)
    const relay = await startRelay(t, { options: { routes: routes({}, hosts(sink.port)) }, asleep: true })
    for (let i = 0; i < 300; i++) await relay.enqueue({ to: `a${i}@example.org` })
    relay.deliver.poke()
    await relay.quiet()
    assert.equal(new Set(sink.messages.map((m) => m.rcptTo[0]?.address)).size, 300)
    assert.equal(sink.messages.length, 300)
  })
})
