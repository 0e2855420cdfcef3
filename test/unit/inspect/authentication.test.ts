import assert from 'node:assert/strict'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import { loadChain } from '../../../src/inspect/load.ts'
import type { ChainMessage } from '../../../src/inspect/message.ts'
import type { Mode } from '../../../src/inspect/plugin.ts'
import { authenticationFacts } from '../../../src/inspect/plugins/authentication/facts.ts'
import { type Content, memoryContent } from '../../../src/mail/content.ts'
import { parseHeader } from '../../../src/mail/header.ts'
import { temporaryFolder } from '../../support/folder.ts'
import { pluginContext, type ServicesOptions } from '../../support/services.ts'
import { rsaKey, type TestKey, writeKey } from '../../support/signing.ts'
import type { Zone } from '../../support/zone.ts'
import { chainMessage, LIMITS, never, SESSION, textOf } from './harness.ts'

const KEY = rsaKey('trust.test', 's1')
const OTHER = rsaKey('list.test', 'l1')
const RELAY = rsaKey('relay.test', 'r1')

const ZONE: Zone = {
  'trust.test': { txt: ['v=spf1 ip4:192.0.2.7 -all'] },
  '_dmarc.trust.test': { txt: ['v=DMARC1; p=reject'] },
  'quarantine.test': { txt: ['v=spf1 -all'] },
  '_dmarc.quarantine.test': { txt: ['v=DMARC1; p=quarantine'] },
  'none.test': { txt: ['v=spf1 -all'] },
  '_dmarc.none.test': { txt: ['v=DMARC1; p=none'] },
  'nopolicy.test': { txt: ['v=spf1 -all'] },
  'list.test': { txt: ['v=spf1 ip4:198.51.100.1 -all'] },
  'slow.test': {},
  ...Object.fromEntries([KEY, OTHER, RELAY].map(({ name, record }) => [name, { txt: [record] }])),
}

const TEXT = (domain = 'trust.test', more = '') =>
  `${more}From: Ward <ward@${domain}>\r\nSubject: results\r\nDate: Sun, 22 Nov 2026 12:00:00 +0000\r\n\r\nThe results.\r\n`

interface Sent extends Partial<ChainMessage> {
  /** Where it comes from; by default an address that SPF denies. */
  readonly address?: string
  readonly client?: string
}

function message(text: string, { address = '203.0.113.9', client, ...changes }: Sent = {}): ChainMessage {
  const bytes = Buffer.from(text)
  const header = parseHeader(bytes.subarray(0, text.indexOf('\r\n\r\n') + 2))
  const session = { ...SESSION, remoteAddress: address, client: client ?? null }
  const mailFrom = { local: 'ward', domain: /From: .*@([a-z.]+)>/.exec(text)?.[1] ?? 'trust.test' }
  return chainMessage('', '', { session, mailFrom, header, content: memoryContent(bytes), ...changes })
}

interface Setting extends ServicesOptions {
  readonly options?: object
  readonly mode?: Mode
  readonly zone?: Zone
}

async function setting(t: TestContext, { options = {}, mode = 'enforce', zone = ZONE, ...services }: Setting = {}) {
  const context = pluginContext(t, zone, services)
  const entry = { name: 'authentication', module: null, mode, deadlineMs: 20_000, options: { ...options } }
  const chain = await loadChain([entry], { ...LIMITS, content: 10_000_000 }, context)
  const check = async (sent: ChainMessage) => {
    const outcome = await chain.data(sent, never)
    const facts = authenticationFacts(outcome.results)
    const reply = 'reply' in outcome.verdict ? outcome.verdict.reply : null
    return { ...outcome, facts, reply, action: outcome.verdict.action, text: await textOf(outcome) }
  }
  return { check, resolver: context.services.resolver, context }
}

/** Signs with the plugin, as another relay of this make would. */
async function signed(t: TestContext, text: string, key: TestKey, more: object = {}, arc = false): Promise<string> {
  const context = pluginContext(t, ZONE, { hostname: key.domain })
  const file = writeKey(join(temporaryFolder(t), 'key.pem'), key)
  const options = { selector: key.selector, key: file, domain: key.domain, ...more }
  const direction = arc ? 'inbound' : 'outbound'
  const plugins = {
    ...(arc && { authentication: { dmarcReject: 'off' } }),
    sign: arc ? { ...options, seal: ['inbound'] } : options,
  }
  const entries = Object.entries(plugins).map(([name, given]) => {
    return { name, module: null, mode: 'enforce' as const, deadlineMs: 20_000, options: { ...given } }
  })
  const chain = await loadChain(entries, LIMITS, context)
  const sent = message(text, { address: '192.0.2.7', direction })
  return textOf(await chain.data(sent, never))
}

test('a message that SPF proves passes, and says so', async (t) => {
  const { check } = await setting(t)
  const { action, facts, text } = await check(message(TEXT(), { address: '192.0.2.7' }))
  assert.equal(action, 'continue')
  assert.deepEqual(facts?.spf, { result: 'pass', domain: 'trust.test', identity: 'mailfrom' })
  assert.deepEqual(facts?.dmarc, { result: 'pass', from: 'trust.test', policy: 'reject', by: ['spf'] })
  const unfolded = text.replace(/\r\n[ \t]/g, ' ')
  assert.match(
    unfolded,
    /^Authentication-Results: relay\.test; spf=pass smtp\.mailfrom=trust\.test; dkim=none; dmarc=pass/,
  )
})

test('a message that DKIM proves passes, wherever it comes from', async (t) => {
  const { check } = await setting(t)
  const { action, facts, text } = await check(message(await signed(t, TEXT(), KEY)))
  assert.equal(action, 'continue')
  assert.deepEqual(facts?.dkim, [{ result: 'pass', domain: 'trust.test', selector: 's1' }])
  assert.deepEqual(facts?.dmarc?.by, ['dkim'])
  assert.match(text, /dkim=pass header\.d=trust\.test/)
})

test('the same holds for content that is not in memory', async (t) => {
  const { check } = await setting(t)
  const bytes = Buffer.from(await signed(t, `${TEXT()}${'A line of text.\r\n'.repeat(100_000)}`, KEY))
  const content: Content = {
    size: bytes.length,
    bytes: null,
    async *stream() {
      for (let at = 0; at < bytes.length; at += 65_537) yield bytes.subarray(at, at + 65_537)
    },
  }
  const sent = message(bytes.toString('latin1'))
  assert.equal((await check({ ...sent, content })).facts?.dkim[0]?.result, 'pass')
})

test('what neither proves is treated as its domain asks', async (t) => {
  const { check } = await setting(t)
  const rejected = await check(message(TEXT()))
  assert.equal(rejected.action, 'reject')
  assert.deepEqual([rejected.reply?.code, rejected.reply?.enhanced], [550, '5.7.26'])
  assert.equal((await check(message(TEXT('quarantine.test')))).action, 'hold')
  assert.equal((await check(message(TEXT('none.test')))).action, 'continue')
  assert.equal((await check(message(TEXT('nopolicy.test')))).action, 'continue')
})

test('a held message still says what was found', async (t) => {
  const { check } = await setting(t)
  assert.match((await check(message(TEXT('quarantine.test')))).text, /^Authentication-Results: relay\.test; spf=fail/)
})

test('in mode observe nothing is done, and the facts are recorded', async (t) => {
  const { check } = await setting(t, { mode: 'observe' })
  const { action, text, results, facts } = await check(message(TEXT()))
  assert.deepEqual([action, text, results[0]?.verdict], ['continue', TEXT(), 'reject'])
  assert.equal(facts?.dmarc?.result, 'fail')
})

test('a changed message fails, and a signature of another domain proves nothing', async (t) => {
  const { check } = await setting(t)
  const changed = (await signed(t, TEXT(), KEY)).replace('The results', 'No results')
  assert.equal((await check(message(changed))).action, 'reject')
  const foreign = await check(message(await signed(t, TEXT(), OTHER)))
  assert.deepEqual([foreign.action, foreign.facts?.dkim[0]?.result], ['reject', 'pass'])
})

test('a signature that leaves a part of the body unsigned proves nothing', async (t) => {
  // 14 octets: the body as it was signed; the tag is put into a signature that this key makes again
  const { check } = await setting(t)
  const { dkimSign } = (await import('mailauth/lib/dkim/sign.js' as string)) as {
    dkimSign(text: string, options: object): Promise<{ signatures: string }>
  }
  const privateKey = KEY.key.export({ type: 'pkcs8', format: 'pem' })
  const signatureData = [{ signingDomain: 'trust.test', selector: 's1', privateKey, maxBodyLength: 14 }]
  const { signatures } = await dkimSign(TEXT(), { canonicalization: 'relaxed/relaxed', signatureData })
  const whole = await check(message(`${signatures}${TEXT()}`))
  assert.deepEqual([whole.action, whole.facts?.dkim[0]?.result], ['continue', 'pass'])
  const more = await check(message(`${signatures}${TEXT()}And more.\r\n`))
  assert.deepEqual([more.action, more.facts?.dkim[0]?.result], ['reject', 'policy'])
})

test('forged results under our name go, in any direction, and those of others stay', async (t) => {
  const { check } = await setting(t)
  const forged = 'Authentication-Results: (it is us) "Relay.Test" 1; dmarc=pass\r\n'
  const others = 'Authentication-Results: mx.other.test; dmarc=pass\r\n'
  for (const direction of ['inbound', 'outbound', 'internal'] as const) {
    const { text } = await check(message(TEXT('none.test', forged + others), { direction }))
    assert.ok(!text.includes('it is us'), direction)
    assert.ok(text.includes(others), direction)
    assert.equal(text.startsWith('Authentication-Results: relay.test; '), direction === 'inbound')
  }
})

test('of registered clients only signatures are looked at, unless it is said otherwise', async (t) => {
  const text = await signed(t, TEXT(), KEY)
  const sent = message(text.replace('results', 'r'), { client: 'ward', direction: 'outbound' })
  const lenient = await setting(t, { options: { directions: ['outbound'] } })
  const { action, facts } = await lenient.check(sent)
  assert.deepEqual([action, facts?.spf, facts?.dmarc, facts?.dkim.length], ['continue', undefined, undefined, 1])
  const strict = await setting(t, { options: { directions: ['outbound'], checkClients: true } })
  assert.equal((await strict.check(sent)).action, 'reject')
  const excepted = await setting(t, {
    options: { directions: ['outbound'], checkClients: true, exceptClients: ['ward'] },
  })
  const found = await excepted.check(sent)
  assert.deepEqual([found.action, found.facts?.override], ['continue', 'client'])
})

test('domains are excepted by name, and those below by a dot', async (t) => {
  const { check } = await setting(t, { options: { exceptDomains: ['trust.test', '.quarantine.test'] } })
  assert.equal((await check(message(TEXT()))).action, 'continue')
  assert.equal((await check(message(TEXT('quarantine.test')))).action, 'hold')
  const below = await check(message(TEXT('a.quarantine.test')))
  assert.deepEqual([below.action, below.facts?.override], ['continue', 'domain'])
})

test('a trusted chain of seals counts where DMARC fails; one that is not trusted, or broken, does not', async (t) => {
  const listed = (await signed(t, TEXT(), OTHER, {}, true)).replace('Subject: results', 'Subject: results')
  const trusting = await setting(t, { options: { trustedSealers: ['list.test'] } })
  const passed = await trusting.check(message(listed))
  assert.deepEqual([passed.action, passed.facts?.override], ['continue', 'arc'])
  assert.deepEqual(passed.facts?.arc, { result: 'pass', instance: 1, sealers: ['list.test'] })
  assert.equal((await (await setting(t)).check(message(listed))).action, 'reject')
  const broken = listed.replace('The results', 'No results')
  const failed = await trusting.check(message(broken))
  assert.deepEqual([failed.action, failed.facts?.arc?.result], ['reject', 'fail'])
})

test('a seal whose first results do not say that DMARC passed vouches for nothing', async (t) => {
  const unproved = TEXT('trust.test').replace('ward@trust.test', 'ward@quarantine.test')
  const listed = await signed(t, unproved, OTHER, {}, true)
  const { check } = await setting(t, { options: { trustedSealers: ['list.test'] } })
  const { action, facts } = await check(message(listed))
  assert.deepEqual([action, facts?.arc?.result, facts?.override], ['hold', 'pass', undefined])
})

test('where the DNS does not answer, the message is deferred and not refused', async (t) => {
  for (const question of ['txt trust.test', 'txt _dmarc.trust.test']) {
    const { check } = await setting(t, { failing: [question] })
    const { action, reply } = await check(message(TEXT()))
    assert.equal(action, 'defer', question)
    assert.equal(reply?.code, 451)
    const lenient = await setting(t, { failing: [question], options: { temperror: 'continue' } })
    assert.equal((await lenient.check(message(TEXT()))).action, 'continue', question)
  }
  const { check } = await setting(t, { failing: [`txt ${KEY.name}`] })
  const { action, facts } = await check(message(await signed(t, TEXT(), KEY)))
  assert.deepEqual([action, facts?.dkim[0]?.result], ['defer', 'temperror'])
})

test('an answer that is missing does not matter where another proves the message', async (t) => {
  const { check } = await setting(t, { failing: [`txt ${KEY.name}`] })
  assert.equal((await check(message(await signed(t, TEXT(), KEY), { address: '192.0.2.7' }))).action, 'continue')
})

test('SPF alone refuses only where that is asked for', async (t) => {
  assert.equal((await (await setting(t)).check(message(TEXT('nopolicy.test')))).action, 'continue')
  const { check } = await setting(t, { options: { spfFail: 'reject' } })
  const { reply } = await check(message(TEXT('nopolicy.test')))
  assert.deepEqual([reply?.code, reply?.enhanced], [550, '5.7.23'])
})

test('From with no domain, or with several, cannot be proved', async (t) => {
  const { check } = await setting(t)
  for (const from of ['ward', 'a@trust.test, b@none.test', 'undisclosed:;']) {
    const { action, facts } = await check(message(`From: ${from}\r\n\r\nx\r\n`))
    assert.deepEqual([action, facts?.dmarc?.result], ['hold', 'permerror'], from)
  }
  const twice = await check(message(`From: a@none.test\r\nFrom: a@trust.test\r\n\r\nx\r\n`))
  assert.equal(twice.action, 'hold')
})

test("at most so many signatures are looked at, the author's first; the rest is counted", async (t) => {
  const { check, resolver } = await setting(t, { options: { signatures: 2 } })
  const fake = (i: number) => `DKIM-Signature: v=1; a=rsa-sha256; d=fake${i}.test; s=s; h=from; bh=AAAA; b=AAAA\r\n`
  const many = Array.from({ length: 300 }, (_, i) => fake(i)).join('')
  const { facts, text } = await check(message(many + (await signed(t, TEXT(), KEY))))
  assert.deepEqual([facts?.dkim.length, facts?.dkimIgnored], [2, 299])
  assert.ok(facts?.dkim.some(({ domain, result }) => domain === 'trust.test' && result === 'pass'))
  assert.match(text.replace(/\r\n[ \t]/g, ' '), /299 more signatures were not examined/)
  assert.ok(resolver.asked.filter((question) => question.includes('_domainkey')).length <= 4)
})

test('a domain cannot make the relay ask without end', async (t) => {
  const names = Array.from({ length: 10 }, (_, i) => `mx${i}.test`)
  const mx = names.map((name, i) => [i, name] as const)
  const zone: Zone = {
    ...ZONE,
    'many.test': { txt: [`v=spf1 ${names.map((_, i) => `mx:x${i}.test`).join(' ')} -all`] },
    '_dmarc.many.test': { txt: ['v=DMARC1; p=reject'] },
    ...Object.fromEntries(names.map((_, i) => [`x${i}.test`, { mx }])),
    ...Object.fromEntries(names.map((name) => [name, { a: ['192.0.2.200'] }])),
  }
  const { check, resolver } = await setting(t, { zone, options: { lookups: 10 } })
  assert.equal((await check(message(TEXT('many.test')))).action, 'defer')
  assert.ok(resolver.asked.length <= 30, String(resolver.asked.length))
})

test('a DNS that never answers holds a message up no longer than is said', async (t) => {
  const { context } = await setting(t)
  const hanging = { ...context.services.resolver, resolveTxt: () => new Promise<never>(() => {}) }
  const services = { ...context.services, resolver: hanging }
  const entry = {
    name: 'authentication',
    module: null,
    mode: 'enforce' as const,
    deadlineMs: 20_000,
    options: { lookupTime: 200 },
  }
  const chain = await loadChain([entry], LIMITS, { ...context, services })
  const { verdict, results } = await chain.data(message(await signed(t, TEXT(), KEY)), never)
  assert.equal(verdict.action, 'defer')
  assert.equal(results[0]?.failed, undefined)
  assert.ok((results[0]?.ms ?? 0) < 5_000)
})

test('the null reverse-path is asked about by its HELO name', async (t) => {
  const { check } = await setting(t)
  const session = { ...SESSION, helo: 'list.test', remoteAddress: '198.51.100.1' }
  const { facts } = await check(message(TEXT('none.test'), { mailFrom: null, session }))
  assert.deepEqual(facts?.spf, { result: 'pass', domain: 'list.test', identity: 'helo' })
})

const hostile: readonly (readonly [string, string])[] = [
  ['white space without end', `v=1;${' '.repeat(60_000)}d=a.test`],
  ['an endless list of fields', `v=1; a=rsa-sha256; d=trust.test; s=s1; bh=AA; b=AA; h=${'from:'.repeat(12_000)}from`],
  ['tags without end', 'a=b;'.repeat(15_000)],
  ['folded lines without end', 'v=1;\r\n\t'.repeat(8_000)],
]
for (const [what, value] of hostile) {
  test(`a signature of ${what} costs no more than any other`, async (t) => {
    const { check } = await setting(t)
    const field = `DKIM-Signature: ${value}\r\n`
    const arc = `ARC-Seal: i=1; ${value}\r\nARC-Message-Signature: i=1; ${value}\r\nARC-Authentication-Results: i=1; ${value}\r\n`
    const started = performance.now()
    const { results } = await check(message(TEXT('none.test', field + arc)))
    assert.equal(results[0]?.failed, undefined)
    assert.ok(performance.now() - started < 3_000, `${performance.now() - started} ms`)
  })
}

test('results hold no text that could be taken for another', async (t) => {
  const { check } = await setting(t)
  const session = { ...SESSION, helo: 'x; dmarc=pass (', remoteName: 'a.test', user: 'user; spf=pass "x"\\' }
  const { text } = await check(message(TEXT('none.test'), { mailFrom: null, session }))
  const [field = ''] = text.replace(/\r\n[ \t]/g, ' ').split('\r\n')
  assert.equal(field.match(/; (?:spf|dmarc)=/g)?.length, 2, field)
  assert.match(field, /; iprev=pass \(a\.test\) policy\.iprev=/)
  assert.match(field, /; auth=pass smtp\.auth=user__spf_pass__x__;/)
})

test('an author above ASCII leaves results that travel everywhere', async (t) => {
  const { check } = await setting(t)
  const { text } = await check(message(`From: =?utf-8?q?=C3=A4?= <ä@bücher.test>\r\n\r\nx\r\n`, { mailFrom: null }))
  const [field = ''] = text.split('\r\nFrom')
  assert.match(field, /header\.from=xn--bcher-kva\.test/)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the ASCII range
  assert.match(field, /^[\x00-\x7f]*$/)
})
