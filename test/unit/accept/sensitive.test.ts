import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, test } from 'node:test'
import Database from 'better-sqlite3'
import { createChain } from '../../../src/inspect/chain.ts'
import type { Inspector, Mode, Plugin } from '../../../src/inspect/plugin.ts'
import { parseSensitiveOptions } from '../../../src/inspect/plugins/sensitive/options.ts'
import { sensitivePlugins } from '../../../src/inspect/plugins/sensitive/sensitive.ts'
import type { Services } from '../../../src/inspect/services.ts'
import type { Address } from '../../../src/mail/address.ts'
import { reply } from '../../../src/mail/reply.ts'
import { CONTINUE } from '../../../src/mail/verdict.ts'
import type { QueueEntry } from '../../../src/spool/contract.ts'
import { fingerprintOf } from '../../support/certs.ts'
import { temporaryFolder } from '../../support/folder.ts'
import { type Issued, issue, MAIL_USE, openssl } from '../../support/openssl.ts'
import type { Scope } from '../../support/scope.ts'
import { pluginContext } from '../../support/services.ts'
import { client, type Relay, startRelay, Talk } from './harness.ts'

const SUBJECT = 'Subject: [secure] blood results of Jane Doe\r\n'
const BODY = 'Haemoglobin is 9.1.\r\n'
const message = (subject = SUBJECT, more = '') =>
  `From: a@ours.test\r\nTo: b@proven.test\r\nDate: Sun, 22 Nov 2026 12:00:00 +0000\r\n${subject}${more}\r\n${BODY}`

/** Of cert.test: each has a certificate of their own. */
const people = new Map<string, Issued>()
let folder = ''

before(async (t) => {
  folder = temporaryFolder(t as unknown as Scope, 'people')
  for (const name of ['ann', 'bob', 'service']) {
    people.set(name, issue(folder, name, { emails: [`${name}@cert.test`], extensions: MAIL_USE }))
  }
})

const person = (name: string): Issued => {
  const found = people.get(name)
  assert.ok(found)
  return found
}

const find = ({ local, domain }: Address) => {
  const found = domain === 'cert.test' ? people.get(local) : undefined
  return found === undefined ? [] : [{ fingerprint: fingerprintOf(found.pem), pem: found.pem }]
}

interface Parts {
  readonly raw?: object
  readonly services?: Partial<Services>
  readonly others?: readonly Plugin[]
  readonly mode?: Mode
  readonly inbound?: boolean
  readonly postmaster?: Address
}

async function start(t: Scope, { raw = {}, services, others = [], mode = 'enforce', inbound, postmaster }: Parts = {}) {
  const context = pluginContext(t, {})
  const known: Services = {
    ...context.services,
    secureDomains: (domain) => domain === 'proven.test',
    provenRoute: (domain) => domain === 'ours.test',
    certificates: { find },
    ...services,
  }
  const made = await sensitivePlugins(parseSensitiveOptions(raw), { ...context, services: known })
  const links = [
    ...made.map((plugin) => ({ plugin, mode, deadlineMs: 20_000 })),
    ...others.map((plugin) => ({ plugin, mode: 'enforce' as const, deadlineMs: 20_000 })),
  ]
  const chain = createChain(links, { bytes: 65_536, fields: 1000, content: 1_000_000 }, context)
  const clients = inbound ? [] : [client({ relay: true })]
  return startRelay(t, { options: { clients, postmaster: postmaster ?? null }, ports: { chain } })
}

async function send(t: Scope, relay: Relay, to: readonly string[], text = message(), code = 250): Promise<string> {
  const talk = await Talk.ready(t, relay.port)
  return talk.send('a@ours.test', to, text, code)
}

const whom = ({ recipients }: QueueEntry) => recipients.map(({ address }) => address).join(' ')

/** What is in the queue, by recipients. */
async function queueOf(relay: Relay): Promise<ReadonlyMap<string, { entry: QueueEntry; text: string }>> {
  const found = new Map<string, { entry: QueueEntry; text: string }>()
  for (const entry of await relay.queue()) found.set(whom(entry), { entry, text: await relay.stored(entry) })
  return found
}

/** What someone reads who holds that key. Throws where it is not theirs. */
function opened(text: string, name: string): string {
  const file = join(folder, `${name}.eml`)
  writeFileSync(file, text)
  const { keyFile, pemFile } = person(name)
  return `${openssl(['cms', '-decrypt', '-in', file, '-recip', pemFile, '-inkey', keyFile])}`
}

/** How many can open it. */
function recipientInfos(text: string): number {
  const file = join(folder, 'printed.eml')
  writeFileSync(file, text)
  return `${openssl(['cms', '-cmsout', '-print', '-noout', '-in', file])}`.match(/d\.(ktri|kari|kekri)/g)?.length ?? 0
}

test('to a secure domain it goes as it is, tag and all, and is kept as sensitive', async (t) => {
  const relay = await start(t)
  await send(t, relay, ['b@proven.test', 'c@proven.test'])
  const { entry, text } = await relay.only()
  assert.equal(entry.sensitive, true)
  assert.equal(whom(entry), 'b@proven.test c@proven.test')
  const db = new Database(join(relay.folder, 'spool.db'), { readonly: true })
  const data = db.prepare("SELECT data FROM journal WHERE event = 'received'").pluck().get() as string
  db.close()
  assert.equal(JSON.parse(data).facts.sensitive, true, 'and is so on record')
  assert.ok(text.includes(SUBJECT) && text.endsWith(BODY))
})

test('so it does to a domain of ours whose mail stays on this machine', async (t) => {
  const relay = await start(t)
  await send(t, relay, ['b@ours.test'])
  assert.equal((await relay.only()).entry.sensitive, true)
})

test('mail without a mark is one ordinary message, whoever it is for', async (t) => {
  const relay = await start(t)
  await send(t, relay, ['b@proven.test', 'x@else.test', 'ann@cert.test'], message('Subject: lunch\r\n'))
  const { entry, text } = await relay.only()
  assert.equal(entry.recipients.length, 3)
  assert.equal('sensitive' in entry, false)
  assert.match(text, /lunch/)
})

test('to anybody else it is refused, with what the sender can do', async (t) => {
  const relay = await start(t, { raw: { advice: 'Call the service desk' } })
  const said = await send(t, relay, ['x@else.test', 'y@else.test'], message(), 550)
  assert.equal(
    said,
    '550-5.7.1 This message is marked as sensitive and cannot be sent securely to x@else.test, y@else.test\r\n' +
      '550 5.7.1 Call the service desk',
  )
  assert.deepEqual(await relay.queue(), [])
  const line = relay.log.lines.findLast(({ message }) => message === 'refused')
  assert.equal(line?.reason, 'plugin:sensitive')
  assert.doesNotMatch(JSON.stringify(relay.log.lines), /Jane|blood/)
})

test('a reply names no more recipients than fit', async (t) => {
  const relay = await start(t)
  const many = Array.from({ length: 20 }, (_, i) => `x${i}@else.test`)
  assert.match(await send(t, relay, many, message(), 550), /x4@else\.test and 15 more\r\n/)
})

test('with a certificate it is encrypted and signed for that recipient, and reads as it was', async (t) => {
  const service = person('service')
  const relay = await start(t, { raw: { key: service.keyFile, certificate: service.pemFile } })
  await send(t, relay, ['ann@cert.test'], message(SUBJECT, 'X-Patient: Jane Doe\r\nThread-Topic: Jane Doe\r\n'))
  const { entry, text } = await relay.only()
  assert.equal('sensitive' in entry, false)
  assert.doesNotMatch(text, /Jane|blood|Haemoglobin|\[secure\]/i)
  assert.match(text, /^Subject: \[\.\.\.\]\r$/m)
  assert.match(text, /^From: a@ours\.test\r$/m)
  const signed = opened(text, 'ann')
  const file = join(folder, 'signed.eml')
  writeFileSync(file, signed)
  const trust = ['-CAfile', service.pemFile, '-certfile', service.pemFile, '-purpose', 'any', '-partial_chain']
  const inner = `${openssl(['cms', '-verify', '-in', file, ...trust])}`
  assert.ok(inner.includes(SUBJECT.trim()))
  assert.ok(inner.endsWith(BODY))
})

test('each recipient of an encrypted message has one of their own, so that a blind copy stays blind', async (t) => {
  const relay = await start(t)
  const said = await send(t, relay, ['b@proven.test', 'ann@cert.test', 'bob@cert.test'])
  const queue = await queueOf(relay)
  assert.deepEqual([...queue.keys()].sort(), ['ann@cert.test', 'b@proven.test', 'bob@cert.test'])
  for (const { entry } of queue.values()) assert.ok(said.includes(entry.queueId))
  const [ann, bob] = ['ann', 'bob'].map((name) => queue.get(`${name}@cert.test`)?.text ?? '')
  assert.ok(ann !== undefined && bob !== undefined)
  for (const text of [ann, bob]) assert.equal(recipientInfos(text), 1)
  assert.ok(opened(ann, 'ann').endsWith(BODY))
  assert.ok(opened(bob, 'bob').endsWith(BODY))
  assert.throws(() => opened(ann, 'bob'))
  for (const [name, other] of [
    ['ann', 'bob'],
    ['bob', 'ann'],
  ] as const) {
    assert.doesNotMatch(queue.get(`${name}@cert.test`)?.text ?? '', new RegExp(other))
    assert.doesNotMatch(queue.get('b@proven.test')?.text ?? '', new RegExp(other))
  }
  assert.equal(queue.get('b@proven.test')?.entry.sensitive, true)
})

test('of mixed recipients those are served who can be, and the sender is told of the others', async (t) => {
  const relay = await start(t)
  await send(t, relay, ['b@proven.test', 'x@else.test', 'ann@cert.test'])
  const queue = await queueOf(relay)
  const { entry } = queue.get('x@else.test') ?? {}
  assert.equal(queue.size, 3)
  const [refused] = entry?.recipients ?? []
  assert.equal(refused?.state, 'held')
  assert.equal(refused?.hold?.then, 'reject')
  assert.match(refused?.hold?.told ?? '', /cannot be sent securely to x@else\.test Ask the postmaster/)
  // an operator who releases it by mistake sends nothing in clear
  assert.equal(entry?.sensitive, true)
  assert.equal(queue.get('b@proven.test')?.entry.recipients[0]?.state, 'pending')
  assert.equal(queue.get('ann@cert.test')?.entry.recipients[0]?.state, 'pending')
})

test('what another plugin refuses for some is kept as sensitive, encrypted or not', async (t) => {
  const early: Inspector = {
    name: 'early',
    phase: 'authenticate',
    data: async ({ rcptTo }) =>
      rcptTo[0]?.address.local === 'ann'
        ? { action: 'reject', reason: 'no', reply: { code: 554, enhanced: '5.7.1', lines: ['No'] } }
        : { action: 'continue' },
  }
  const relay = await start(t, { others: [early] })
  await send(t, relay, ['b@proven.test', 'ann@cert.test'])
  const found = (await queueOf(relay)).get('ann@cert.test')
  assert.equal(found?.entry.recipients[0]?.state, 'held')
  assert.equal(found?.entry.sensitive, true)
})

test('what would be held and is to be encrypted is refused, as nobody could look at it', async (t) => {
  const holder: Inspector = { name: 'holder', data: async () => ({ action: 'hold', reason: 'odd' }) }
  const relay = await start(t, { others: [holder] })
  assert.match(await send(t, relay, ['ann@cert.test'], message(), 550), /hold this message for a person/)
  await send(t, relay, ['b@proven.test'])
  const { entry } = await relay.only()
  assert.deepEqual([entry.recipients[0]?.state, entry.sensitive], ['held', true])
})

test('all mail of a client whose policy says so is sensitive, and an unserved recipient is refused at once', async (t) => {
  const relay = await start(t, { services: { sensitiveClients: new Set(['ward']) } })
  const talk = await Talk.ready(t, relay.port)
  await talk.say('MAIL FROM:<a@ours.test>', 250)
  assert.match(await talk.say('RCPT TO:<x@else.test>', 550), /cannot be sent securely to x@else\.test/)
  await talk.say('RCPT TO:<b@proven.test>', 250)
  await talk.say('DATA', 354)
  await talk.say(`${message('Subject: lunch\r\n')}.`, 250)
  assert.equal((await relay.only()).entry.sensitive, true)
})

test('the postmaster of this server can always be written to, and what stands for it is judged at the end', async (t) => {
  const postmaster = { local: 'b', domain: 'proven.test' }
  const relay = await start(t, { services: { sensitiveClients: new Set(['ward']) }, postmaster })
  const talk = await Talk.ready(t, relay.port)
  await talk.send('a@ours.test', ['postmaster'], message())
  const { entry } = await relay.only()
  assert.deepEqual([whom(entry), entry.sensitive], ['b@proven.test', true])
})

test('what comes from outside is not ours to mark', async (t) => {
  const relay = await start(t, { inbound: true })
  const talk = await Talk.ready(t, relay.port)
  await talk.send('someone@far.test', ['b@ours.test'], message())
  assert.equal('sensitive' in (await relay.only()).entry, false)
})

test('more recipients than are encrypted for are refused, as are messages that are too large for it', async (t) => {
  const few = await start(t, { raw: { maxEncrypted: 1 } })
  assert.match(await send(t, few, ['ann@cert.test', 'bob@cert.test'], message(), 550), /more than 1\r\n.*fewer/)
  await send(t, few, ['ann@cert.test'])
  const small = await start(t, { raw: { largest: 1024 } })
  const size = Buffer.byteLength(message())
  const padded = (bytes: number) => message().replace(BODY, `${'x'.repeat(bytes - size)}\r\n${BODY}`)
  await send(t, small, ['ann@cert.test'], padded(1022))
  assert.match(await send(t, small, ['ann@cert.test'], padded(1023), 552), /1024 bytes that can be encrypted/)
})

test('a certificate that is gone when it is needed defers the message', async (t) => {
  let asked = 0
  const vanishing = { find: (address: Address) => (asked++ === 0 ? find(address) : []) }
  const relay = await start(t, { services: { certificates: vanishing } })
  await send(t, relay, ['ann@cert.test'], message(), 451)
  assert.deepEqual(await relay.queue(), [])
})

test('in mode observe nothing is divided, refused or encrypted, and the record says what would be', async (t) => {
  const relay = await start(t, { mode: 'observe' })
  await send(t, relay, ['x@else.test', 'ann@cert.test'])
  const { entry, text } = await relay.only()
  assert.equal(entry.recipients.length, 2)
  assert.ok(text.includes(SUBJECT))
})

test('a key that others can read, or one of another certificate, is not used', async (t) => {
  const [ann, bob] = [person('ann'), person('bob')]
  await assert.rejects(start(t, { raw: { key: ann.keyFile, certificate: bob.pemFile } }), /does not belong to/)
  await assert.rejects(start(t, { raw: { key: ann.pemFile, certificate: ann.pemFile } }), /others than its owner/)
  await assert.rejects(start(t, { raw: { key: `${ann.keyFile}.no`, certificate: ann.pemFile } }), /cannot be read/)
})

test('what another plugin says of the content of one part is not told in a notice', async (t) => {
  const reason = 'an attachment of a kind that may not pass'
  const said = reply(550, '5.7.1', 'The attachment "biopsy Jane Doe.exe" may not pass')
  const nosy: Inspector = {
    name: 'nosy',
    data: async ({ rcptTo }) =>
      rcptTo.some(({ address }) => address.domain === 'proven.test')
        ? { action: 'reject', reason, reply: said }
        : CONTINUE,
  }
  const relay = await start(t, { others: [nosy] })
  await send(t, relay, ['b@proven.test', 'ann@cert.test', 'z@else.test'])
  const queue = await queueOf(relay)
  const told = (who: string) => queue.get(who)?.entry.recipients[0]?.hold?.told ?? ''
  assert.match(told('b@proven.test'), /^The check "nosy" does not let this message pass\. It is sensitive/)
  assert.match(told('z@else.test'), /cannot be sent securely to z@else\.test/)
})
