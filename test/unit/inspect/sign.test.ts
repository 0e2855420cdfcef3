import assert from 'node:assert/strict'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import { loadChain } from '../../../src/inspect/load.ts'
import type { ChainMessage } from '../../../src/inspect/message.ts'
import { authenticationFacts } from '../../../src/inspect/plugins/authentication/facts.ts'
import { KeyRing, type SigningKey } from '../../../src/inspect/plugins/sign/keys.ts'
import { parseSignOptions } from '../../../src/inspect/plugins/sign/options.ts'
import { type Content, memoryContent } from '../../../src/mail/content.ts'
import { parseHeader } from '../../../src/mail/header.ts'
import { manualClock } from '../../support/clock.ts'
import { temporaryFolder } from '../../support/folder.ts'
import { pluginContext } from '../../support/services.ts'
import { ed25519Key, rsaKey, type TestKey, writeKey } from '../../support/signing.ts'
import { chainMessage, LIMITS, never, SESSION, textOf } from './harness.ts'

const RELAY = rsaKey('relay.test', 'r1')
const ROYAL = rsaKey('royal.test', 'a1')
const ROYAL_ED = ed25519Key('royal.test', 'e1')
const NEXT = rsaKey('royal.test', 'a2')
const ALL = [RELAY, ROYAL, ROYAL_ED, NEXT]
const ZONE = Object.fromEntries(ALL.map(({ name, record }) => [name, { txt: [record] }]))
const NOW = Date.UTC(2026, 10, 22, 12)

interface Extra {
  readonly key: TestKey
  readonly activeFrom?: string
  readonly clients?: readonly string[]
}

/** A relay that signs, with its own key and more; and one that verifies. */
async function setting(t: TestContext, extras: readonly Extra[] = [], more: object = {}) {
  const folder = temporaryFolder(t)
  const file = (key: TestKey) => writeKey(join(folder, `${key.selector}.pem`), key)
  const keys = extras.map(({ key, ...rest }) => ({
    domain: key.domain,
    selector: key.selector,
    key: file(key),
    ...rest,
  }))
  const options = { selector: RELAY.selector, key: file(RELAY), keys, ...more }
  const clock = manualClock(NOW)
  const context = pluginContext(t, ZONE, { clock })
  const chain = (name: string, given: object) =>
    loadChain([{ name, module: null, mode: 'enforce', deadlineMs: 60_000, options: { ...given } }], LIMITS, context)
  const [signer, verifier] = [await chain('sign', options), await chain('authentication', {})]
  const verified = async (text: string) => {
    const { results } = await verifier.data(message(text, { direction: 'inbound' }), never)
    return (authenticationFacts(results)?.dkim ?? []).map(
      ({ result, domain, selector }) => `${result} ${selector} ${domain}`,
    )
  }
  const sign = async (sent: ChainMessage) => textOf(await signer.data(sent, never))
  return { sign, verified, clock, signer }
}

interface Sent extends Partial<ChainMessage> {
  readonly client?: string
  readonly sender?: string | null
}

const TEXT =
  'From: Ward <ward@royal.test>\r\nTo: a@next.test\r\nSubject: results\r\nDate: today\r\n\r\nThe results.\r\n'

function message(text = TEXT, { client = 'ward', sender = 'royal.test', ...changes }: Sent = {}): ChainMessage {
  const bytes = Buffer.from(text)
  return chainMessage('', '', {
    session: { ...SESSION, client },
    mailFrom: sender === null ? null : { local: 'ward', domain: sender },
    direction: 'outbound',
    header: parseHeader(bytes.subarray(0, text.indexOf('\r\n\r\n') + 2)),
    content: memoryContent(bytes),
    ...changes,
  })
}

test('a message is signed on top, by the default key where its domain has none, and verifies', async (t) => {
  const { sign, verified } = await setting(t)
  const text = await sign(message())
  assert.ok(text.startsWith('DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=relay.test; s=r1;'))
  assert.ok(text.endsWith(TEXT))
  assert.deepEqual(await verified(text), ['pass r1 relay.test'])
  assert.ok(text.split('\r\n').every((line) => line.length <= 78))
})

test("the author's domain signs with all kinds of key it has, and so it does for those below it", async (t) => {
  const { sign, verified } = await setting(t, [{ key: ROYAL }, { key: ROYAL_ED }])
  const both = ['pass e1 royal.test', 'pass a1 royal.test']
  assert.deepEqual((await verified(await sign(message()))).sort(), both.sort())
  const below = message(TEXT.replaceAll('ward@royal', 'ward@a.b.royal'), { sender: 'b.royal.test' })
  assert.equal((await verified(await sign(below))).length, 2)
})

test('nobody is signed for in another name than his: the reverse-path or the client must show it', async (t) => {
  const { sign, verified } = await setting(t, [{ key: ROYAL, clients: ['gateway'] }, { key: NEXT }])
  const by = async (sent: Sent) => (await verified(await sign(message(TEXT, sent)))).map((line) => line.split(' ')[1])
  assert.deepEqual(await by({ sender: 'other.test' }), ['r1'])
  assert.deepEqual(await by({ sender: null }), ['r1'])
  const only = await setting(t, [{ key: ROYAL, clients: ['gateway'] }])
  const named = async (sent: Sent) => (await only.verified(await only.sign(message(TEXT, sent))))[0]
  assert.equal(await named({ sender: 'other.test', client: 'gateway' }), 'pass a1 royal.test')
  assert.equal(await named({ sender: null, client: 'gateway' }), 'pass a1 royal.test')
  assert.equal(await named({ sender: 'other.test', client: 'ward' }), 'pass r1 relay.test')
  // the envelope's own domain signs where the author has no key
  const foreign = message(TEXT.replace('ward@royal.test', 'ward@other.test'))
  assert.equal((await only.verified(await only.sign(foreign)))[0], 'pass a1 royal.test')
})

test('a key takes over from the one before at its time, without a reload', async (t) => {
  const { sign, verified, clock } = await setting(t, [{ key: ROYAL }, { key: NEXT, activeFrom: '2026-12-01' }])
  assert.deepEqual(await verified(await sign(message())), ['pass a1 royal.test'])
  clock.goTo(Date.UTC(2026, 11, 1))
  assert.deepEqual(await verified(await sign(message())), ['pass a2 royal.test'])
})

test('what is signed cannot be changed, nor added to where it must stand once', async (t) => {
  const { sign, verified } = await setting(t)
  const text = await sign(message())
  const changed: [string, string][] = [
    ['another subject', text.replace('Subject: results', 'Subject: result')],
    ['another From on top', `From: x@relay.test\r\n${text}`],
    ['another Subject below', text.replace('\r\n\r\nThe', '\r\nSubject: x\r\n\r\nThe')],
    ['a Reply-To where there was none', `Reply-To: x@evil.test\r\n${text}`],
    ['a Content-Type where there was none', `Content-Type: text/html\r\n${text}`],
    ['more text', `${text}.\r\n`],
  ]
  for (const [what, other] of changed) assert.match((await verified(other))[0] ?? '', /^fail/, what)
  const harmless = `Received: from x\r\n${text.replace('Subject: results', 'SUBJECT:   results ')}\r\n\r\n`
  assert.deepEqual(await verified(harmless), ['pass r1 relay.test'])
})

test('a message of a header only, and one of a body only, can be signed', async (t) => {
  const { sign, verified } = await setting(t)
  assert.deepEqual(await verified(await sign(message('From: ward@royal.test\r\n\r\n'))), ['pass r1 relay.test'])
  assert.match(await sign(message('\r\nbody\r\n')), /^DKIM-Signature/)
})

test('large content is signed as it streams by', async (t) => {
  const { sign, verified } = await setting(t)
  const bytes = Buffer.from(`${TEXT}${'A line  of text. \r\n'.repeat(200_000)}`)
  const content: Content = {
    size: bytes.length,
    bytes: null,
    async *stream() {
      for (let at = 0; at < bytes.length; at += 65_537) yield bytes.subarray(at, at + 65_537)
    },
  }
  const text = await textOf({ ...(await sentBy(sign, { ...message(), content })), content } as never)
  assert.deepEqual(await verified(text), ['pass r1 relay.test'])
})

/** The signature that a message gets, without its content. */
async function sentBy(sign: (sent: ChainMessage) => Promise<string>, sent: ChainMessage) {
  const text = await sign(sent)
  return { prefix: Buffer.from(text.slice(0, text.indexOf('From:'))) }
}

test('only the directions that are named are signed, and a lifetime is written down', async (t) => {
  const { sign } = await setting(t, [], { lifetime: 86_400_000 })
  assert.equal(await sign(message(TEXT, { direction: 'inbound' })), TEXT)
  const seconds = NOW / 1000
  assert.match(await sign(message(TEXT, { direction: 'internal' })), new RegExp(`t=${seconds}; x=${seconds + 86_400};`))
})

test('a chain is sealed only where somebody looked at it before', async (t) => {
  const { sign } = await setting(t, [], { seal: ['inbound'] })
  assert.equal(await sign(message(TEXT, { direction: 'inbound' })), TEXT)
})

test('an author signs only with what is plainly his address', async (t) => {
  const { sign } = await setting(t, [{ key: ROYAL }])
  const by = async (from: string) => /d=([a-z.]+)/.exec(await sign(message(`From: ${from}\r\n\r\nx\r\n`)))?.[1]
  assert.equal(await by('ward@royal.test'), 'royal.test')
  assert.equal(await by('"a <x@other.test>" <ward@royal.test>'), 'royal.test')
  // the reverse-path is in the domain, and signs
  assert.equal(await by('a@x.test, b@y.test'), 'royal.test')
})

test('a key that others can read, is none, is too short or has a password stops the start', async (t) => {
  const folder = temporaryFolder(t)
  const context = pluginContext(t, {})
  const load = (key: string, more: object = {}) =>
    loadChain(
      [{ name: 'sign', module: null, mode: 'enforce', deadlineMs: 1_000, options: { selector: 's', key, ...more } }],
      LIMITS,
      context,
    )
  const file = join(folder, 'key.pem')
  await assert.rejects(load(file), /sign: .*key\.pem: cannot be read/)
  writeKey(file, RELAY)
  for (const mode of [0o640, 0o604, 0o620]) {
    chmodSync(file, mode)
    await assert.rejects(load(file), /others than its owner can read it/)
  }
  chmodSync(file, 0o600)
  await load(file)
  await assert.rejects(load(file, { defaultDomain: 'other.test' }), /there is no key for other\.test/)
  const wrong = (name: string, text: string) => {
    writeFileSync(join(folder, name), text, { mode: 0o600 })
    return load(join(folder, name))
  }
  await assert.rejects(wrong('text.pem', 'SECRET'), (error: Error) => {
    return /no private key in PEM/.test(error.message) && !error.message.includes('SECRET')
  })
  const secret = { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' } as const
  await assert.rejects(wrong('locked.pem', String(RELAY.key.export(secret))), /one with a password/)
  const pem = (key: TestKey) => String(key.key.export({ type: 'pkcs8', format: 'pem' }))
  await assert.rejects(wrong('short.pem', pem(rsaKey('a.test', 's', 768))), /the key has 768 bits/)
})

test('the ring gives the keys of the nearest domain above, and of each kind the last that is active', () => {
  const key = (domain: string, selector: string, algorithm: SigningKey['algorithm'], activeFrom = 0) =>
    ({ domain, selector, algorithm, activeFrom, clients: null, key: RELAY.key }) satisfies SigningKey
  const ring = new KeyRing(
    [
      key('a.test', 'old', 'rsa-sha256'),
      key('a.test', 'new', 'rsa-sha256', 100),
      key('a.test', 'ed', 'ed25519-sha256', 50),
      key('x.a.test', 'below', 'rsa-sha256'),
      key('default.test', 'own', 'rsa-sha256'),
    ],
    'default.test',
  )
  const of = (domain: string, now: number) =>
    ring.choose({ author: domain, sender: domain, client: null }, now).map(({ selector }) => selector)
  assert.deepEqual(of('a.test', 0), ['old'])
  assert.deepEqual(of('a.test', 50), ['old', 'ed'])
  assert.deepEqual(of('y.a.test', 100), ['new', 'ed'])
  assert.deepEqual(of('z.x.a.test', 100), ['below'])
  assert.deepEqual(of('b.test', 100), ['own'])
  assert.deepEqual(of('test', 100), ['own'])
})

test('wrong options are named', () => {
  const base = { selector: 's', key: '/k' }
  const options = parseSignOptions({ ...base, fields: ['From'], oversign: ['To'] }, 'relay.test')
  assert.deepEqual([options.fields, options.defaultDomain], [['From', 'To'], 'relay.test'])
  const wrong: [object, RegExp][] = [
    [{ key: '/k' }, /a key needs a selector/],
    [{ selector: 's' }, /the key s has no path/],
    [{ ...base, selector: 'no space' }, /a key needs a selector/],
    [{ ...base, domain: 'no domain' }, /expected a domain/],
    [{ ...base, fields: ['To'], oversign: [] }, /From is always signed/],
    [{ ...base, fields: ['From', 'a b'] }, /'a b' is no name/],
    [{ ...base, keys: [{ selector: 's', key: '/k' }] }, /the key s has no domain/],
    [
      { ...base, keys: [{ domain: 'a.test', selector: 's', key: '/k', activeFrom: 'soon' }] },
      /activeFrom: expected a date/,
    ],
    [{ ...base, seal: ['inbound'], sealDomain: 'b.test' }, /no key for the domain that seals/],
    [{ ...base, other: 1 }, /there is no option other/],
  ]
  for (const [given, said] of wrong) assert.throws(() => parseSignOptions(given, 'relay.test'), said)
})
