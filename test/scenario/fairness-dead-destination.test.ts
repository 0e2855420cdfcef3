import assert from 'node:assert/strict'
import { it } from 'node:test'
import { freePort } from '../support/ports.ts'
import { startSink } from '../support/sink.ts'
import { hosts, routes, startRelay } from '../unit/deliver/relay.ts'

const DEAD = 2_000
const LIVE = 200

it('thousands of messages for a dead destination cost a live one nothing', async (t) => {
  const live = await startSink(t)
  const table = routes({ 'dead.test': hosts(await freePort()), 'live.test': hosts(live.port) })
  const relay = await startRelay(t, { options: { routes: table }, asleep: true })
  const messages: Promise<unknown>[] = []
  for (let i = 0; i < DEAD; i++) messages.push(relay.enqueue({ to: `a${i}@dead.test` }))
  for (let i = 0; i < LIVE; i++) messages.push(relay.enqueue({ to: `a${i}@live.test` }))
  await Promise.all(messages)
  relay.deliver.poke()
  await relay.quiet()
  assert.equal(live.messages.length, LIVE)
  await relay.advance(3_600_000)
  const { entries } = await relay.spool.list({ domain: 'dead.test' }, { after: null, limit: 5_000 })
  const attempts = entries.reduce((sum, { recipients }) => sum + (recipients[0]?.attempts ?? 0), 0)
  assert.equal(entries.length, DEAD, 'all of them still wait')
  assert.ok(attempts <= 7, `${attempts} attempts in an hour, of all of them together`)
})
