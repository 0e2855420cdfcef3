import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DEFAULTS } from '../../../src/accept/options.ts'
import { client, message, queueId, startRelay, Talk } from './harness.ts'

test('a message from outside to a domain of ours is in the spool when its 250 is said', async (t) => {
  const relay = await startRelay(t)
  const talk = await Talk.ready(t, relay.port)
  const reply = await talk.send('a@client.test', ['b@ours.test'], message())
  const { entry, text } = await relay.only()
  assert.equal(entry.queueId, queueId(reply))
  assert.equal(entry.client, '*')
  assert.equal(entry.sender, 'a@client.test')
  assert.equal(entry.messageId, '<1@client.test>')
  assert.match(
    text,
    /^Received: from client\.test \(\[127\.0\.0\.1\]\) by relay\.test \(Postern\) with ESMTP\r\n\tid \S+ for <b@ours\.test>;/,
  )
  assert.ok(text.endsWith(message()))
})

test('one line in the log tells of an accepted message, and the counters know its client', async (t) => {
  const relay = await startRelay(t, { options: { clients: [client()] } })
  const talk = await Talk.ready(t, relay.port)
  const id = queueId(await talk.send('a@client.test', ['b@ours.test', 'c@else.test'], message()))
  const lines = relay.log.lines.filter((line) => line.message === 'accepted')
  assert.equal(lines.length, 1)
  const [line] = lines
  assert.equal(line?.queueId, id)
  assert.equal(line?.client, 'ward')
  assert.equal(line?.recipients, 2)
  assert.equal(line?.size, message().length)
  assert.equal(line?.tls, null)
  assert.equal(relay.metrics.counts.get('postern_accepted_total ward'), 1)
  assert.equal(relay.metrics.counts.get('postern_accepted_bytes_total'), message().length)
})

test('one line in the log tells of each refusal, with the reason that the counter has', async (t) => {
  const relay = await startRelay(t, { options: { support: 'See https://help.test/mail' } })
  const talk = await Talk.ready(t, relay.port)
  await talk.say('MAIL FROM:<a@client.test>', 250)
  const reply = await talk.say('RCPT TO:<b@else.test>', 550)
  assert.match(reply, /^550-5\.7\.1 .*\r\n550 5\.7\.1 See https:\/\/help\.test\/mail$/)
  await talk.say('RCPT FROM:<b@else.test>', 501)
  const lines = relay.log.lines.filter((line) => line.message === 'refused')
  assert.deepEqual(
    lines.map(({ reason, client }) => ({ reason, client })),
    [
      { reason: 'relay', client: '*' },
      { reason: 'wire-501', client: '*' },
    ],
  )
  assert.equal(relay.metrics.counts.get('postern_refused_total relay'), 1)
  assert.equal(relay.metrics.counts.get('postern_refused_total wire-501'), 1)
})

test('several messages in one session are kept apart', async (t) => {
  const relay = await startRelay(t)
  const talk = await Talk.ready(t, relay.port)
  await talk.send('a@client.test', ['b@ours.test'], message())
  await talk.send('c@client.test', ['d@ours.test'], message())
  await talk.say('MAIL FROM:<e@client.test>', 250)
  await talk.say('RSET', 250)
  await talk.send('', ['f@ours.test'], message())
  const queue = await relay.queue()
  assert.deepEqual(
    queue.map(({ sender, recipients }) => [sender, recipients.map(({ address }) => address)]),
    [
      ['a@client.test', ['b@ours.test']],
      ['c@client.test', ['d@ours.test']],
      ['<>', ['f@ours.test']],
    ],
  )
})

test('large content goes to a file, and arrives whole', async (t) => {
  const relay = await startRelay(t, { spool: { contentInRowBytes: 65_536 } })
  const talk = await Talk.ready(t, relay.port)
  const body = `${'0123456789'.repeat(7)}\r\n`.repeat(20_000)
  await talk.send('a@client.test', ['b@ours.test'], message('', body))
  const { text } = await relay.only()
  assert.ok(text.endsWith(message('', body)))
})

test('eight bits in a message that was declared 7BIT are taken for what they are', async (t) => {
  const relay = await startRelay(t)
  const talk = await Talk.ready(t, relay.port)
  await talk.say('MAIL FROM:<a@client.test> BODY=7BIT', 250)
  await talk.say('RCPT TO:<b@ours.test>', 250)
  await talk.say('DATA', 354)
  await talk.say(`${message('', 'Zoë\r\n')}.`, 250)
  await talk.say('MAIL FROM:<a@client.test> BODY=8BITMIME', 250)
  await talk.say('RCPT TO:<b@ours.test>', 250)
  await talk.say('DATA', 354)
  await talk.say(`${message('', 'Zoe\r\n')}.`, 250)
  const leases = await relay.spool.lease({
    limit: 5,
    perDestination: 5,
    leasedUntil: Date.now() + 60_000,
    except: new Set(),
  })
  assert.deepEqual(leases.map(({ envelope }) => envelope.body).sort(), ['7bit', '8bitmime'])
})

test('the envelope keeps what the sender asked for', async (t) => {
  const relay = await startRelay(t)
  const talk = await Talk.ready(t, relay.port)
  await talk.say('MAIL FROM:<a@client.test> SMTPUTF8 RET=HDRS ENVID=QQ314159', 250)
  await talk.say('RCPT TO:<zoë@ours.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;b@ours.test', 250)
  await talk.say('DATA', 354)
  await talk.say(`${message()}.`, 250)
  const [lease] = await relay.spool.lease({
    limit: 1,
    perDestination: 1,
    leasedUntil: Date.now() + 60_000,
    except: new Set(),
  })
  assert.ok(lease)
  assert.equal(lease.envelope.smtputf8, true)
  assert.equal(lease.envelope.ret, 'hdrs')
  assert.equal(lease.envelope.envid, 'QQ314159')
  assert.deepEqual(lease.envelope.rcptTo[0], {
    address: { local: 'zoë', domain: 'ours.test' },
    notify: ['success', 'delay'],
    orcpt: 'rfc822;b@ours.test',
  })
  const { text } = await relay.only()
  assert.match(text, /with UTF8SMTP id \S+\r?\n?\s+for <zoë@ours\.test>;/)
})

test('a recipient that is given twice gets the message once, as the first one asked for it', async (t) => {
  const relay = await startRelay(t)
  const talk = await Talk.ready(t, relay.port)
  await talk.say('MAIL FROM:<a@client.test>', 250)
  await talk.say('RCPT TO:<b@ours.test> NOTIFY=NEVER', 250)
  await talk.say('RCPT TO:<b@ours.test>', 250)
  await talk.say('RCPT TO:<B@ours.test>', 250)
  await talk.say('DATA', 354)
  await talk.say(`${message()}.`, 250)
  const { entry } = await relay.only()
  assert.deepEqual(
    entry.recipients.map(({ address }) => address),
    ['b@ours.test', 'B@ours.test'],
  )
})

test('a message of exactly the allowed size is taken, and one byte more is not', async (t) => {
  const size = message().length
  const relay = await startRelay(t, { options: { limits: { ...DEFAULTS.limits, size } } })
  const talk = await Talk.ready(t, relay.port)
  await talk.send('a@client.test', ['b@ours.test'], message())
  await talk.say(`MAIL FROM:<a@client.test> SIZE=${size + 1}`, 552)
  await talk.send('a@client.test', ['b@ours.test'], message('X: \r\n'), 552)
  assert.equal((await relay.queue()).length, 1)
})

test('a client may have a size of its own', async (t) => {
  const size = message().length
  const clients = [client({ size: size - 1 }), client({ name: 'scans', networks: [], fingerprints: [] })]
  const relay = await startRelay(t, { options: { clients } })
  const talk = await Talk.ready(t, relay.port)
  const refusal = await talk.send('a@client.test', ['b@ours.test'], message(), 552)
  assert.match(refusal, /5\.3\.4/)
  await talk.say(`MAIL FROM:<a@client.test> SIZE=${size}`, 552)
})

test('a header over its limit is refused after the dot, and the session goes on', async (t) => {
  const limits = { ...DEFAULTS.limits, headerBytes: 1000, headerFields: 10 }
  const relay = await startRelay(t, { options: { limits } })
  const talk = await Talk.ready(t, relay.port)
  assert.match(await talk.send('a@client.test', ['b@ours.test'], message(`X: ${'y'.repeat(900)}\r\n`), 552), /5\.3\.4/)
  assert.match(await talk.send('a@client.test', ['b@ours.test'], message('X: y\r\n'.repeat(6)), 552), /5\.3\.4/)
  await talk.send('a@client.test', ['b@ours.test'], message('X: y\r\n'.repeat(5)))
  assert.equal((await relay.queue()).length, 1)
})

test('recipients over the limit are told to come in another message', async (t) => {
  const relay = await startRelay(t, { options: { limits: { ...DEFAULTS.limits, recipients: 2 } } })
  const talk = await Talk.ready(t, relay.port)
  await talk.say('MAIL FROM:<a@client.test>', 250)
  await talk.say('RCPT TO:<b@ours.test>', 250)
  await talk.say('RCPT TO:<c@ours.test>', 250)
  await talk.say('RCPT TO:<d@ours.test>', 452)
})

test('from outside a notification goes to one recipient at a time', async (t) => {
  const relay = await startRelay(t)
  const talk = await Talk.ready(t, relay.port)
  await talk.say('MAIL FROM:<>', 250)
  await talk.say('RCPT TO:<b@ours.test>', 250)
  assert.match(await talk.say('RCPT TO:<c@ours.test>', 452), /4\.5\.3/)
})

test('a body without a header stays a body', async (t) => {
  const relay = await startRelay(t, { options: { clients: [client({ device: true, addMissing: true })] } })
  const talk = await Talk.ready(t, relay.port)
  await talk.send('analyser@ours.test', ['b@ours.test'], 'Reagent: low on tray 4\r\n')
  await talk.send('analyser@ours.test', ['b@ours.test'], 'The tray is empty\r\nReagent: low\r\n')
  const queue = await relay.queue()
  const texts = await Promise.all(queue.map((entry) => relay.stored(entry)))
  // what looks like a header is one
  assert.match(texts[0] ?? '', /Message-ID: .*\r\nReagent: low on tray 4\r\n$/)
  assert.match(texts[1] ?? '', /Message-ID: .*\r\n\r\nThe tray is empty\r\nReagent: low\r\n$/)
})

test('missing Date, From and Message-ID are added for clients that want it, and only what is missing', async (t) => {
  const relay = await startRelay(t, { options: { clients: [client({ addMissing: true })] } })
  const talk = await Talk.ready(t, relay.port)
  await talk.send('a@client.test', ['b@ours.test'], 'Subject: x\r\n\r\nbody\r\n')
  await talk.send('a@client.test', ['b@ours.test'], message())
  const [bare, full] = await relay.queue()
  assert.ok(bare && full)
  const text = await relay.stored(bare)
  assert.match(
    text,
    /\r\nDate: \w{3}, \d+ \w{3} \d{4} \d\d:\d\d:\d\d \+0000\r\nFrom: a@client\.test\r\nMessage-ID: <\S+@relay\.test>\r\nSubject: x\r\n\r\nbody/,
  )
  assert.match(bare.messageId ?? '', /^<\S+@relay\.test>$/)
  assert.ok(text.includes(`Message-ID: ${bare.messageId}\r\n`))
  assert.equal((await relay.stored(full)).match(/^(Date|From|Message-ID):/gm)?.length, 3)
})

test("what outsiders leave out is not added: it is the sender's message", async (t) => {
  const relay = await startRelay(t)
  const talk = await Talk.ready(t, relay.port)
  await talk.send('a@client.test', ['b@ours.test'], 'Subject: x\r\n\r\nbody\r\n')
  const { text, entry } = await relay.only()
  assert.doesNotMatch(text, /^(Date|From|Message-ID):/m)
  assert.equal(entry.messageId, null)
})
