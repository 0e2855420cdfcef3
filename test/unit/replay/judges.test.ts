import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import type { PluginEntry } from '../../../src/config/index.ts'
import { registerOf, type SecureDomain } from '../../../src/mail/secure-domain.ts'
import type { Recorded } from '../../../src/replay/recorded.ts'
import type { WorldOptions } from '../../../src/replay/world.ts'
import { temporaryFolder } from '../../support/folder.ts'
import { address, client, compared, plugin, recorded, result, SAFE, worldOptions } from './support.ts'

const A = client('a', '10.0.1.0/24', { tls: 'optional' })

const withPlugins = (plugins: PluginEntry[], more: Partial<WorldOptions> = {}) =>
  worldOptions({ plugins, ...more, accept: { clients: [A] } })

/** From whom to whom is the same; only the chain differs. Gives each change, or each doubt. */
function changed(before: PluginEntry[], after: PluginEntry[], message: Partial<Recorded>): string[] {
  const { list, doubts } = compared(withPlugins(before), withPlugins(after), [recorded(message)])
  return [
    ...list.map(({ kind, from, to }) => `${kind}: ${from} > ${to}`),
    ...doubts.map(({ what }) => `doubt: ${what}`),
  ]
}

const HELD = (name: string) => `held by plugin ${name} for 5d, then reject`
const spam = (options: object, more: Partial<PluginEntry> = {}) => [plugin('spam', options, more)]
const scored = (score: number, more: object = {}) => ({ inspection: [result('spam', { score, symbols: [] }, more)] })
const outside = {
  address: '192.0.2.1',
  client: null,
  recipients: [{ address: address('x@royal.test'), state: 'pending' }],
}

test('a score counts from its threshold on, and not below it', () => {
  const [before, after] = [spam({ hold: 20, reject: 30 }), spam({ hold: 10, reject: 30 })]
  assert.deepEqual(changed(before, after, scored(9.99)), [])
  assert.deepEqual(changed(before, after, scored(10)), [`fate: accepted > ${HELD('spam')}`])
  assert.deepEqual(changed(before, after, scored(20)), [])
  assert.deepEqual(changed(before, [], scored(20)), [`fate: ${HELD('spam')} > accepted`])
})

test('what a plugin that only watched found counts once it may act', () => {
  const mode = { mode: 'observe' } as const
  const found = scored(31, { mode: 'observe', verdict: 'reject' })
  assert.deepEqual(changed(spam({ reject: 30 }, mode), spam({ reject: 30 }), found), [
    'fate: accepted > refused: plugin spam (554 5.7.1)',
  ])
  const tags = changed(spam({ reject: 30 }, mode), spam({ reject: 30 }, { mode: 'tag' }), found)
  assert.deepEqual(tags, ['marks: none > spam'])
})

test('a scanner that did not answer is judged by what is to happen then', () => {
  const missed = { inspection: [result('spam', {}, { verdict: 'tag', reason: 'not scanned for spam: no answer' })] }
  assert.deepEqual(changed(spam({}), spam({ unavailable: 'hold' }), missed), [`fate: accepted > ${HELD('spam')}`])
})

test('a plugin that was not asked leaves a doubt where it would be asked, and none elsewhere', () => {
  const when = { direction: ['inbound'] as const, clients: null, senders: null, recipients: null }
  const doubt = ['doubt: new plugin spam: it was not asked then, and cannot be without the content']
  assert.deepEqual(changed([], spam({}), {}), doubt)
  assert.deepEqual(changed([], spam({}, { when }), {}), [])
  assert.deepEqual(changed([], spam({}, { when }), outside), doubt)
  assert.deepEqual(changed([], spam({}, { mode: 'observe' }), {}), [])
})

test('what cannot be told of a plugin is in doubt where it changes, and not where it stays', () => {
  assert.deepEqual(changed(spam({ hold: 9 }), spam({ hold: 9 }), {}), [])
  const doubt = ['doubt: changed plugin spam: it was not asked then, and cannot be without the content']
  assert.deepEqual(changed(spam({ hold: 9 }), spam({ hold: 8 }), {}), doubt)
  assert.deepEqual(changed(spam({}, { mode: 'tag' }), spam({}), {}), doubt)
})

test('a virus is refused, held or removed as the new options say', () => {
  const virus = (action: string) => [plugin('virus', { clamd: ['127.0.0.1:3310'], action })]
  const found = { inspection: [result('virus', { virus: 'Eicar' }, { verdict: 'hold' })] }
  assert.deepEqual(changed(virus('hold'), virus('reject'), found), [
    `fate: ${HELD('virus')} > refused: plugin virus (554 5.7.1)`,
  ])
  assert.deepEqual(
    changed(virus('hold'), virus('remove'), found).at(-1),
    'doubt: changed plugin virus: whether the virus can be removed is not on record',
  )
  const clean = { inspection: [result('virus')] }
  assert.deepEqual(changed(virus('hold'), virus('reject'), clean), [])
})

test('a DMARC failure is judged by the new policy, and by its exceptions', () => {
  const dmarc = { result: 'fail', from: 'far.test', policy: 'quarantine', by: [] }
  const found = {
    ...outside,
    inspection: [result('authentication', { by: 'x', dkim: [], dmarc }, { verdict: 'hold' })],
  }
  const by = (options: object) => [plugin('authentication', options)]
  assert.deepEqual(changed(by({}), by({ dmarcQuarantine: 'reject' }), found), [
    `fate: ${HELD('authentication')} > refused: plugin authentication (550 5.7.26)`,
  ])
  assert.deepEqual(changed(by({}), by({ exceptDomains: ['far.test'] }), found), [
    `fate: ${HELD('authentication')} > accepted`,
  ])
  assert.deepEqual(changed(by({}), by({ directions: ['outbound'] }), found), [
    `fate: ${HELD('authentication')} > accepted`,
  ])
})

test('sealers that are newly trusted leave a doubt, since what the first of them saw is not on record', () => {
  const dmarc = { result: 'fail', from: 'far.test', policy: 'reject', by: [] }
  const arc = { result: 'pass', instance: 1, sealers: ['list.test'] }
  const found = { ...outside, inspection: [result('authentication', { dkim: [], dmarc, arc }, { verdict: 'hold' })] }
  const by = (options: object) => [plugin('authentication', { dmarcReject: 'hold', ...options })]
  assert.match(changed(by({}), by({ trustedSealers: ['list.test'] }), found).at(-1) ?? '', /trustedSealers: /)
})

test('what was found in attachments is judged by the new actions, exceptions included', () => {
  const facts = {
    state: 'encrypted',
    parts: 1,
    counts: { encrypted: 1 },
    found: [{ check: 'encrypted', format: 'ZIP', why: 'x' }],
  }
  const found = { inspection: [result('attachments', facts, { verdict: 'hold' })] }
  const by = (options: object) => [plugin('attachments', { encrypted: 'hold', ...options })]
  assert.deepEqual(changed(by({}), by({ encrypted: 'reject' }), found), [
    `fate: ${HELD('attachments')} > refused: plugin attachments (550 5.7.1)`,
  ])
  const exceptions = [{ clients: ['a'], of: ['encrypted'] }]
  assert.deepEqual(changed(by({}), by({ exceptions }), found), [`fate: ${HELD('attachments')} > accepted`])
  assert.match(changed(by({}), by({ alsoBlocked: ['docx'] }), found).at(-1) ?? '', /looks for something else/)
})

test('a list of senders is read as it is now', (t) => {
  const file = join(temporaryFolder(t), 'list.txt')
  writeFileSync(file, 'deny @royal.test\n')
  assert.deepEqual(changed([], [plugin('senders', { file })], {}), [
    'fate: accepted > refused: plugin senders (554 5.7.1)',
  ])
  assert.throws(() => changed([], [plugin('senders', { file: `${file}.gone` })], {}), /cannot be read/)
})

test('what the options of a plugin make of content it saw long ago is never guessed', () => {
  const found = { inspection: [result('headers', {}, { verdict: 'tag', reason: 'long lines' })] }
  const doubt = changed([plugin('headers')], [plugin('headers', { longLines: 'reject' })], found)
  assert.match(doubt.at(-1) ?? '', /^doubt: changed plugin headers: its options changed/)
  assert.deepEqual(changed([plugin('headers')], [plugin('headers', {}, { mode: 'observe' })], found), [
    'marks: headers > none',
  ])
})

test("an operator's own plugin is not run: what it said stands", () => {
  const own = (mode: PluginEntry['mode'], options = {}) => [plugin('module', options, { module: '/ours.js', mode })]
  const found = { inspection: [result('ours', {}, { verdict: 'hold', mode: 'observe', reason: 'odd' })] }
  assert.deepEqual(changed(own('observe'), own('enforce'), found), [`fate: accepted > ${HELD('module /ours.js')}`])
  assert.match(changed(own('enforce'), own('enforce', { a: 1 }), found).at(-1) ?? '', /doubt: .*its options changed/)
})

test('sensitive mail is judged by the new register, and by whose mail is sensitive', () => {
  const services = (secure: string[], clients: string[] = []) => ({
    sensitive: {
      secureDomains: (domain: string) => secure.includes(domain),
      provenRoute: () => false,
      sensitiveClients: new Set(clients),
    },
  })
  const by = (more: Partial<WorldOptions>) => withPlugins([plugin('sensitive')], more)
  const was = (facts: object) => [recorded({ inspection: [result('sensitive', facts)] })]
  const proven = was({ marked: 'header', handling: 'proven' })
  const lost = compared(by(services(['next.test'])), by(services([])), proven)
  assert.match(lost.doubts[0]?.what ?? '', /whether a certificate is known is not on record/)
  const encrypted = compared(
    by(services(['next.test'])),
    by(services([])),
    was({ marked: 'header', handling: 'encrypt' }),
  )
  assert.deepEqual([encrypted.list, encrypted.doubts], [[], []])
  const ordinary = compared(by(services(['next.test'])), by(services(['next.test'], ['a'])), was({}))
  assert.deepEqual([ordinary.list, ordinary.doubts], [[], []])
})

test('a message over the new size is refused, one that may owe its size to this relay is not judged', () => {
  const limited = (size: number) => worldOptions({ accept: { clients: [{ ...A, size }] } })
  const by = (size: number, limit: number) => compared(limited(100_000_000), limited(limit), [recorded({ size })])
  assert.deepEqual(by(50_000, 50_000).list, [])
  assert.match(by(50_001, 50_000).doubts[0]?.what ?? '', /^size: /)
  assert.match(by(54_097, 50_000).list[0]?.to ?? '', /^refused: size \(552 5\.3\.4\)$/)
})

test('what came over TLS satisfies a client that must use it', () => {
  const required = worldOptions({ accept: { clients: [{ ...A, tls: 'required' }] } })
  const before = worldOptions({ accept: { clients: [A] } })
  assert.deepEqual(compared(before, required, [recorded({ tls: SAFE })]).list, [])
  assert.equal(compared(before, required, [recorded()]).list[0]?.to, 'refused: tls-required (530 5.7.0)')
})

test('recipients over the new limit are refused, and only those', () => {
  const recipients = ['a', 'b', 'c'].map((name) => ({ address: address(`${name}@next.test`), state: 'pending' }))
  const before = worldOptions({ accept: { clients: [A] } })
  const { list } = compared(before, worldOptions({ accept: { clients: [{ ...A, recipients: 2 }] } }), [
    recorded({ recipients }),
  ])
  assert.deepEqual(
    list.map(({ recipient, to }) => [recipient, to]),
    [['c@next.test', 'deferred: recipients (452 4.5.3)']],
  )
})

test('recipients that a server is to be asked about leave a doubt, unless it was asked then', () => {
  const by = (recipients: 'any' | 'ask') =>
    worldOptions({ accept: { clients: [A], domains: new Map([['next.test', { recipients }]]) } })
  assert.match(compared(by('any'), by('ask'), [recorded()]).doubts[0]?.what ?? '', /^recipients: ask: /)
  assert.deepEqual(compared(by('ask'), by('ask'), [recorded()]).doubts, [])
  assert.deepEqual(compared(by('ask'), by('any'), [recorded()]).doubts, [])
})

test('of a message that was split, nobody counts the recipients of the other parts', () => {
  const limited = (recipients: number) => worldOptions({ accept: { clients: [{ ...A, recipients }] } })
  const split = [recorded({ split: true })]
  assert.match(compared(limited(50), limited(10), split).doubts[0]?.what ?? '', /^recipients: /)
  assert.deepEqual(compared(limited(50), limited(60), split).doubts, [])
})

test("the relay's own notices were never admitted by anybody, but take the new way", () => {
  const own = [recorded({ own: true, address: null, client: null, sender: null })]
  const closed = worldOptions({
    accept: { clients: [] },
    plugins: spam({}),
    routes: { default: MX_26, domains: new Map() },
  })
  const { list, doubts } = compared(worldOptions(), closed, own)
  assert.deepEqual([list.map(({ kind, to }) => `${kind}: ${to}`), doubts], [['route: its MX, port 26'], []])
})

const MX_26 = { via: 'mx', port: 26, tls: { mode: 'opportunistic', verify: false, options: {} } } as const

test('a domain that becomes secure, and one that no longer is, take another path', () => {
  const entry = {
    ...{ domain: 'next.test', subdomains: false, owner: 'x', nextHop: null, status: 'active', approvers: ['a', 'b'] },
    ...{ reviewedOn: 0, expiresOn: Number.MAX_SAFE_INTEGER, note: '' },
    requirement: { prove: 'verified', fingerprints: [], minTls: 'TLSv1.3', ciphers: null },
  } as unknown as SecureDomain
  const transport = (entries: SecureDomain[]) =>
    worldOptions({
      transport: { register: registerOf(entries), dane: false, mtaSts: false, exceptions: [] },
      accept: { clients: [A] },
    })
  const paths = (before: SecureDomain[], after: SecureDomain[]) =>
    compared(transport(before), transport(after), [recorded()]).list.map(
      ({ kind, from, to }) => `${kind}: ${from} > ${to}`,
    )
  const secure = 'secure domain next.test: verified, TLSv1.3 or newer'
  assert.deepEqual(paths([], [entry]), [`path: TLS if offered > ${secure}`])
  assert.deepEqual(paths([entry], [{ ...entry, expiresOn: 1 }]), [`path: ${secure} > TLS if offered`])
  const hop = { ...entry, nextHop: { host: 'gate.test', port: 25 } }
  assert.deepEqual(paths([entry], [hop]), ['route: its MX > gate.test:25'])
})

test('what the configuration in force does not give back is told, with what is on record', () => {
  const message = recorded({ recipients: [{ address: address('x@next.test'), state: 'held' }] })
  const { control } = compared(worldOptions({ accept: { clients: [A] } }), worldOptions({ accept: { clients: [A] } }), [
    message,
  ])
  assert.deepEqual([control.reproduced, control.others], [0, 1])
  assert.deepEqual([control.why[0]?.recorded, control.why[0]?.judged], ['held', 'accepted'])
})
