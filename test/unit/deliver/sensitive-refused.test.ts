import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Hold } from '../../../src/spool/contract.ts'
import { startSink } from '../../support/sink.ts'
import { hosts, newMessage, routes, startRelay } from './relay.ts'

const CONTENT =
  'From: a@royal.example.test\r\nSubject: [secure] results of Jane Doe\r\nThread-Topic: Jane Doe\r\n\r\nHaemoglobin is 9.1.\r\n'

test('the sender of sensitive mail that was refused for one recipient is told why, without a word of it', async (t) => {
  const home = await startSink(t)
  const relay = await startRelay(t, {
    options: { routes: routes({ 'royal.example.test': hosts(home.port) }, hosts(1)) },
  })
  const now = relay.clock.now()
  const told = 'This message is marked as sensitive and cannot be sent securely to a@example.org'
  const then: Hold['then'] = 'reject'
  const hold: Hold = { reason: 'refused by sensitive', owner: 'plugin:sensitive', until: now, then, told }
  const message = newMessage({ to: 'a@example.org', content: CONTENT, envelope: { ret: 'full', sensitive: true } }, now)
  await relay.spool.put(message, [{ do: 'hold', destination: 'example.org', hold }])
  await relay.advance(3 * 60_000)
  const notice = `${home.messages[0]?.content ?? ''}`
  assert.match(notice.replace(/\s+/g, ' '), /cannot be sent securely to a@example\.org/)
  assert.match(notice, /^From: a@royal\.example\.test\r$/m)
  assert.doesNotMatch(notice, /Jane|\[secure\]|Haemoglobin/)
})
