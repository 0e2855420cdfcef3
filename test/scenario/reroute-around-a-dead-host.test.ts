import assert from 'node:assert/strict'
import { it } from 'node:test'
import { formatDestination, parseDestination } from '../../src/deliver/destination.ts'
import { freePort } from '../support/ports.ts'
import { startSink } from '../support/sink.ts'
import { hosts, routes, startRelay } from '../unit/deliver/relay.ts'

it('an operator sends what waits for a dead host by way of another one, and back again', async (t) => {
  const spare = await startSink(t)
  const relay = await startRelay(t, { options: { routes: routes({}, hosts(await freePort())) } })
  for (let i = 0; i < 3; i++) await relay.submit({ to: `a${i}@example.org` })
  await relay.quiet()
  assert.equal((await relay.spool.summary()).states.pending, 3)

  const typed = parseDestination(`127.0.0.1:${spare.port}`)
  assert.ok(typed)
  const destination = formatDestination(typed)
  assert.equal(destination, `[127.0.0.1]:${spare.port}`)
  const done = await relay.spool.act({ do: 'reroute', destination }, { recipient: 'a0@example.org' }, 'operator')
  assert.deepEqual(done, { changed: 1, busy: 0 })
  relay.deliver.poke()
  await relay.quiet()
  assert.deepEqual(
    spare.messages.map(({ rcptTo }) => rcptTo[0]?.address),
    ['a0@example.org'],
  )
  assert.equal((await relay.spool.summary()).states.pending, 2, 'the others wait on')

  await relay.spool.act({ do: 'reroute', destination: '[127.0.0.1]:1' }, {}, 'operator')
  await relay.spool.act({ do: 'reroute', destination: null }, {}, 'operator')
  const { entries } = await relay.spool.list({}, { after: null, limit: 10 })
  assert.deepEqual(
    new Set(entries.flatMap(({ recipients }) => recipients.map((each) => each.destination))),
    new Set(['example.org']),
  )
})
