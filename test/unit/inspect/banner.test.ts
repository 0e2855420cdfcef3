import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { ChainMessage } from '../../../src/inspect/message.ts'
import { NOTHING, type PluginResult } from '../../../src/inspect/outcome.ts'
import { bannerPlugin } from '../../../src/inspect/plugins/banner/banner.ts'
import { parseBannerOptions } from '../../../src/inspect/plugins/banner/options.ts'
import { chainMessage, chainOf, kept, never, textOf } from './harness.ts'
import { LEFT_ALONE, MOBILE, OUTLOOK } from './tagline-messages.ts'

const folder = mkdtempSync(join(tmpdir(), 'postern-banner-'))
after(() => rmSync(folder, { recursive: true }))

const TEXT = 'This message came from outside. Take care with links.'
const FILE = join(folder, 'banner.txt')
writeFileSync(FILE, `${TEXT}\n`)

const PLAIN = 'From: a@elsewhere.test\nSubject: x\n\nHello.\n'
const crlf = (text: string) => text.replaceAll('\n', '\r\n')

const authenticated = (facts: object, more: Partial<PluginResult> = {}): Partial<ChainMessage> => {
  const result = {
    plugin: 'authentication',
    hook: 'data',
    mode: 'enforce',
    verdict: 'continue',
    reason: null,
    ms: 1,
  } as const
  return { earlier: { ...NOTHING, results: [{ ...result, facts: { ...facts }, ...more }] } }
}

async function passed(message: string, options: object = {}, changes: Partial<ChainMessage> = {}): Promise<string> {
  const context = kept()
  const plugin = await bannerPlugin(parseBannerOptions({ text: FILE, ...options }), context)
  const outcome = await chainOf([plugin], context).data(chainMessage(crlf(message), '', changes), never)
  assert.equal(outcome.verdict.action, 'continue', JSON.stringify(context.lines))
  return textOf(outcome)
}

test('mail from outside says so at its top, or bottom', async () => {
  const [head, body] = crlf(PLAIN).split('\r\n\r\n')
  assert.equal(await passed(PLAIN), `${head}\r\n\r\n${TEXT}\r\n\r\n${body}`)
  assert.equal(await passed(PLAIN, { place: 'bottom' }), `${head}\r\n\r\n${body}\r\n${TEXT}\r\n`)
})

test('HTML says so at the top of its body, where style sheets cannot hide it', async () => {
  const found = await passed(OUTLOOK)
  assert.match(found, /<body lang=3D"EN-GB" link=3D"#0563C1">=\r\n\r\n<div class=3D"postern-banner/)
  assert.match(found.replace(/=\r\n/g, ''), /style=3D"display:block!important;/)
  assert.match(
    found,
    /quoted-printable\r\n\r\nThis message came from outside\. Take care with links\.\r\n\r\nDear colleague/,
  )
})

test('only mail from outside', async () => {
  for (const direction of ['outbound', 'internal'] as const)
    assert.equal(await passed(PLAIN, {}, { direction }), crlf(PLAIN))
})

test('none from a trusted domain, but only where it is proved', async () => {
  const options = { trusted: ['secure.test', '.nhs.test'] }
  const pass = (from: string) => authenticated({ dmarc: { result: 'pass', from } })
  for (const from of ['secure.test', 'SECURE.test', 'trust.nhs.test']) {
    assert.equal(await passed(PLAIN, options, pass(from)), crlf(PLAIN), from)
  }
  const mailFrom = { local: 'a', domain: 'secure.test' }
  for (const changes of [
    {},
    pass('elsewhere.test'),
    pass('nhs.test'),
    pass('xsecure.test'),
    authenticated({ dmarc: { result: 'fail', from: 'secure.test' } }),
    authenticated({ dmarc: { result: 'none', from: 'secure.test' } }),
    authenticated({ dmarc: { result: 'pass', from: null } }),
    authenticated({ spf: { result: 'pass', domain: 'secure.test' } }),
    authenticated({ dmarc: { result: 'pass', from: 'secure.test' } }, { failed: true }),
    authenticated({ dmarc: { result: 'pass', from: 'secure.test' } }, { plugin: 'another' }),
    authenticated({ dmarc: 'pass' }),
  ]) {
    assert.notEqual(await passed(PLAIN, options, { ...changes, mailFrom }), crlf(PLAIN), JSON.stringify(changes))
  }
  assert.notEqual(await passed(PLAIN, {}, pass('secure.test')), crlf(PLAIN), 'nobody is trusted by default')
})

test('a thread has it once, but nobody is spared by bringing it along in a first message', async () => {
  const quoted = `${PLAIN}\n> ${TEXT}\n`
  const reply = `In-Reply-To: <1@ours.test>\n${quoted}`
  assert.equal(await passed(reply), crlf(reply))
  assert.notEqual(await passed(quoted), crlf(quoted))
  assert.notEqual(await passed(reply, { repeat: 'always' }), crlf(reply))
})

test('a null reverse-path alone spares nobody', async () => {
  assert.notEqual(await passed(PLAIN, {}, { mailFrom: null }), crlf(PLAIN))
})

test('what must not be changed is not', async () => {
  for (const [what, message] of LEFT_ALONE) assert.equal(await passed(message), crlf(message), what)
})

test('base64 of a mobile says so, too', async () => {
  const found = await passed(MOBILE)
  const body = Buffer.from(found.split('\r\n\r\n')[1] ?? '', 'base64').toString()
  assert.equal(body, `${TEXT}\r\n\r\nOn my way – back soon.\r\n\r\nSent from my iPhone`)
})

test('options that cannot be meant are refused in words', () => {
  const cases: readonly (readonly [object, RegExp])[] = [
    [{}, /banner: text: expected the path/],
    [{ text: '/x', trusted: ['*'] }, /leave the plugin out/],
    [{ text: '/x', trusted: ['no domain'] }, /trusted: expected a domain/],
    [{ text: '/x', direction: 'inbound' }, /there is no option direction/],
    [{ text: '/x', repeat: 'never' }, /repeat: expected one of thread, always/],
  ]
  for (const [options, expected] of cases) assert.throws(() => parseBannerOptions(options), expected)
})
