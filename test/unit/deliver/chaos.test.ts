import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseReport } from '../../support/report.ts'
import { type SinkFault, startSink } from '../../support/sink.ts'
import { hosts, routes, startRelay } from './relay.ts'

const DAY = 86_400_000
const MESSAGES = 150

/** The same numbers in every run of one seed. */
function numbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

describe('whatever next hops do', () => {
  for (const seed of [1, 2, 3]) {
    it(`every recipient is delivered or its sender told, and none both (seed ${seed})`, async (t) => {
      const random = numbers(seed)
      const faults: SinkFault[] = [
        'reset',
        { reply: '421 4.3.2 closing' },
        { reply: '450 4.2.1 later' },
        { reply: '451 4.3.0 trouble' },
      ]
      const fault = () => {
        if (random() > 0.15) return null
        if (random() < 0.1) return { reply: '550 5.7.1 no' }
        return faults[Math.floor(random() * faults.length)] ?? null
      }
      const sinks = await Promise.all([0, 1, 2].map(() => startSink(t, { fault })))
      const home = await startSink(t)
      const [a, b, c] = sinks.map(({ port }) => port) as [number, number, number]
      const table = routes(
        {
          'royal.example.test': hosts(home.port),
          'one.test': hosts(a),
          'two.test': hosts(a, b),
          'three.test': hosts(c),
        },
        hosts(b, c),
      )
      const relay = await startRelay(t, { options: { routes: table, delayNoticeMs: null }, random })
      const expected = new Set<string>()
      for (let i = 0; i < MESSAGES; i++) {
        const to = ['one', 'two', 'three', 'four', 'five']
          .map((name) => `r${i}@${name}.test`)
          .filter(() => random() < 0.4)
        for (const each of to) expected.add(each)
        if (to.length > 0) await relay.submit({ to })
      }
      await relay.advance(6 * DAY)
      assert.deepEqual((await relay.spool.summary()).states, { pending: 0, leased: 0, held: 0 })
      const delivered = sinks.flatMap(({ messages }) =>
        messages.flatMap(({ rcptTo }) => rcptTo.map((each) => each.address)),
      )
      const told = home.messages.flatMap(({ content }) =>
        parseReport(content).perRecipient.map((group) => group.get('final-recipient')?.slice('rfc822; '.length) ?? ''),
      )
      const both = delivered.filter((each) => told.includes(each))
      assert.deepEqual(new Set([...delivered, ...told]), expected)
      assert.deepEqual(both, [])
      assert.equal(new Set(told).size, told.length, 'told once')
      assert.equal(new Set(delivered).size, delivered.length, 'delivered once: the sink keeps only what it said 250 to')
    })
  }
})
