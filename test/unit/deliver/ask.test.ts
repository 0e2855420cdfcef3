import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { freePort } from '../../support/ports.ts'
import { startSink } from '../../support/sink.ts'
import { waitFor } from '../../support/wait.ts'
import { address, hosts, routes, startRelay } from './relay.ts'

const FROM = address('someone@elsewhere.test')

describe('asking the next hop about a recipient', () => {
  const cases: [said: string | null, known: string][] = [
    [null, 'exists'],
    ['250 2.1.5 ok', 'exists'],
    ['251 2.1.5 will forward', 'exists'],
    ['550 5.1.1 no such user', 'unknown'],
    ['550 no such user', 'unknown'],
    ['553 5.1.3 bad address', 'unknown'],
    ['550 5.2.1 closed', 'unknown'],
    ['552 5.2.2 full', 'exists'],
    ['550 5.7.1 your sender is not welcome', 'temporary'],
    ['503 5.5.1 what', 'temporary'],
    ['450 4.2.1 greylisted', 'temporary'],
    ['421 4.3.2 closing', 'temporary'],
  ]
  for (const [said, known] of cases) {
    it(`takes ${said ?? 'the usual yes'} for ${known}`, async (t) => {
      const sink = await startSink(t, {
        fault: ({ phase }) => (phase === 'rcpt' && said !== null ? { reply: said } : null),
      })
      const relay = await startRelay(t, { options: { routes: routes({}, hosts(sink.port)) } })
      const answer = await relay.deliver.ask(address('a@example.org'), FROM)
      assert.equal(answer.known, known)
      assert.equal(sink.messages.length, 0)
    })
  }

  it('uses a connection that is idle, and leaves it fit for messages', async (t) => {
    const sink = await startSink(t)
    const relay = await startRelay(t, { options: { routes: routes({}, hosts(sink.port)) } })
    assert.equal(await relay.deliver.lookup(address('a@example.org'), FROM), 'exists')
    assert.equal(await relay.deliver.lookup(address('b@example.org'), null), 'exists')
    await relay.submit({ to: 'a@example.org' })
    await relay.quiet()
    assert.deepEqual([sink.connections, sink.messages.length], [1, 1])
    assert.deepEqual(
      sink.messages[0]?.rcptTo.map((to) => to.address),
      ['a@example.org'],
    )
  })

  it('says nothing about the recipient where MAIL was refused', async (t) => {
    const sink = await startSink(t, {
      fault: ({ phase }) => (phase === 'mail' ? { reply: '550 5.1.8 who are you' } : null),
    })
    const relay = await startRelay(t, { options: { routes: routes({}, hosts(sink.port)) } })
    assert.equal(await relay.deliver.lookup(address('a@example.org'), FROM), 'temporary')
  })

  it('says temporary where nobody can be asked', async (t) => {
    const relay = await startRelay(t, { options: { routes: routes({}, hosts(await freePort())) } })
    const answer = await relay.deliver.ask(address('a@example.org'), FROM)
    assert.equal(answer.known, 'temporary')
    assert.match(answer.reply.lines.join(), /connection refused/)
    const nowhere = await startRelay(t, { zone: {} })
    assert.equal(await nowhere.deliver.lookup(address('a@nowhere.test'), FROM), 'temporary')
  })

  it('takes only its share of connections from messages where nobody answers, and gives them back', async (t) => {
    const deaf = await startSink(t, { fault: ({ phase }) => (phase === 'greeting' ? 'hang' : null) })
    const sink = await startSink(t)
    const relay = await startRelay(t, {
      realTime: true,
      options: {
        askTimeoutMs: 300,
        concurrency: { initial: 1, perNextHop: 2, total: 3 },
        routes: routes({ 'deaf.example': hosts(deaf.port) }, hosts(sink.port)),
      },
    })
    const asked = Array.from({ length: 9 }, (_, i) => relay.deliver.lookup(address(`a${i}@deaf.example`), FROM))
    await relay.submit({ to: 'a@example.org' })
    await waitFor(() => sink.messages.length === 1, { what: 'the message', everyMs: 1 })
    assert.equal(relay.deliver.status().connections, 3)
    assert.deepEqual([...new Set(await Promise.all(asked))], ['temporary'])
    const places = () => relay.deliver.status().connections
    await waitFor(() => places() <= 1, { what: 'the places of the questions', timeoutMs: 5_000 })
  })

  it('gives up after its time, and closes the connection', async (t) => {
    const sink = await startSink(t, { fault: ({ phase }) => (phase === 'rcpt' ? 'hang' : null) })
    const relay = await startRelay(t, {
      realTime: true,
      options: { routes: routes({}, hosts(sink.port)), askTimeoutMs: 100 },
    })
    assert.equal(await relay.deliver.lookup(address('a@example.org'), FROM), 'temporary')
    await relay.quiet()
    assert.equal(relay.deliver.status().connections, 0)
  })

  it('does not open a connection over the total', async (t) => {
    const sink = await startSink(t, { delayMs: 200 })
    const relay = await startRelay(t, {
      options: { routes: routes({}, hosts(sink.port)), concurrency: { initial: 1, perNextHop: 1, total: 1 } },
    })
    await relay.submit({ to: 'a@example.org' })
    const answer = await relay.deliver.ask(address('a@example.org'), FROM)
    assert.equal(answer.known, 'temporary')
    assert.match(answer.reply.lines.join(), /too many connections/)
  })
})
