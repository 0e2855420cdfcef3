import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dnsNames } from '../../../src/accept/dns-names.ts'
import type { OutsideOptions } from '../../../src/accept/options.ts'
import { type Zone, zoneResolver } from '../../support/zone.ts'
import { client, message, options, startRelay, Talk } from './harness.ts'

const outside = (changes: Partial<OutsideOptions>) => ({ outside: { ...options().outside, ...changes } })

const ZONE: Zone = {
  '127.0.0.1': { ptr: ['mail.client.test'] },
  'mail.client.test': { a: ['127.0.0.1'] },
  '127.0.0.2': { ptr: ['liar.test'] },
  'liar.test': { a: ['127.0.0.9'] },
  '127.0.0.4': { ptr: ['one.test', 'two.test'] },
  'two.test': { a: ['127.0.0.4'] },
  '2001:db8::1': { ptr: ['six.test'] },
  'six.test': { aaaa: ['2001:0db8:0:0::1'] },
  'client.test': { mx: [[10, 'mail.client.test']] },
  'nomail.test': { mx: [[0, '']] },
  'address.test': { a: ['192.0.2.1'] },
  'text.test': { txt: ['nothing else'] },
}

test('a reverse name counts only if it leads back to the address', async () => {
  const { reverse } = dnsNames(zoneResolver(ZONE))
  assert.deepEqual(await reverse('127.0.0.1'), { name: 'mail.client.test' })
  assert.deepEqual(await reverse('127.0.0.2'), { name: null })
  assert.deepEqual(await reverse('127.0.0.3'), { name: null })
  assert.deepEqual(await reverse('127.0.0.4'), { name: 'two.test' })
  assert.deepEqual(await reverse('2001:db8::1'), { name: 'six.test' })
})

test('a DNS that does not answer is never a missing name', async () => {
  assert.equal(await dnsNames(zoneResolver(ZONE, ['ptr 127.0.0.1'])).reverse('127.0.0.1'), 'temporary')
  assert.equal(
    await dnsNames(zoneResolver(ZONE, ['a mail.client.test', 'aaaa mail.client.test'])).reverse('127.0.0.1'),
    'temporary',
  )
  assert.equal(await dnsNames(zoneResolver(ZONE, ['mx client.test'])).domain('client.test'), 'temporary')
  assert.equal(await dnsNames(zoneResolver(ZONE, ['a text.test'])).domain('text.test'), 'temporary')
})

test('an address that claims many names costs a few questions only', async () => {
  const names = Array.from({ length: 100 }, (_, i) => `n${i}.test`)
  const resolver = zoneResolver({ '192.0.2.1': { ptr: names } })
  await dnsNames(resolver).reverse('192.0.2.1')
  assert.ok(resolver.asked.length <= 11)
})

test('mail can be answered at a domain with MX or an address, unless it says that it takes none', async () => {
  const { domain } = dnsNames(zoneResolver(ZONE))
  assert.equal(await domain('client.test'), 'exists')
  assert.equal(await domain('address.test'), 'exists')
  assert.equal(await domain('text.test'), 'missing')
  assert.equal(await domain('no.test'), 'missing')
  assert.equal(await domain('nomail.test'), 'refuses')
})

test('where a reverse name is required, mail without one is refused, and with one it is recorded', async (t) => {
  const names = dnsNames(zoneResolver(ZONE))
  const relay = await startRelay(t, { options: outside({ reverseName: 'require' }), ports: { names } })
  const good = await Talk.ready(t, relay.port)
  await good.send('a@client.test', ['b@ours.test'], message())
  assert.match((await relay.only()).text, /^Received: from client\.test \(mail\.client\.test \[127\.0\.0\.1\]\)/)
  const liar = await Talk.ready(t, relay.port, { from: '127.0.0.2' })
  assert.match(await liar.say('MAIL FROM:<a@client.test>', 550), /5\.7\.25/)
})

test('a reverse name that cannot be looked up defers', async (t) => {
  const names = dnsNames(zoneResolver(ZONE, ['ptr 127.0.0.1']))
  const relay = await startRelay(t, { options: outside({ reverseName: 'require' }), ports: { names } })
  const talk = await Talk.ready(t, relay.port)
  assert.match(await talk.say('MAIL FROM:<a@client.test>', 450), /4\.7\.25/)
})

test('registered clients need no name', async (t) => {
  const names = dnsNames(zoneResolver(ZONE))
  const relay = await startRelay(t, {
    options: { ...outside({ reverseName: 'require', resolvableSender: true }), clients: [client()] },
    ports: { names },
  })
  const talk = await Talk.ready(t, relay.port, { from: '127.0.0.3' })
  await talk.say('MAIL FROM:<a@no.test>', 250)
})

test('a name that is only to be recorded holds nothing up', async (t) => {
  const names = { reverse: () => new Promise<never>(() => {}), domain: async () => 'exists' as const }
  const relay = await startRelay(t, { options: outside({ reverseName: 'record' }), ports: { names } })
  const talk = await Talk.ready(t, relay.port)
  await talk.send('a@client.test', ['b@ours.test'], message())
  assert.match((await relay.only()).text, /^Received: from client\.test \(\[127\.0\.0\.1\]\)/)
})

test('where the domain of the sender must exist, mail from nowhere is deferred', async (t) => {
  const resolver = zoneResolver(ZONE, ['mx dark.test'])
  const relay = await startRelay(t, {
    options: outside({ resolvableSender: true }),
    ports: { names: dnsNames(resolver) },
  })
  const talk = await Talk.ready(t, relay.port)
  assert.match(await talk.say('MAIL FROM:<a@no.test>', 450), /4\.1\.8/)
  assert.match(await talk.say('MAIL FROM:<a@nomail.test>', 550), /5\.7\.27/)
  assert.match(await talk.say('MAIL FROM:<a@dark.test>', 451), /4\.4\.3/)
  for (const sender of ['a@client.test', 'a@[127.0.0.1]', '']) {
    await talk.say(`MAIL FROM:<${sender}>`, 250)
    await talk.say('RSET', 250)
  }
})
