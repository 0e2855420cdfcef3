import assert from 'node:assert/strict'
import { existsSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { openAdmin } from '../../../src/admin/server.ts'
import { AdminSocketTaken } from '../../../src/admin/socket.ts'
import { systemClock } from '../../../src/clock.ts'
import { silentLog } from '../../../src/log.ts'
import type { QueueId } from '../../../src/mail/queue-id.ts'
import { temporaryFolder } from '../../support/folder.ts'
import { run } from '../../support/process.ts'
import { deliver, message } from '../spool/support.ts'
import { call, STATUS, startAdmin } from './support.ts'

test('The socket is open to owner and group unless the operator says otherwise', async (t) => {
  assert.equal(statSync((await startAdmin(t)).socketPath).mode & 0o777, 0o660)
  assert.equal(statSync((await startAdmin(t, { socketMode: 0o600 })).socketPath).mode & 0o777, 0o600)
})

test('A socket that a dead daemon left is replaced; one that answers, or a file, is left alone', async (t) => {
  const admin = await startAdmin(t)
  const { spool } = admin
  const open = (socketPath: string) =>
    openAdmin({
      socketPath,
      ports: {
        spool,
        status: () => STATUS,
        destination: () => null,
        trace: { trace: async () => ({ messages: [], next: null }) },
        reload: async () => ({ ok: true, problems: [] }),
      },
      log: silentLog,
      clock: systemClock,
    })
  const stale = join(temporaryFolder(t), 'stale.sock')
  const leave = `require('net').createServer().listen(${JSON.stringify(stale)}, () => process.kill(process.pid, 'SIGKILL'))`
  await run(process.execPath, ['--eval', leave])
  assert.ok(existsSync(stale))
  const second = await open(stale)
  assert.equal((await call(stale, 'GET', '/v1/status')).status, 200)
  await second.close()
  assert.ok(!existsSync(stale), 'a socket does not outlive its daemon')
  await assert.rejects(open(admin.socketPath), AdminSocketTaken)
  assert.equal((await admin.get('/v1/status')).status, 200)
  const file = join(temporaryFolder(t), 'precious')
  writeFileSync(file, 'data')
  await assert.rejects(open(file), AdminSocketTaken)
})

test('Status tells the daemon and its queue', async (t) => {
  const { spool, get } = await startAdmin(t)
  await spool.put(message(['a@city.test', 'b@city.test']), [deliver('city.test'), deliver('city.test')])
  const { body } = await get('/v1/status')
  assert.equal(body.startedAt, '2026-11-22T09:00:00.000Z')
  assert.deepEqual(body.listeners, [{ address: '::', port: 25, tls: 'starttls', connections: 3 }])
  assert.deepEqual(body.queue.states, { pending: 2, leased: 0, held: 0 })
  assert.equal(body.queue.room, 'open')
  assert.equal(body.queue.destinations[0].destination, 'city.test')
  assert.equal(body.queue.destinationCount, 1)
})

test('With a spool that does not answer the status is told all the same, and actions answer 503', async (t) => {
  const { spool, get, post } = await startAdmin(t)
  await spool.close()
  const { status, body } = await get('/v1/status')
  assert.equal(status, 200)
  assert.equal(body.queue, null)
  const action = await post('/v1/queue/actions', { action: 'retry', filter: {}, all: true, by: 'alice' })
  assert.equal(action.status, 503)
  assert.equal(action.body.error, 'spool-unavailable')
})

test('A trace is asked for with every filter read, and told with the last state of each recipient', async (t) => {
  const attempt = (at: number, states: readonly [number, string, string?][]) => ({
    at,
    event: 'attempt',
    recipients: states.map(([index, state, reply]) => ({
      index,
      address: `${index}@city.test`,
      state,
      ...(reply === undefined ? {} : { reply }),
    })),
    facts: { host: 'mx.city.test' },
  })
  const found = {
    queueId: '00KX3T9A001' as QueueId,
    receivedAt: 1_000,
    client: 'royal',
    sender: '<>',
    size: null,
    messageId: null,
    entries: [
      attempt(2_000, [
        [1, 'pending', '450 later'],
        [0, 'relayed', '250 ok'],
      ]),
      attempt(3_000, [[1, 'held']]),
    ],
  }
  const { get, traced } = await startAdmin(t, { trace: async () => ({ messages: [found], next: 'more' }) })
  const filter = 'from=%3Cw@royal.test%3E&messageId=1@royal.test&domain=CITY.test&since=1970-01-01T00:00:01Z'
  const { body } = await get(`/v1/trace?${filter}&limit=5&cursor=c`)
  const query = { sender: 'w@royal.test', messageId: '<1@royal.test>', domain: 'city.test', from: 1_000 }
  assert.deepEqual(traced[0], { query, page: { after: 'c', limit: 5 } })
  assert.equal(body.next, 'more')
  const [message] = body.messages
  assert.equal(message.receivedAt, '1970-01-01T00:00:01.000Z')
  assert.deepEqual(message.recipients, [
    { index: 0, address: '0@city.test', state: 'relayed', reply: '250 ok' },
    { index: 1, address: '1@city.test', state: 'held', reply: '450 later' },
  ])
  assert.equal(message.events[1].at, '1970-01-01T00:00:03.000Z')
  assert.deepEqual(message.events[1].facts, { host: 'mx.city.test' })
})

test('A reload is handed on with who wanted it, and its problems come back', async (t) => {
  const { post, reloaded } = await startAdmin(t, { reload: { ok: false, problems: ['postern.yaml:3:1: wrong'] } })
  assert.deepEqual((await post('/v1/reload', { by: 'alice' })).body, {
    ok: false,
    problems: ['postern.yaml:3:1: wrong'],
  })
  assert.deepEqual(reloaded, ['alice'])
  assert.equal((await post('/v1/reload', {})).status, 400)
})

test('A failure inside is logged, and told without its details', async (t) => {
  const trace = () => Promise.reject(new Error('secret path /x'))
  const { get, logged } = await startAdmin(t, { trace })
  const { status, text } = await get('/v1/trace?to=a@city.test')
  assert.equal(status, 500)
  assert.doesNotMatch(text, /secret/)
  assert.equal(logged[0]?.message, 'an admin request failed')
})
