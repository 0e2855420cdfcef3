import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../../src/clock.ts'
import { parseVirusOptions } from '../../src/inspect/plugins/virus/options.ts'
import { virusPlugin } from '../../src/inspect/plugins/virus/virus.ts'
import { memoryContent } from '../../src/mail/content.ts'
import { noMetrics } from '../../src/metrics.ts'
import { startClamd } from '../support/clamd.ts'
import { need } from '../support/components.ts'
import { eicar, zip } from '../support/scanner-samples.ts'
import { defer } from '../support/scope.ts'
import { chainMessage, chainOf, kept, never } from '../unit/inspect/harness.ts'

const encoded = eicar().toString('base64')
const HEAD = 'From: a@b.test\r\nTo: c@d.test\r\nSubject: x\r\nMIME-Version: 1.0\r\n'
const FILE = `Content-Type: application/octet-stream; name="x.com"\r\nContent-Transfer-Encoding: base64\r\n\r\n${encoded}\r\n`
const TEXT = 'Content-Type: text/plain\r\n\r\nhello\r\n'

const of = (type: string, ...parts: string[]): string =>
  `Content-Type: multipart/${type}; boundary=${type}z\r\n\r\n${parts.map((part) => `--${type}z\r\n${part}`).join('')}--${type}z--\r\n`

const multipart = (type: string): string => HEAD + of(type, TEXT, FILE)

const lines = (text: string): string => text.replace(/.{76}/g, '$&\r\n')

const encodedMessage = (text: string): string =>
  `${HEAD}Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n${lines(Buffer.from(text).toString('base64'))}\r\n`

const quoted = [...eicar()].map((byte) => `=${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('')
const archive = lines(zip('x.com', eicar()).toString('base64'))

/** Ways in which a file may hide from a scanner that a mail reader would find it in all the same. */
const HIDDEN: Readonly<Record<string, string>> = {
  // clamd takes the first for something else than mail, going by its first bytes
  'below a field that looks like a program': `MZ: x\r\n${multipart('mixed')}`,
  'below a field that looks like a picture': `GIF89a: x\r\n${multipart('mixed')}`,
  'below a field that looks like a document': `%PDF-1.4: x\r\n${multipart('mixed')}`,
  'below a field that looks like an archive': `Rar!: x\r\n${multipart('mixed')}`,
  'below a field that nobody knows': `Zz: x\r\n${of('mixed', TEXT, FILE)}`,
  // clamd passes over such parts
  'as a signature': multipart('signed'),
  'as a signature within': HEAD + of('mixed', TEXT, of('signed', TEXT, FILE)),
  'in what is signed': HEAD + of('signed', of('mixed', TEXT, FILE), TEXT),
  'side by side': multipart('parallel'),
  'as an archive, side by side': HEAD + of('parallel', TEXT, FILE.replace(encoded, archive)),
  // clamd stops at the padding, some readers do not
  'behind padding': multipart('mixed').replace(
    encoded,
    `${eicar().subarray(0, 1).toString('base64')}\r\n${eicar().subarray(1).toString('base64')}`,
  ),
  // where all is well with clamd today
  'in an unknown multipart': multipart('x-new'),
  'in alternatives': HEAD + of('alternative', TEXT, FILE, TEXT),
  'behind a closing boundary': multipart('mixed').replace(
    '--mixedz\r\nContent-Type: application',
    '--mixedz--\r\n--mixedz\r\nContent-Type: application',
  ),
  'without a closing boundary': multipart('mixed').replace('--mixedz--\r\n', ''),
  'under two types': multipart('mixed').replace('Content-Type', 'Content-Type: text/plain\r\nContent-Type'),
  'under two encodings': multipart('mixed').replace(
    'Content-Transfer',
    'Content-Transfer-Encoding: 7bit\r\nContent-Transfer',
  ),
  'under an encoding with a comment': multipart('mixed').replace(': base64', ': (so to say) base64'),
  'among other characters': multipart('mixed').replace(encoded, encoded.replace(/.{10}/g, '$&!')),
  'without MIME-Version': multipart('mixed').replace('MIME-Version: 1.0\r\n', ''),
  'quoted-printable': multipart('mixed')
    .replace('base64', 'quoted-printable')
    .replace(encoded, quoted.replace(/.{72}/g, '$&=\r\n')),
  'under a boundary in pieces': multipart('mixed').replace('boundary=mixedz', 'boundary*0=mix; boundary*1=edz'),
  'in an encoded message': encodedMessage(multipart('mixed')),
  'in an encoded message in an encoded message': encodedMessage(encodedMessage(multipart('signed'))),
  'below a very long field': `X-Long: ${'x '.repeat(40_000)}\r\n${multipart('mixed')}`,
}

test('a virus is found wherever a mail reader would show it', async (t) => {
  if (!need(t, 'clamd')) return
  const { address } = await startClamd(t)
  const context = kept(systemClock)
  const chain = chainOf(virusPlugin(parseVirusOptions({ clamd: address }), { ...context, metrics: noMetrics }), context)
  defer(t, () => chain.close())
  for (const [how, text] of Object.entries(HIDDEN)) {
    await t.test(how, async () => {
      const content = memoryContent(Buffer.from(text))
      const { verdict } = await chain.data(chainMessage(text, '', { content }), never)
      assert.equal(verdict.action, 'reject', JSON.stringify(verdict))
      const clean = text.replaceAll(encoded, 'aGVsbG8=').replaceAll(archive, 'aGVsbG8=')
      if (clean === text) return
      const other = await chain.data(chainMessage(clean, '', { content: memoryContent(Buffer.from(clean)) }), never)
      assert.equal(other.verdict.action, 'continue', JSON.stringify(other.verdict))
    })
  }
})
