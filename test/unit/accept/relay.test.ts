import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { checkRelay, type Peer } from '../../../src/accept/checks.ts'
import { ClientTable } from '../../../src/accept/clients.ts'
import { DEFAULTS } from '../../../src/accept/options.ts'
import { compilePolicy } from '../../../src/accept/policy.ts'
import { EMPTY_CHAIN } from '../../../src/inspect/chain.ts'
import { parseAddress } from '../../../src/mail/address.ts'
import { client, message, options, startRelay, Talk } from './harness.ts'

const policy = compilePolicy(options(), EMPTY_CHAIN)
const outsider: Peer = { policy, client: null, tls: false, source: 'x' }
const known = new ClientTable([client()], DEFAULTS.limits).find('127.0.0.1', null)
const insider: Peer = { ...outsider, client: known }

const reason = (peer: Peer, text: string): string | null => {
  const address = parseAddress(text, { utf8: true })
  assert.ok(address, text)
  return checkRelay(peer, address)?.reason ?? null
}

test('whatever address an outsider names, it is taken only if its domain is ours to the letter', () => {
  const domain = fc.oneof(
    fc.constantFrom('ours.test', 'OURS.test', 'a.ours.test', 'ours.test.evil.test', 'xours.test', '[127.0.0.1]'),
    fc.domain(),
  )
  const local = fc.oneof(fc.stringMatching(/^[a-z0-9%!+=/_-]{1,20}$/), fc.constantFrom('"a@b.test"', '"x y"'))
  fc.assert(
    fc.property(local, domain, (localPart, domainPart) => {
      const address = parseAddress(`${localPart}@${domainPart}`, { utf8: true })
      if (address === null) return
      const taken = checkRelay(outsider, address) === null
      if (taken) assert.equal(address.domain, 'ours.test')
    }),
  )
})

test('an outsider cannot hide a route in the local part', () => {
  const routes = [
    'victim%else.test@ours.test',
    'else.test!victim@ours.test',
    '"victim@else.test"@ours.test',
    '"victim%else.test"@ours.test',
    '"victim\\@else.test"@ours.test',
    '"@else.test:victim"@ours.test',
  ]
  for (const route of routes) assert.equal(reason(outsider, route), 'source-route', route)
})

test('a client may write to such addresses, as it may write to any', () => {
  assert.equal(reason(insider, 'a%b@ours.test'), null)
  assert.equal(reason(insider, 'c@else.test'), null)
})

test('ordinary addresses with unusual characters pass', () => {
  for (const local of ['a+tag', "o'brien", 'a=b', 'a/b', '"a b"', 'zoë', 'a..b'.replace('..', '.')]) {
    assert.equal(reason(outsider, `${local}@ours.test`), null, local)
  }
})

test('the refusal says what to do, and the session goes on', async (t) => {
  const relay = await startRelay(t)
  const talk = await Talk.ready(t, relay.port)
  await talk.say('MAIL FROM:<a@client.test>', 250)
  assert.match(await talk.say('RCPT TO:<c@else.test>', 550), /5\.7\.1 Relaying denied: /)
  assert.match(await talk.say('RCPT TO:<c%else.test@ours.test>', 553), /5\.1\.3/)
  await talk.say('RCPT TO:<b@OURS.test>', 250)
  await talk.say('DATA', 354)
  await talk.say(`${message()}.`, 250)
  const { entry } = await relay.only()
  assert.deepEqual(
    entry.recipients.map(({ address }) => address),
    ['b@ours.test'],
  )
})

test("the server's own postmaster is reached from everywhere, if somebody reads it", async (t) => {
  const postmaster = parseAddress('it@support.test')
  const relay = await startRelay(t, { options: { postmaster } })
  const talk = await Talk.ready(t, relay.port)
  await talk.say('MAIL FROM:<a@client.test>', 250)
  await talk.say('RCPT TO:<PostMaster>', 250)
  await talk.say('RCPT TO:<postmaster@relay.test>', 250)
  await talk.say('RCPT TO:<other@relay.test>', 550)
  await talk.say('DATA', 354)
  await talk.say(`${message()}.`, 250)
  const want = { limit: 1, perDestination: 1, leasedUntil: Date.now() + 60_000, except: new Set<string>() }
  const [lease] = await relay.spool.lease(want)
  assert.deepEqual(lease?.envelope.rcptTo, [
    { address: postmaster, notify: null, orcpt: 'rfc822;postmaster@relay.test' },
  ])
})

test('a server whose postmaster nobody reads refuses mail for it', async (t) => {
  const relay = await startRelay(t)
  const talk = await Talk.ready(t, relay.port)
  await talk.say('MAIL FROM:<a@client.test>', 250)
  await talk.say('RCPT TO:<postmaster>', 550)
})
