import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLog } from '../../src/log.ts'
import { type ClientPhase, openSession } from '../../src/smtp/client/index.ts'
import { type Act, MODERN, type PeerPoint, RESET, SILENCE, startPeer } from '../support/peer.ts'
import { envelopeTo, targetOf, textContent, timeouts } from '../unit/smtp/client/setup.ts'

// RFC 5321 section 4.5.3.2 and 3.8: whatever goes wrong, wherever it does, a recipient is failed only
// by a 5xx about it, relayed only by a 2xx after the dot, and in every other case tried again.

const TIMES = timeouts({ greeting: 150, hello: 150, mail: 150, rcpt: 150, data: 150, end: 150 })

const FAULTS: readonly (readonly [string, Act])[] = [
  ['4xx', '451 4.3.0 Not now'],
  ['5xx', '550 5.7.0 Never'],
  ['silence', SILENCE],
  ['reset', RESET],
]

const WAYS: readonly (readonly [string, readonly string[]])[] = [
  ['pipelined', MODERN],
  ['one by one', []],
]

for (const [point, phase] of [
  ['greeting', 'greeting'],
  ['ehlo', 'hello'],
] as const satisfies readonly (readonly [PeerPoint, ClientPhase])[]) {
  for (const [what, act] of FAULTS) {
    test(`At ${point}, ${what}: no session, and it is worth another attempt.`, async (t) => {
      const peer = await startPeer(t, { parts: { [point]: act, helo: act } })
      const opened = await openSession(targetOf(peer, { timeouts: TIMES }), { log: silentLog })
      assert.ok(!opened.ok)
      // A reset may overtake the news that the connection stands
      if (act !== RESET || opened.failure.phase !== 'connect') assert.equal(opened.failure.phase, phase)
      assert.equal(opened.failure.temporary, true)
      assert.equal(opened.failure.reply?.code ?? null, typeof act === 'string' ? Number(act.slice(0, 3)) : null)
      assert.notEqual(opened.failure.text, '')
    })
  }
}

const EXPECTED = { '4xx': 'deferred', '5xx': 'failed', silence: 'unknown', reset: 'unknown' } as const

for (const [way, extensions] of WAYS) {
  for (const point of ['mail', 'rcpt', 'data', 'end'] as const) {
    for (const [what, act] of FAULTS) {
      const is = EXPECTED[what as keyof typeof EXPECTED]
      test(`At ${point}, ${what}, ${way}: ${is}, and the session ${is === 'unknown' ? 'is over' : 'goes on'}.`, async (t) => {
        const peer = await startPeer(t, { extensions, parts: { [point]: act } })
        const opened = await openSession(targetOf(peer, { timeouts: TIMES }), { log: silentLog })
        assert.ok(opened.ok)
        t.after(() => opened.session.destroy())
        const { recipients, failure } = await opened.session.send(
          envelopeTo(['a@north.test', 'b@north.test']),
          textContent(),
        )
        assert.deepEqual(
          recipients.map((known) => (known.is === 'unknown' ? known.is : `${known.is} at ${known.phase}`)),
          Array(2).fill(is === 'unknown' ? is : `${is} at ${point}`),
        )
        assert.equal(opened.session.usable, is !== 'unknown')
        assert.equal(failure?.phase ?? null, is === 'unknown' ? point : null)
        // Whatever the peer did before the end mark, it has no whole message; after it, it may have one
        assert.equal(peer.messages.length, point === 'end' ? 1 : 0)
      })
    }
  }
}
