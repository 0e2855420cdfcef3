import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { createSecureContext } from 'node:tls'
import { ClientTable } from '../../../src/accept/clients.ts'
import { DEFAULTS } from '../../../src/accept/options.ts'
import type { ServerTls } from '../../../src/smtp/server/contract.ts'
import { makeCertificate } from '../../support/certs.ts'
import { temporaryFolder } from '../../support/folder.ts'
import { client, message, network, options, startRelay, Talk } from './harness.ts'

function serverTls(t: TestContext, requestCert = false): ServerTls {
  const { key, cert } = makeCertificate(temporaryFolder(t), 'server', ['relay.test'])
  const context = createSecureContext({ key, cert, minVersion: 'TLSv1.2', sessionIdContext: 'postern' })
  return { mode: 'starttls', secureContext: () => context, requestCert }
}

test('the client with the smallest network that holds the address is the one', () => {
  const table = new ClientTable(
    [
      client({ name: 'site', networks: [network('10.0.0.0/8')] }),
      client({ name: 'ward', networks: [network('10.1.0.0/16'), network('2001:db8::/32')] }),
    ],
    DEFAULTS.limits,
  )
  assert.equal(table.find('10.1.2.3', null)?.name, 'ward')
  assert.equal(table.find('10.2.2.3', null)?.name, 'site')
  assert.equal(table.find('2001:db8::5', null)?.name, 'ward')
  assert.equal(table.find('192.0.2.1', null), null)
})

test('a certificate comes before the network, however its fingerprint is written', () => {
  const fingerprints = [`AB:CD:${'00:'.repeat(29)}EF`]
  const table = new ClientTable(
    [client({ name: 'site', networks: [network('10.0.0.0/8')] }), client({ name: 'cert', networks: [], fingerprints })],
    DEFAULTS.limits,
  )
  assert.equal(table.find('10.0.0.1', `abcd${'00'.repeat(29)}ef`)?.name, 'cert')
  assert.equal(table.find('192.0.2.1', `abcd${'00'.repeat(29)}ef`)?.name, 'cert')
  assert.equal(table.find('10.0.0.1', 'ff')?.name, 'site')
})

test('two clients with the same network or certificate are a mistake that is named', () => {
  const make = (changes: object) => () =>
    new ClientTable([client({ name: 'one', ...changes }), client({ name: 'two', ...changes })], DEFAULTS.limits)
  assert.throws(make({}), /network 127\.0\.0\.0\/8 belongs to two clients, one and two/)
  assert.throws(make({ networks: [], fingerprints: ['aa'] }), /certificate aa belongs to two clients/)
})

test('a client that must use TLS is refused without it, and taken with it', async (t) => {
  const relay = await startRelay(t, { tls: serverTls(t), options: { clients: [client({ tls: 'required' })] } })
  const talk = await Talk.ready(t, relay.port)
  assert.match(await talk.say('MAIL FROM:<a@client.test>', 530), /5\.7\.0 Must use TLS/)
  await talk.secure()
  await talk.send('a@client.test', ['c@else.test'], message())
  const { text, entry } = await relay.only()
  assert.equal(entry.client, 'ward')
  assert.match(text.replace(/\s+/g, ' '), /with ESMTPS id \S+ \(TLSv1\.3 TLS_\w+\) for <c@else\.test>/)
})

test('outsiders may be asked for TLS too', async (t) => {
  const outside = { ...options().outside, tls: 'required' } as const
  const relay = await startRelay(t, { tls: serverTls(t), options: { outside } })
  const talk = await Talk.ready(t, relay.port)
  await talk.say('MAIL FROM:<a@client.test>', 530)
  await talk.secure()
  await talk.send('a@client.test', ['b@ours.test'], message())
})

test('a client is known by its certificate once TLS is up, and may then relay', async (t) => {
  const ours = makeCertificate(temporaryFolder(t), 'client', ['client.test'])
  const theirs = makeCertificate(temporaryFolder(t), 'other', ['client.test'])
  const clients = [client({ name: 'cert', networks: [], fingerprints: [ours.fingerprint], tls: 'required' })]
  const relay = await startRelay(t, { tls: serverTls(t, true), options: { clients } })

  const known = await Talk.ready(t, relay.port)
  await known.secure(ours)
  await known.send('a@client.test', ['c@else.test'], message())
  assert.equal((await relay.only()).entry.client, 'cert')

  for (const identity of [theirs, {}]) {
    const unknown = await Talk.ready(t, relay.port)
    await unknown.secure(identity)
    await unknown.say('MAIL FROM:<a@client.test>', 250)
    await unknown.say('RCPT TO:<c@else.test>', 550)
  }
})

test('a client known by its certificate stops counting as a connection from outside', async (t) => {
  const ours = makeCertificate(temporaryFolder(t), 'client', ['client.test'])
  const clients = [client({ name: 'cert', networks: [], fingerprints: [ours.fingerprint], connections: 1 })]
  const connections = { ...DEFAULTS.connections, perAddress: 1 }
  const relay = await startRelay(t, { tls: serverTls(t, true), options: { clients, connections } })
  const first = await Talk.ready(t, relay.port)
  await first.secure(ours)
  await first.say('MAIL FROM:<a@client.test>', 250)
  // the place of an outsider is free again, that of the client is not
  const second = await Talk.ready(t, relay.port)
  await second.secure(ours)
  await second.say('MAIL FROM:<a@client.test>', 421)
  await second.ended()
  assert.equal(relay.metrics.counts.get('postern_refused_total connections-client'), 1)
})

test('a client may use its own sender addresses only', async (t) => {
  const senders = [
    { is: 'address', key: 'analyser@lab.test' },
    { is: 'domain', domain: 'ward.test', below: false },
    { is: 'domain', domain: 'site.test', below: true },
  ] as const
  const relay = await startRelay(t, { options: { clients: [client({ senders })] } })
  const talk = await Talk.ready(t, relay.port)
  const allowed = ['analyser@lab.test', 'Analyser@LAB.test', '"analyser"@lab.test', 'x@ward.test', 'x@a.site.test', '']
  for (const sender of allowed) {
    await talk.say(`MAIL FROM:<${sender}>`, 250)
    await talk.say('RSET', 250)
  }
  for (const sender of ['other@lab.test', 'x@a.ward.test', 'x@site.test', 'x@notward.test', 'x@xsite.test']) {
    assert.match(await talk.say(`MAIL FROM:<${sender}>`, 550), /5\.7\.1/, sender)
  }
})

test('a device sends notifications only where its senders list the null reverse-path', async (t) => {
  const key = { is: 'address', key: 'pump@lab.test' } as const
  const clients = [
    client({ name: 'pump', device: true, senders: [key], networks: [network('127.0.0.1')] }),
    client({ name: 'other', device: true, senders: [key, { is: 'null' }], networks: [network('127.0.0.2')] }),
    client({ name: 'server', senders: [key], networks: [network('127.0.0.3')] }),
  ]
  const relay = await startRelay(t, { options: { clients } })
  await (await Talk.ready(t, relay.port, { from: '127.0.0.1' })).say('MAIL FROM:<>', 550)
  await (await Talk.ready(t, relay.port, { from: '127.0.0.2' })).say('MAIL FROM:<>', 250)
  await (await Talk.ready(t, relay.port, { from: '127.0.0.3' })).say('MAIL FROM:<>', 250)
})

test('a client that may not relay reaches our domains only', async (t) => {
  const relay = await startRelay(t, { options: { clients: [client({ relay: false })] } })
  const talk = await Talk.ready(t, relay.port)
  await talk.say('MAIL FROM:<a@client.test>', 250)
  await talk.say('RCPT TO:<c@else.test>', 550)
  await talk.say('RCPT TO:<b@ours.test>', 250)
})

test('new options count from the next transaction, without a connection being dropped', async (t) => {
  const relay = await startRelay(t, { options: { clients: [client()] } })
  const talk = await Talk.ready(t, relay.port)
  await talk.say('MAIL FROM:<a@client.test>', 250)
  await talk.say('RCPT TO:<c@else.test>', 250)
  relay.accept.update(options({ clients: [] }))
  // this one began when it was still allowed
  await talk.say('RCPT TO:<d@else.test>', 250)
  await talk.say('DATA', 354)
  await talk.say(`${message()}.`, 250)
  assert.equal((await relay.only()).entry.client, 'ward')
  await talk.say('MAIL FROM:<a@client.test>', 250)
  await talk.say('RCPT TO:<c@else.test>', 550)
})

test('options that contradict each other change nothing', async (t) => {
  const relay = await startRelay(t, { options: { clients: [client()] } })
  assert.throws(() => relay.accept.update(options({ clients: [client(), client({ name: 'two' })] })), /two clients/)
  const talk = await Talk.ready(t, relay.port)
  await talk.send('a@client.test', ['c@else.test'], message())
})
