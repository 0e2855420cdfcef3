import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { parseReport } from '../../support/report.ts'
import { startSink } from '../../support/sink.ts'
import { hosts, mxAt, routes, startRelay } from './relay.ts'

const refusing = (t: TestContext, phase: 'mail' | 'rcpt', reply: string) =>
  startSink(t, { fault: (call) => (call.phase === phase ? { reply } : null) })

describe('a host that an operator named', () => {
  for (const [code, phase] of [
    ['530 5.7.0 Authentication required', 'mail'],
    ['535 5.7.8 Authentication credentials invalid', 'mail'],
    ['538 5.7.11 Encryption required', 'rcpt'],
  ] as const) {
    it(`and that says ${code.slice(0, 3)} at ${phase.toUpperCase()} only defers: our login can be put right`, async (t) => {
      const sink = await refusing(t, phase, code)
      const relay = await startRelay(t, { options: { routes: routes({}, hosts(sink.port)) } })
      await relay.submit({ to: 'a@example.org' })
      await relay.quiet()
      const { entries } = await relay.spool.list({}, { after: null, limit: 1 })
      assert.equal(entries[0]?.recipients[0]?.lastReply, code)
    })
  }

  it('and that refuses otherwise is believed', async (t) => {
    const [sink, home] = [await refusing(t, 'mail', '550 5.7.1 no'), await startSink(t)]
    const table = routes({ 'royal.example.test': hosts(home.port) }, hosts(sink.port))
    const relay = await startRelay(t, { options: { routes: table } })
    await relay.submit({ to: 'a@example.org' })
    await relay.quiet()
    assert.equal(home.messages.length, 1)
  })
})

it('an exchanger that wants a login is believed: it takes no mail from strangers', async (t) => {
  const [sink, home] = [await refusing(t, 'mail', '530 5.7.0 Authentication required'), await startSink(t)]
  const { routes: table, lookup } = mxAt(sink.port)
  const zone = { 'example.org': { mx: [[10, 'mx.example.org']] }, 'mx.example.org': { a: ['127.0.0.1'] } } as const
  const domains = new Map([['royal.example.test', hosts(home.port)]])
  const relay = await startRelay(t, { zone, options: { routes: { ...table, domains }, lookup } })
  await relay.submit({ to: 'a@example.org' })
  await relay.quiet()
  const [report] = home.messages.map(({ content }) => parseReport(content))
  assert.equal(report?.perRecipient[0]?.get('status'), '5.7.0')
})
