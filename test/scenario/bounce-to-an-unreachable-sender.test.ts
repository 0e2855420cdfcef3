import assert from 'node:assert/strict'
import { it } from 'node:test'
import { freePort } from '../support/ports.ts'
import { parseReport } from '../support/report.ts'
import { Sink, startSink } from '../support/sink.ts'
import { hosts, routes, startRelay } from '../unit/deliver/relay.ts'

it('a bounce waits for a sender whose server is down, and comes when it is back', async (t) => {
  const hop = await startSink(t, {
    fault: ({ phase }) => (phase === 'end' ? { reply: '554 5.6.0 not this content' } : null),
  })
  const port = await freePort()
  const relay = await startRelay(t, {
    options: { routes: routes({ 'royal.example.test': hosts(port) }, hosts(hop.port)) },
  })
  await relay.submit({ to: 'doctor@example.org' })
  await relay.advance(3 * 3_600_000)
  assert.equal((await relay.spool.summary()).states.pending, 1, 'the bounce')
  const home = new Sink({ port })
  await home.listen()
  t.after(() => home.stop())
  await relay.advance(3_600_000)
  const report = parseReport(home.messages[0]?.content ?? Buffer.alloc(0))
  assert.equal(report.perRecipient[0]?.get('status'), '5.6.0')
  assert.equal(report.perRecipient[0]?.get('diagnostic-code'), 'smtp; 554 5.6.0 not this content')
})
