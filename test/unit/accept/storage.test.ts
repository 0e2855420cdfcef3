import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Planner } from '../../../src/accept/ports.ts'
import { systemClock } from '../../../src/clock.ts'
import { silentLog } from '../../../src/log.ts'
import { noMetrics } from '../../../src/metrics.ts'
import type { Lease, Spool, SpoolRoom } from '../../../src/spool/contract.ts'
import { openSpool } from '../../../src/spool/open.ts'
import { temporaryFolder } from '../../support/folder.ts'
import { defer, type Scope } from '../../support/scope.ts'
import { waitFor } from '../../support/wait.ts'
import { message, startRelay, Talk } from './harness.ts'

/** The real spool, with its room and its `put` as the test wants them. */
async function steeredSpool(t: Scope) {
  const path = temporaryFolder(t)
  const spool = await openSpool(
    { path, reserveBytes: 0, ballastBytes: 0, contentInRowBytes: 1024 },
    { log: silentLog, metrics: noMetrics, clock: systemClock },
  )
  defer(t, () => spool.close())
  const steer = { room: 'open' as SpoolRoom, put: spool.put.bind(spool) as Spool['put'] }
  const steered: Pick<Spool, 'room' | 'newId' | 'receive' | 'put'> = {
    room: () => steer.room,
    newId: () => spool.newId(),
    receive: () => spool.receive(),
    put: (...args) => steer.put(...args),
  }
  const files = async () =>
    (await readdir(join(path, 'content'), { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile())
  return { spool, steer, steered, files }
}

test('while there is no room, MAIL and DATA are deferred', async (t) => {
  const { steer, steered } = await steeredSpool(t)
  const relay = await startRelay(t, { ports: { spool: steered } })
  const talk = await Talk.ready(t, relay.port)
  steer.room = 'full'
  assert.match(await talk.say('MAIL FROM:<a@client.test>', 452), /4\.3\.1/)
  steer.room = 'broken'
  assert.match(await talk.say('MAIL FROM:<a@client.test>', 451), /4\.3\.0/)
  steer.room = 'open'
  await talk.say('MAIL FROM:<a@client.test>', 250)
  await talk.say('RCPT TO:<b@ours.test>', 250)
  steer.room = 'full'
  assert.match(await talk.say('DATA', 452), /4\.3\.1/)
})

test('a declared size for which the disk has no room is deferred', async (t) => {
  const relay = await startRelay(t, { ports: { freeBytes: () => 1000 } })
  const talk = await Talk.ready(t, relay.port)
  assert.match(await talk.say('MAIL FROM:<a@client.test> SIZE=1001', 452), /4\.3\.1/)
  await talk.say('MAIL FROM:<a@client.test> SIZE=1000', 250)
})

test('without a commit there is no 250', async (t) => {
  const { spool, steer, steered, files } = await steeredSpool(t)
  const relay = await startRelay(t, { ports: { spool: steered } })
  const talk = await Talk.ready(t, relay.port)
  const large = message('', 'x\r\n'.repeat(1000))
  steer.put = async () => {
    throw new Error('the disk has gone')
  }
  assert.match(await talk.send('a@client.test', ['b@ours.test'], large, 451), /4\.3\.0/)
  steer.put = async () => {
    steer.room = 'full'
    throw new Error('the disk is full')
  }
  assert.match(await talk.send('a@client.test', ['b@ours.test'], large, 452), /4\.3\.1/)
  assert.deepEqual((await spool.list({}, { after: null, limit: 10 })).entries, [])
  await waitFor(async () => (await files()).length === 0, { what: 'the end of refused content' })
})

test('the 250 waits for the commit', async (t) => {
  const { spool, steer, steered } = await steeredSpool(t)
  const relay = await startRelay(t, { ports: { spool: steered } })
  const talk = await Talk.ready(t, relay.port)
  const gate = Promise.withResolvers<void>()
  let committed = false
  steer.put = async (...args) => {
    const stored = await spool.put(...args)
    await gate.promise
    committed = true
    return stored
  }
  const sent = talk.send('a@client.test', ['b@ours.test'], message()).then(() => committed)
  await waitFor(async () => (await spool.list({}, { after: null, limit: 10 })).entries.length === 1, {
    what: 'the commit',
  })
  assert.equal(committed, false)
  gate.resolve()
  assert.equal(await sent, true)
})

test('a message whose client left before the end mark is forgotten, and its content too', async (t) => {
  const { spool, steered, files } = await steeredSpool(t)
  const relay = await startRelay(t, { ports: { spool: steered } })
  const talk = await Talk.ready(t, relay.port)
  await talk.say('MAIL FROM:<a@client.test>', 250)
  await talk.say('RCPT TO:<b@ours.test>', 250)
  await talk.say('DATA', 354)
  talk.write(message('', 'x\r\n'.repeat(200_000)))
  await waitFor(async () => (await files()).length === 1, { what: 'content on disk' })
  talk.close()
  await waitFor(async () => (await files()).length === 0, { what: 'the end of unfinished content' })
  assert.deepEqual((await spool.list({}, { after: null, limit: 10 })).entries, [])
  await waitFor(() => relay.accept.connections() === 0, { what: 'the end of the connection' })
})

test('a message whose client left during the commit is ours', async (t) => {
  const { spool, steer, steered } = await steeredSpool(t)
  const relay = await startRelay(t, { ports: { spool: steered } })
  const talk = await Talk.ready(t, relay.port)
  const begun = Promise.withResolvers<void>()
  const gate = Promise.withResolvers<void>()
  steer.put = async (...args) => {
    begun.resolve()
    await gate.promise
    return spool.put(...args)
  }
  void talk.send('a@client.test', ['b@ours.test'], message()).catch(() => {})
  await begun.promise
  talk.close()
  await waitFor(() => relay.accept.connections() === 0, { what: 'the end of the connection' })
  gate.resolve()
  const accepted = () => relay.log.lines.some((line) => line.message === 'accepted')
  await waitFor(accepted, { what: 'the commit' })
  assert.equal((await spool.list({}, { after: null, limit: 10 })).entries.length, 1)
})

test('fresh leases are handed to delivery, and a failure there does not undo the 250', async (t) => {
  const taken: Lease[] = []
  const planner: Planner = {
    plan: ({ address }) => ({
      do: 'deliver',
      destination: address.domain,
      dueAt: Date.now(),
      leaseUntil: Date.now() + 60_000,
    }),
    take(leases) {
      taken.push(...leases)
      if (taken.length > 1) throw new Error('delivery is broken')
    },
  }
  const relay = await startRelay(t, { ports: { planner } })
  const talk = await Talk.ready(t, relay.port)
  await talk.send('a@client.test', ['b@ours.test'], message())
  await talk.send('a@client.test', ['b@ours.test'], message())
  assert.equal(taken.length, 2)
  assert.equal(taken[0]?.destination, 'ours.test')
  assert.ok(taken[0]?.content.bytes?.toString().endsWith(message()))
  assert.equal(relay.log.lines.filter((line) => line.message === 'accepted').length, 2)
})

test('a planner that fails defers the message', async (t) => {
  const planner: Planner = {
    plan() {
      throw new Error('no route')
    },
    take() {},
  }
  const relay = await startRelay(t, { ports: { planner } })
  const talk = await Talk.ready(t, relay.port)
  await talk.send('a@client.test', ['b@ours.test'], message(), 451)
  assert.deepEqual(await relay.queue(), [])
})
