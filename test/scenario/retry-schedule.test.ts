import assert from 'node:assert/strict'
import { it } from 'node:test'
import { parseReport } from '../support/report.ts'
import { startSink } from '../support/sink.ts'
import { hosts, routes, startRelay } from '../unit/deliver/relay.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

it('a message that nobody takes is tried quickly at first, then hourly, its sender is told after four hours, and after five days it goes back', async (t) => {
  const attempts: number[] = []
  const hop = await startSink(t, {
    fault: ({ phase }) => {
      if (phase !== 'rcpt') return null
      attempts.push(relay.clock.now())
      return { reply: '450 4.2.1 the mailbox is being moved' }
    },
  })
  const home = await startSink(t)
  const table = routes({ 'royal.example.test': hosts(home.port) }, hosts(hop.port))
  const relay = await startRelay(t, { options: { routes: table }, random: Math.random })
  const start = relay.clock.now()
  await relay.submit({
    from: 'nurse@royal.example.test',
    to: 'doctor@example.org',
    envelope: { envid: 'E-1', ret: 'hdrs' },
  })

  await relay.goTo(start + 4 * HOUR - MINUTE)
  assert.equal(home.messages.length, 0, 'nothing to tell yet')
  await relay.goTo(start + 4 * HOUR + 2 * MINUTE)
  assert.equal(home.messages.length, 1, 'one delay notice')
  await relay.goTo(start + 5 * DAY - MINUTE)
  assert.equal(home.messages.length, 1, 'and no second one')
  assert.equal((await relay.spool.summary()).states.pending, 1)
  await relay.goTo(start + 5 * DAY + 3 * MINUTE)
  assert.equal(home.messages.length, 2, 'a bounce')
  await relay.advance(DAY)

  const waits = attempts.slice(1).map((at, i) => (at - (attempts[i] ?? 0)) / MINUTE)
  for (const [i, minutes] of [1, 2, 5, 10, 20, 30, 60].entries()) {
    assert.ok(Math.abs((waits[i] ?? 0) - minutes) <= minutes * 0.1 + 0.1, `wait ${i} of ${waits[i]} minutes`)
  }
  assert.ok(
    waits.slice(6).every((wait) => wait >= 53.9 && wait <= 66.1),
    'hourly, within the jitter',
  )
  const last = attempts.at(-1) ?? 0
  assert.ok(last > start + 5 * DAY - 66 * MINUTE && last < start + 5 * DAY, 'until the end, and not after it')
  assert.ok(attempts.length > 115 && attempts.length < 130, `${attempts.length} attempts`)

  const [delayed, failed] = home.messages.map(({ content }) => parseReport(content))
  assert.equal(delayed?.perRecipient[0]?.get('action'), 'delayed')
  assert.equal(delayed?.perRecipient[0]?.get('status'), '4.2.1')
  assert.equal(delayed?.perRecipient[0]?.get('diagnostic-code'), 'smtp; 450 4.2.1 the mailbox is being moved')
  assert.equal(failed?.perRecipient[0]?.get('action'), 'failed')
  assert.equal(failed?.perRecipient[0]?.get('status'), '4.4.7')
  assert.equal(failed?.perMessage.get('original-envelope-id'), 'E-1')
  assert.equal(failed?.perMessage.get('arrival-date'), delayed?.perMessage.get('arrival-date'))
  assert.equal(hop.messages.length, 0)
  assert.deepEqual((await relay.spool.summary()).states, { pending: 0, leased: 0, held: 0 })
})
