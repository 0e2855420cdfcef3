import assert from 'node:assert/strict'
import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import type { TracedMessage, TraceEntry } from '../../../src/ledger/contract.ts'
import type { QueueId } from '../../../src/mail/queue-id.ts'
import { readReceipt } from '../../../src/mail/receipt-signature.ts'
import { deliver, hold, message, START } from '../spool/support.ts'
import { startAdmin } from './support.ts'

const { privateKey } = generateKeyPairSync('ed25519')
const receiptKey = () => privateKey

const entry = (event: string, states: readonly string[], facts = {}, at = START): TraceEntry => ({
  at,
  event,
  recipients: states.map((state, index) => ({ index, address: `${index}@city.test`, state })),
  facts,
})

const traced = (queueId: QueueId, entries: readonly TraceEntry[]): TracedMessage => ({
  queueId,
  receivedAt: START,
  client: 'royal',
  sender: 'ward@royal.test',
  size: 1000,
  messageId: '<1@royal.test>',
  entries,
})

test('what still waits is told as the queue has it, with the time when it is given up', async (t) => {
  const waits = entry('received', ['pending', 'held'])
  const admin = await startAdmin(t, {
    trace: async () => ({ messages: [traced(queueId, [waits])], next: null }),
    ports: { givesUpAt: (at) => at + 1000 },
  })
  const plan = { do: 'hold', destination: 'city.test', hold: hold(START + 60_000) } as const
  const { queueId } = await admin.spool.put(message(['0@city.test', '1@city.test']), [deliver('city.test'), plan])
  const { body } = await admin.get('/v1/trace?client=royal')
  const [found] = body.messages
  assert.deepEqual(
    found.queue.map((each: { state: string }) => each.state),
    ['pending', 'held'],
  )
  assert.equal(
    Date.parse(found.givesUpAt),
    Date.parse((await admin.get(`/v1/queue/${queueId}`)).body.receivedAt) + 1000,
  )
})

test('what came to its end while the queue was asked is told with that end', async (t) => {
  const queueId = '00KX3T9A001' as QueueId
  const first = entry('received', ['pending'])
  const answers = [[first], [first, entry('attempt', ['relayed'])]]
  const admin = await startAdmin(t, {
    trace: async () => ({ messages: [traced(queueId, answers.shift() ?? [])], next: null }),
  })
  const { body } = await admin.get(`/v1/trace?queueId=${queueId}`)
  assert.deepEqual([body.messages[0].recipients[0].state, body.messages[0].queue], ['relayed', null])
})

test('of several recipients, one that came to its end while the queue was asked is told with that end', async (t) => {
  const before = [entry('received', ['pending', 'pending'])]
  const after = [
    ...before,
    { ...entry('attempt', []), recipients: [{ index: 1, address: '1@city.test', state: 'relayed' }] },
  ]
  const answers = [before, after]
  const admin = await startAdmin(t, {
    trace: async () => ({ messages: [traced(queueId, answers.shift() ?? [])], next: null }),
  })
  // The queue has the first alone by now
  const { queueId } = await admin.spool.put(message(['0@city.test']), [deliver('city.test')])
  const [found] = (await admin.get(`/v1/trace?queueId=${queueId}`)).body.messages
  assert.deepEqual(
    found.recipients.map((each: { state: string }) => each.state),
    ['pending', 'relayed'],
  )
  assert.deepEqual(
    found.queue.map((each: { index: number }) => each.index),
    [0],
  )
})

test('a message that waits for longer than the record is kept is found in the queue', async (t) => {
  const admin = await startAdmin(t, { trace: async () => ({ messages: [], next: null }) })
  const { queueId } = await admin.spool.put(message(['0@city.test']), [deliver('city.test')])
  const { body } = await admin.get(`/v1/trace?queueId=${queueId}`)
  const [found] = body.messages
  assert.deepEqual(
    [found.queueId, found.receivedAt, found.events, found.queue[0].state],
    [queueId, null, [], 'pending'],
  )
  assert.deepEqual((await admin.get('/v1/trace?queueId=00KX3T9A001')).body.messages, [])
  assert.deepEqual((await admin.get(`/v1/trace?queueId=${queueId}&client=royal`)).body.messages, [])
})

test('who still waits is told, though only what became of others is still on record', async (t) => {
  const left = { ...entry('attempt', []), recipients: [{ index: 1, address: '1@city.test', state: 'relayed' }] }
  const admin = await startAdmin(t, {
    trace: async () => ({ messages: [{ ...traced(queueId, [left]), receivedAt: null }], next: null }),
  })
  const { queueId } = await admin.spool.put(message(['0@city.test']), [deliver('city.test')])
  const [found] = (await admin.get(`/v1/trace?queueId=${queueId}`)).body.messages
  assert.equal(found.queue[0].address, '0@city.test')
})

test('the record answers though the queue does not', async (t) => {
  const admin = await startAdmin(t, {
    trace: async () => ({ messages: [traced('00KX3T9A001' as QueueId, [entry('received', ['pending'])])], next: null }),
  })
  await admin.spool.close()
  const { status, body } = await admin.get('/v1/trace?queueId=00KX3T9A001')
  assert.deepEqual([status, body.messages[0].recipients[0].state, body.messages[0].queue], [200, 'pending', null])
})

test('a receipt certifies each recipient with its end, its path and its time, and can be checked with the key alone', async (t) => {
  const facts = {
    address: '10.1.2.3',
    helo: 'mail',
    sha256: { received: 'aa', stored: 'bb' },
    tls: 'TLSv1.3',
    cipher: 'x',
  }
  const tls = { protocol: 'TLSv1.3', cipher: 'y', fingerprint: 'cc', verified: true }
  const path = {
    host: 'mx.city.test',
    address: '192.0.2.1',
    port: 25,
    tls,
    security: { source: 'register', proves: 'dane' },
  }
  const entries = [
    entry('received', ['pending', 'pending'], facts),
    { ...entry('attempt', ['relayed', 'failed'], { ...path, notices: ['00KX3T9A002'] }, START + 5000) },
  ]
  const id = '00KX3T9A001' as QueueId
  const admin = await startAdmin(t, {
    trace: async () => ({ messages: [traced(id, entries)], next: null }),
    ports: { receiptKey },
  })
  const { text } = await admin.get(`/v1/receipts/${id}?by=alice`)
  const { receipt } = readReceipt(Buffer.from(text, 'latin1'), createPublicKey(privateKey))
  assert.equal(receipt.final, true)
  assert.deepEqual(
    [receipt.relay, receipt.message.sha256Received, receipt.message.sha256Sent],
    ['relay.example.test', 'aa', 'bb'],
  )
  const [first, second] = receipt.recipients
  assert.deepEqual(
    [first?.state, first?.at, first?.path?.tls?.fingerprint, first?.path?.policy, first?.path?.proves],
    ['relayed', new Date(START + 5000).toISOString(), 'cc', 'register', 'dane'],
  )
  assert.deepEqual([second?.state, second?.senderTold], ['failed', true])
  assert.ok(
    admin.logged.some(({ fields }) => fields.queueId === id && fields.by === 'alice'),
    'the log says who asked',
  )
})

test('a receipt certifies no notice about a recipient of whom the sender wanted none, nor to a sender that there is not', async (t) => {
  const id = '00KX3T9A001' as QueueId
  const entries = [
    entry('received', ['pending', 'pending'], { untold: [1] }),
    entry('attempt', ['failed', 'failed'], { notices: ['00KX3T9A002'] }),
  ]
  const told = async (sender: string) => {
    const whole = { ...traced(id, entries), sender }
    const admin = await startAdmin(t, {
      trace: async () => ({ messages: [whole], next: null }),
      ports: { receiptKey },
    })
    const { body } = await admin.get(`/v1/receipts/${id}?by=alice`)
    return body.receipt.recipients.map((each: { senderTold: boolean | null }) => each.senderTold)
  }
  assert.deepEqual(await told('ward@royal.test'), [true, false])
  assert.deepEqual(await told('<>'), [null, null])
})

test('a receipt of what still waits says so, with the state that the queue has', async (t) => {
  const admin = await startAdmin(t, {
    trace: async () => ({ messages: [traced(queueId, [entry('received', ['pending'])])], next: null }),
    ports: { receiptKey },
  })
  const { queueId } = await admin.spool.put(message(['0@city.test']), [deliver('city.test', START, START + 3_600_000)])
  const { body } = await admin.get(`/v1/receipts/${queueId}?by=alice`)
  assert.deepEqual([body.receipt.final, body.receipt.recipients[0].state], [false, 'leased'])
})

test('replies that would steer a terminal, or are no text, make a receipt all the same', async (t) => {
  const reply = '250 \u001b[31m\u202e\ud800 ok'
  const ended = { ...entry('attempt', []), recipients: [{ index: 0, address: 'a@b', state: 'relayed', reply }] }
  const admin = await startAdmin(t, {
    trace: async () => ({
      messages: [traced('00KX3T9A001' as QueueId, [entry('received', ['pending']), ended])],
      next: null,
    }),
    ports: { receiptKey },
  })
  const { status, text } = await admin.get('/v1/receipts/00KX3T9A001?by=alice')
  const file = Buffer.from(text, 'latin1')
  assert.equal(status, 200)
  assert.equal(readReceipt(file, null).receipt.recipients[0]?.reply, '250  [31m \ufffd ok')
})

test('where there is no key, no record, or no receipt on record, that is said', async (t) => {
  const without = await startAdmin(t)
  assert.equal((await without.get('/v1/receipts/00KX3T9A001?by=alice')).status, 503)
  assert.equal((await without.get('/v1/receipt-key')).status, 503)
  const broken = await startAdmin(t, {
    ports: {
      receiptKey: () => {
        throw new Error('receipts.key: it is gone')
      },
    },
  })
  assert.match((await broken.get('/v1/receipts/00KX3T9A001?by=alice')).body.message, /it is gone/)
  const unknown = await startAdmin(t, { ports: { receiptKey } })
  assert.equal((await unknown.get('/v1/receipts/00KX3T9A001?by=alice')).status, 404)
  const pruned = await startAdmin(t, {
    ports: { receiptKey },
    trace: async () => ({ messages: [traced('00KX3T9A001' as QueueId, [entry('attempt', ['relayed'])])], next: null }),
  })
  assert.match((await pruned.get('/v1/receipts/00KX3T9A001?by=alice')).body.message, /no longer kept/)
})
