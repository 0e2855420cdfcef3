import assert from 'node:assert/strict'
import { test } from 'node:test'
import { memoryContent } from '../../../src/mail/content.ts'
import { deliver, hold, message, START } from '../spool/support.ts'
import { startAdmin } from './support.ts'

const HOUR = 3_600_000

test('The queue is told oldest first, with who waits, for what, until when and why', async (t) => {
  const { spool, get } = await startAdmin(t)
  const { queueId } = await spool.put(message(['a@city.test', 'b@city.test']), [
    deliver('city.test', START + HOUR),
    { do: 'hold', destination: 'city.test', hold: hold(START + 2 * HOUR) },
  ])
  const { status, body } = await get('/v1/queue')
  assert.equal(status, 200)
  assert.equal(body.next, null)
  const [found] = body.messages
  assert.equal(found.queueId, queueId)
  assert.equal(found.receivedAt, '2026-11-22T12:00:00.000Z')
  assert.equal(found.client, 'royal')
  assert.equal(found.sender, 'ward@royal.example.test')
  assert.equal(found.messageId, '<1@royal.example.test>')
  assert.deepEqual(found.recipients[0], {
    index: 0,
    address: 'a@city.test',
    destination: 'city.test',
    state: 'pending',
    nextAttemptAt: '2026-11-22T13:00:00.000Z',
    attempts: 0,
    lastReply: null,
    cause: 'waiting for the first attempt',
    owner: 'delivery',
    leasedUntil: null,
    deadline: null,
    hold: null,
  })
  assert.deepEqual(found.recipients[1].hold, {
    reason: 'looks odd',
    owner: 'plugin:virus',
    until: '2026-11-22T14:00:00.000Z',
    afterwards: 'reject',
  })
})

test('Filters select, and pages follow each other without gap or overlap', async (t) => {
  const { spool, get } = await startAdmin(t)
  for (let i = 0; i < 7; i++) {
    const to = i % 2 === 0 ? 'even.test' : 'odd.test'
    await spool.put(message([`r${i}@${to}`], 100, { receivedAt: START + i * 1_000, client: `c${i % 3}` }), [
      deliver(to),
    ])
  }
  const addresses = async (query: string) =>
    (await get(`/v1/queue?${query}`)).body.messages.map(
      (m: { recipients: [{ address: string }] }) => m.recipients[0].address,
    )
  assert.deepEqual(await addresses('domain=odd.test'), ['r1@odd.test', 'r3@odd.test', 'r5@odd.test'])
  assert.deepEqual(await addresses('client=c0&destination=even.test'), ['r0@even.test', 'r6@even.test'])
  assert.deepEqual(await addresses('recipient=%3CR3@odd.test%3E'), ['r3@odd.test'])
  assert.deepEqual(await addresses('receivedAfter=2026-11-22T12:00:04.500Z'), ['r5@odd.test', 'r6@even.test'])
  assert.deepEqual(await addresses('sender=%3C%3E'), [])
  const seen: string[] = []
  let cursor = ''
  do {
    const { body } = await get(`/v1/queue?limit=3${cursor}`)
    seen.push(...body.messages.map((m: { recipients: [{ address: string }] }) => m.recipients[0].address))
    cursor = body.next === null ? '' : `&cursor=${encodeURIComponent(body.next)}`
  } while (cursor !== '')
  assert.equal(new Set(seen).size, 7)
  assert.equal(seen.length, 7)
})

test('One message is found by its id in any case; one that is gone is not, with a word on where to look', async (t) => {
  const { spool, get } = await startAdmin(t)
  const { queueId } = await spool.put(message(['a@city.test']), [deliver('city.test')])
  assert.equal((await get(`/v1/queue/${queueId.toLowerCase()}`)).body.queueId, queueId)
  const gone = await get('/v1/queue/00000000000')
  assert.equal(gone.status, 404)
  assert.match(gone.body.message, /postern trace 00000000000/)
  assert.equal((await get('/v1/queue/nonsense')).status, 400)
})

test('What is not understood is refused and named, never ignored', async (t) => {
  const { get } = await startAdmin(t)
  const cases: readonly [string, RegExp][] = [
    ['state=lost', /state must be equal to one of the allowed values/],
    ['domian=a.test', /must NOT have additional properties/],
    ['limit=1001', /limit must be <= 1000/],
    ['limit=0', /limit must be >= 1/],
    ['receivedBefore=lunch', /lunch is no time/],
    ['queueIds=xyz', /xyz is no queue id/],
    ['domain=a%20b', /a b is no domain/],
  ]
  for (const [query, message] of cases) {
    const { status, body } = await get(`/v1/queue?${query}`)
    assert.equal(status, 400, query)
    assert.equal(body.error, 'bad-request')
    assert.match(body.message, message)
  }
  assert.equal((await get('/v1/nothing')).status, 404)
})

test('Content is given only to somebody with a name, header alone unless all is asked for, and it is recorded', async (t) => {
  const { spool, get, logged } = await startAdmin(t)
  const bytes = Buffer.concat([Buffer.from('Subject: biopsy\r\n\r\nbody '), Buffer.alloc(200_000, 0xe9)])
  const written = spool.receive()
  for (let at = 0; at < bytes.length; at += 1_001) await written.write(bytes.subarray(at, at + 1_001))
  const stored = await spool.put(message(['a@city.test'], 0, { content: await written.finish() }), [
    deliver('city.test'),
  ])
  const path = `/v1/queue/${stored.queueId}/content`
  assert.equal((await get(path)).status, 400)
  assert.equal((await get(`${path}?by=`)).status, 400)
  assert.equal(logged.length, 0)
  const header = await get(`${path}?by=alice`)
  assert.equal(header.text, 'Received: from a.test\r\nSubject: biopsy\r\n\r\n')
  const all = await get(`${path}?by=alice&part=all`)
  assert.ok(all.text.endsWith('\xe9'.repeat(200_000)))
  assert.deepEqual(
    logged.map(({ fields }) => fields),
    [
      { queueId: stored.queueId, by: 'alice', part: 'header' },
      { queueId: stored.queueId, by: 'alice', part: 'all' },
    ],
  )
})

test('The end of the header is found wherever the pieces of the content fall', async (t) => {
  const { spool, get } = await startAdmin(t)
  for (const cut of [1, 2, 3, 4, 5]) {
    const text = 'A: b\r\n\r\nbody'
    const pieces = {
      size: text.length,
      bytes: null,
      async *stream() {
        for (let at = 0; at < text.length; at += cut) yield Buffer.from(text.slice(at, at + cut))
      },
    }
    const content = cut === 5 ? memoryContent(Buffer.from('A: b\r\nno end')) : pieces
    const { queueId } = await spool.put(message(['a@city.test'], 0, { content }), [deliver('city.test')])
    const { text: found } = await get(`/v1/queue/${queueId}/content?by=alice`)
    assert.equal(found, `Received: from a.test\r\n${cut === 5 ? 'A: b\r\nno end' : 'A: b\r\n\r\n'}`)
  }
})
