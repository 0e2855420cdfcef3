import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLog } from '../../src/log.ts'
import { DEFAULT_LIMITS, openSession } from '../../src/smtp/client/index.ts'
import { type Act, type Deed, endless, type PeerPoint, raw, startPeer } from '../support/peer.ts'
import { envelopeTo, targetOf, textContent, timeouts } from '../unit/smtp/client/setup.ts'

// A next hop is a stranger. Whatever it sends in place of a reply, it costs bounded memory and time.

const POINTS: readonly PeerPoint[] = ['greeting', 'ehlo', 'mail', 'rcpt', 'data', 'end']

const HOSTILE: readonly (readonly [string, Act, RegExp])[] = [
  ['a line without end', endless('2'), /more than \d+ octets/],
  ['a reply of lines without end', endless('250-and another thing\r\n'), /more than \d+ lines/],
  ['a reply of long lines without end', endless(`250-${'x'.repeat(1000)}\r\n`), /more than \d+ octets/],
  ['replies without end', endless('250 fine\r\n'), /answers nothing|makes no sense|before the end|refused by the peer/],
  ['line ends without end', endless('\r\n'), /not a reply/],
  ['zeros without end', endless('\0'), /more than \d+ octets/],
  ['another protocol', raw('SSH-2.0-OpenSSH_9.2p1\r\n'), /not a reply/],
  ['lines that end in LF', raw('250-fine\n250 fine\n'), /does not end in CRLF/],
]

for (const [what, act, text] of HOSTILE) {
  for (const point of POINTS) {
    test(`At ${point}: ${what} ends the session, and nothing counts as said.`, async (t) => {
      const peer = await startPeer(t, { extensions: [], parts: { [point]: act } })
      const opened = await openSession(targetOf(peer), { log: silentLog })
      if (!opened.ok) {
        assert.match(opened.failure.text, text)
        assert.equal(opened.failure.temporary, true)
        return
      }
      t.after(() => opened.session.destroy())
      const { recipients, failure } = await opened.session.send(envelopeTo(), textContent())
      // What came first may have been a proper reply: only behind it the peer went mad
      assert.notEqual(recipients[0]?.is, 'failed')
      if (point !== 'end') assert.equal(recipients[0]?.is, 'unknown')
      if (failure !== null) assert.match(failure.text, text)
      await opened.session.closed
      assert.equal(opened.session.usable, false)
    })
  }
}

/** A byte every few milliseconds, for ever: each byte alone would look like life. */
const drip: Deed = {
  name: 'drip',
  do(connection) {
    connection.stall()
    const timer = setInterval(() => {
      if (connection.gone) clearInterval(timer)
      else connection.write('2')
    }, 5)
  },
}

test('A reply that drips in a byte at a time has no more time than any other reply.', async (t) => {
  const peer = await startPeer(t, { parts: { greeting: drip } })
  const target = targetOf(peer, { timeouts: timeouts({ greeting: 200 }) })
  const opened = await openSession(target, { log: silentLog, limits: { ...DEFAULT_LIMITS, replyLine: 1_000_000 } })
  assert.ok(!opened.ok)
  assert.equal(opened.failure.text, 'no reply in 200 ms')
})

test('A peer that answers each recipient with many lines is bounded reply by reply.', async (t) => {
  const long = `${'250-yes\r\n'.repeat(255)}250 yes`
  const peer = await startPeer(t, { parts: { rcpt: long } })
  const opened = await openSession(targetOf(peer), { log: silentLog })
  assert.ok(opened.ok)
  t.after(() => opened.session.destroy())
  const many = Array.from({ length: 100 }, (_, i) => `p${i}@north.test`)
  const { recipients } = await opened.session.send(envelopeTo(many), textContent())
  assert.ok(recipients.every(({ is }) => is === 'relayed'))
})
