import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { ChainMessage } from '../../../src/inspect/message.ts'
import { parseTaglineOptions } from '../../../src/inspect/plugins/tagline/options.ts'
import { taglinePlugin } from '../../../src/inspect/plugins/tagline/tagline.ts'
import { type Address, parseAddress } from '../../../src/mail/address.ts'
import { memoryContent } from '../../../src/mail/content.ts'
import { decodeBody } from '../../../src/mail/mime/decode.ts'
import { walk } from '../../../src/mail/mime/part.ts'
import { readMime } from '../../../src/mail/mime/reader.ts'
import { chainMessage, chainOf, kept, never, SESSION, textOf } from './harness.ts'
import {
  ANDROID,
  APPLE_MAIL,
  DEVICE,
  FORWARDED,
  LEFT_ALONE,
  MOBILE,
  OUTLOOK,
  TEXT_ATTACHED,
} from './tagline-messages.ts'

const folder = mkdtempSync(join(tmpdir(), 'postern-tagline-'))
after(() => rmSync(folder, { recursive: true }))

function file(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

/** Sixteen lines, as services have them. */
const LINES = [
  '********************************************************************',
  ...Array.from({ length: 14 }, (_, i) => `This message may contain confidential information (${i + 1}).`),
  '********************************************************************',
]
const TEXT = LINES.join('\r\n')
const TAGLINE = file('tagline.txt', `${LINES.join('\n')}\n`)

const address = (text: string): Address => {
  const found = parseAddress(text)
  assert.ok(found)
  return found
}

const recipient = (text: string) => ({ address: address(text), notify: null, orcpt: null })

const outbound = (text: string, changes: Partial<ChainMessage> = {}): ChainMessage =>
  chainMessage(text.replaceAll('\n', '\r\n'), '', {
    direction: 'outbound',
    rcptTo: [recipient('b@elsewhere.test')],
    ...changes,
  })

async function passed(message: ChainMessage, options: object = { text: TAGLINE }): Promise<string> {
  const context = kept()
  const chain = chainOf([await taglinePlugin(parseTaglineOptions(options), context)], context)
  const outcome = await chain.data(message, never)
  assert.equal(outcome.verdict.action, 'continue', JSON.stringify(context.lines))
  return textOf(outcome)
}

/** Decoded content of the leaves, by path. */
function contents(message: string): Record<string, string> {
  const bytes = Buffer.from(message, 'latin1')
  const parts = [...walk(readMime(bytes).root)].filter(({ children }) => children.length === 0)
  return Object.fromEntries(
    parts.map((part) => [part.path, decodeBody(bytes, part, 1_000_000).bytes.toString('latin1')]),
  )
}

/** Which leaves have changed, and that they have the text. */
async function changed(message: string, options?: object): Promise<string[]> {
  const before = message.replaceAll('\n', '\r\n')
  const found = await passed(outbound(message), options)
  const [old, now] = [contents(before), contents(found)]
  assert.deepEqual(Object.keys(now), Object.keys(old))
  const paths = Object.keys(now).filter((path) => now[path] !== old[path])
  for (const path of paths) {
    const text = now[path] ?? ''
    for (const line of LINES) assert.ok(text.includes(line), path)
  }
  return paths
}

test('mail as programs write it has the text where people read it', async () => {
  assert.deepEqual(await changed(OUTLOOK), ['1.1.1', '1.1.2'])
  assert.deepEqual(await changed(APPLE_MAIL), ['1.1', '1.2.3'])
  assert.deepEqual(await changed(APPLE_MAIL, { text: TAGLINE, place: 'top' }), ['1.1', '1.2.1'])
  assert.deepEqual(await changed(MOBILE), ['1'])
  assert.deepEqual(await changed(ANDROID), ['1.1'])
  assert.deepEqual(await changed(DEVICE), ['1'])
  assert.deepEqual(await changed(FORWARDED), ['1.1'])
  assert.deepEqual(await changed(TEXT_ATTACHED), ['1.2'])
})

test('HTML has it within the body', async () => {
  const html = contents(await passed(outbound(OUTLOOK)))['1.1.2'] ?? ''
  assert.match(
    html,
    /results attached\.<\/p>\r\n<div class="postern-tagline [^>]*>[\s\S]*<\/div>\r\n<\/body>\r\n<\/html>\r\n$/,
  )
  assert.equal(html.match(/postern-tagline-/g)?.length, 1)
})

test('a device gets it at the end of its text', async () => {
  const message = DEVICE.replaceAll('\n', '\r\n')
  assert.equal(await passed(outbound(DEVICE)), `${message}\r\n${TEXT}\r\n`)
})

test('what must not be changed is not', async () => {
  for (const [what, message, reason] of LEFT_ALONE) {
    const context = kept()
    const chain = chainOf([await taglinePlugin(parseTaglineOptions({ text: TAGLINE }), context)], context)
    const given = outbound(message)
    const outcome = await chain.data(given, never)
    assert.equal(await textOf(outcome), message.replaceAll('\n', '\r\n'), what)
    assert.deepEqual(
      context.lines.map(({ plugin, reason }) => [plugin, reason]),
      [['tagline', reason]],
      what,
    )
  }
})

test('nor what a machine answers: notifications and vacation notes', async () => {
  const null_ = await passed(outbound(DEVICE, { mailFrom: null }))
  assert.equal(null_, DEVICE.replaceAll('\n', '\r\n'))
  const vacation = `Auto-Submitted: auto-replied (vacation)\n${DEVICE}`
  assert.equal(await passed(outbound(vacation)), vacation.replaceAll('\n', '\r\n'))
  assert.ok((await passed(outbound(`Auto-Submitted: auto-generated\n${DEVICE}`))).includes(TEXT))
})

test('a thread has it once, however it was quoted', async () => {
  const quoted = LINES.map((line) => `> > ${line}`).join('\n')
  const wrapped = `> ${LINES.join(' ').replace(/(.{20}\S*) /g, '$1\n> ')}`
  const html = `<blockquote>${LINES.join('<br>\n').replaceAll('(', '<b>(</b>').replaceAll(' may ', '&nbsp;may&#32;')}</blockquote>`
  const qp = LINES.map((line) => `${line.slice(0, 30)}=\n${line.slice(30)}`).join('\n')
  for (const message of [
    `${DEVICE}\n${LINES.join('\n')}\n`,
    `${DEVICE}${quoted}\n`,
    `${DEVICE}${wrapped}\n`,
    `From: a@b.test\nContent-Type: text/html\n\n${html}\n`,
    `From: a@b.test\nContent-Transfer-Encoding: quoted-printable\n\n${qp}\n`,
  ]) {
    assert.equal(await passed(outbound(message)), message.replaceAll('\n', '\r\n'), message)
    assert.notEqual(
      await passed(outbound(message), { text: TAGLINE, repeat: 'always' }),
      message.replaceAll('\n', '\r\n'),
    )
  }
})

test('its own work is known again', async () => {
  for (const message of [OUTLOOK, APPLE_MAIL, MOBILE, ANDROID, DEVICE, FORWARDED]) {
    const once = await passed(outbound(message))
    assert.equal(await passed(outbound(once.replaceAll('\r\n', '\n'))), once)
  }
})

test('a text that is only a word must stand by itself to be known', async () => {
  const word = file('word.txt', 'Confidential\n')
  const within = await passed(outbound(`${DEVICE}This is Confidential, too.\n`), { text: word })
  assert.ok(within.endsWith('\r\n\r\nConfidential\r\n'))
  const alone = `${DEVICE}>   Confidential\n`
  assert.equal(await passed(outbound(alone), { text: word }), alone.replaceAll('\n', '\r\n'))
})

test('the first rule that matches says which text', async () => {
  const text = (name: string) => file(`${name}.txt`, `This is the text of ${name}.\n`)
  const options = {
    rules: [
      { to: ['secure.test', '.secure.test'], text: null },
      { client: ['trust-a'], from: ['ward.trust-a.test'], text: text('ward') },
      { client: ['trust-a', 'trust-b'], text: text('trusts') },
      { from: ['.example.test'], direction: ['internal'], text: text('internal') },
    ],
    text: text('everybody'),
  }
  const of = async (client: string | null, from: string, to: readonly string[], direction = 'outbound') => {
    const changes = {
      session: { ...SESSION, client },
      mailFrom: address(from),
      rcptTo: to.map(recipient),
      direction: direction as 'outbound',
    }
    return /text of (\S+)\./.exec(await passed(outbound(DEVICE, changes), options))?.[1] ?? null
  }
  const far = ['b@elsewhere.test']
  assert.equal(await of('trust-a', 'a@ward.trust-a.test', far), 'ward')
  assert.equal(await of('trust-a', 'a@trust-a.test', far), 'trusts')
  assert.equal(await of('trust-b', 'a@ward.trust-a.test', far), 'trusts')
  assert.equal(await of('other', 'a@ward.trust-a.test', far), 'everybody')
  assert.equal(await of(null, 'a@example.test', far), 'everybody')
  assert.equal(await of('trust-a', 'a@trust-a.test', ['b@secure.test', 'c@sub.secure.test']), null)
  assert.equal(await of('trust-a', 'a@trust-a.test', ['b@secure.test', ...far]), 'trusts', 'not all are secure')
  assert.equal(await of('other', 'a@x.example.test', far, 'internal'), 'internal')
  assert.equal(await of('other', 'a@example.test', far, 'internal'), null, 'the domain itself is not below it')
  assert.equal(await of(null, 'a@client.test', far, 'inbound'), null)
})

test('content in a file is not read into memory, and comes out with the text', async () => {
  const attachment = `${'QUJD'.repeat(19)}\n`.repeat(2000)
  const message = OUTLOOK.replace('JVBERi0xLjcK\n', attachment).replaceAll('\n', '\r\n')
  const bytes = Buffer.from(message, 'latin1')
  let largest = 0
  const content = {
    size: bytes.length,
    bytes: null,
    async *stream() {
      for (let at = 0; at < bytes.length; at += 4096) yield bytes.subarray(at, at + 4096)
    },
  }
  const plugin = await taglinePlugin(parseTaglineOptions({ text: TAGLINE }), kept())
  const view = { ...outbound(OUTLOOK), content, header: [], results: [], signal: never }
  const [change] = await plugin.modify(view)
  assert.ok(change?.do === 'replaceContent')
  assert.equal(change.content.bytes, null)
  const chunks: Buffer[] = []
  for await (const chunk of change.content.stream()) {
    largest = Math.max(largest, chunk.length)
    chunks.push(chunk)
  }
  assert.ok(largest <= 4096)
  assert.equal(
    Buffer.concat(chunks).toString('latin1'),
    await passed({ ...outbound(OUTLOOK), content: memoryContent(bytes) }),
  )
})

test('a text that cannot be used stops the start, and the file is named', async () => {
  const bad = { empty: '', binary: 'a\0b', long: 'x'.repeat(1000), large: 'x\n'.repeat(1_000_000) }
  const paths = Object.entries(bad).map(([name, text]) => file(`${name}.bad`, text))
  for (const path of [...paths, join(folder, 'missing.txt')]) {
    const made = taglinePlugin(parseTaglineOptions({ text: path }), kept())
    await assert.rejects(made, (error: Error) => error.name === 'OptionsError' && error.message.includes(path))
  }
  writeFileSync(join(folder, 'latin.bad'), Buffer.from([0xe9]))
  await assert.rejects(
    taglinePlugin(parseTaglineOptions({ text: join(folder, 'latin.bad') }), kept()),
    /is not in UTF-8/,
  )
})

test('options that say nothing, or something else, are refused in words', () => {
  const cases: readonly (readonly [object, RegExp])[] = [
    [{}, /tagline: expected text, or rules/],
    [{ html: '/x' }, /html: it needs a text as well/],
    [{ text: '/x', where: 'top' }, /there is no option where/],
    [{ text: '/x', place: 'left' }, /place: expected one of top, bottom/],
    [{ rules: [{}] }, /tagline: rule 1: text: expected a path, or off, found nothing/],
    [{ rules: [{ text: null, html: '/x' }] }, /rule 1: html/],
    [{ rules: [{ text: null, from: ['a b'] }] }, /rule 1: from: expected a domain/],
    [{ rules: [{ text: null, to: ['.'] }] }, /rule 1: to: expected a domain/],
    [{ rules: [{ text: null, direction: ['sideways'] }] }, /rule 1: direction: expected inbound/],
    [{ rules: [{ text: null, sender: 'x' }] }, /rule 1: there is no option sender/],
    [{ rules: 'x' }, /rules/],
  ]
  for (const [options, expected] of cases) assert.throws(() => parseTaglineOptions(options), expected)
})

test('the limit of the text that is looked at is an option', async () => {
  const message = `${DEVICE}${'x\n'.repeat(600)}`
  const size = message.replaceAll('\n', '\r\n').split('\r\n\r\n')[1]?.length ?? 0
  assert.ok((await passed(outbound(message), { text: TAGLINE, maxText: size })).includes(TEXT))
  assert.ok(!(await passed(outbound(message), { text: TAGLINE, maxText: size - 1 })).includes(TEXT))
})
