import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import Database from 'better-sqlite3'
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

test('what only the sender may read of a refusal stands in the notice, and in no record', async (t) => {
  const home = await startSink(t)
  const relay = await startRelay(t, {
    options: { routes: routes({ 'royal.example.test': hosts(home.port) }, hosts(1)) },
  })
  const now = relay.clock.now()
  const told = 'The attachment "biopsy of Jane Doe.exe" may not pass'
  const then: Hold['then'] = 'reject'
  const hold: Hold = { reason: 'refused: a blocked attachment', owner: 'plugin:attachments', until: now, then, told }
  await relay.spool.put(newMessage({ to: 'a@example.org' }, now), [{ do: 'hold', destination: 'example.org', hold }])
  await relay.advance(3 * 60_000)
  assert.match(`${home.messages[0]?.content ?? ''}`.replace(/\s+/g, ' '), /biopsy of Jane Doe\.exe/)
  const db = new Database(join(relay.folder, 'spool.db'), { readonly: true })
  const entries = db.prepare('SELECT data FROM journal').all()
  db.close()
  assert.match(JSON.stringify(entries), /refused: a blocked attachment/)
  assert.doesNotMatch(JSON.stringify(entries), /Jane/)
})
