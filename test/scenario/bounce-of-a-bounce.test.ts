import assert from 'node:assert/strict'
import { it } from 'node:test'
import { startSink } from '../support/sink.ts'
import { hosts, routes, startRelay } from '../unit/deliver/relay.ts'

it('a bounce that cannot be delivered ends there: logged, dropped, and answered to nobody', async (t) => {
  const closed = await startSink(t, {
    fault: ({ phase }) => (phase === 'rcpt' ? { reply: '550 5.1.1 no such user' } : null),
  })
  const relay = await startRelay(t, { options: { routes: routes({}, hosts(closed.port)) } })
  const queueId = await relay.submit({ from: 'forged@victim.test', to: 'nobody@example.org' })
  await relay.quiet()
  assert.equal(relay.counted.get('postern_failed_total{address}'), 2, 'the message, then its bounce')
  assert.deepEqual((await relay.spool.summary()).states, { pending: 0, leased: 0, held: 0 })
  const attempts = relay.log.filter(({ message }) => message === 'attempt')
  assert.deepEqual(
    attempts.map(({ fields }) => fields.destination),
    ['example.org', 'victim.test'],
  )
  assert.equal(attempts[0]?.fields.queueId, queueId)
  await relay.advance(86_400_000)
  assert.equal(closed.messages.length, 0)
})
