import assert from 'node:assert/strict'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import fc from 'fast-check'
import { loadChain } from '../../src/inspect/load.ts'
import type { ChainMessage } from '../../src/inspect/message.ts'
import type { Direction } from '../../src/inspect/plugin.ts'
import { authenticationFacts } from '../../src/inspect/plugins/authentication/facts.ts'
import { memoryContent } from '../../src/mail/content.ts'
import { parseHeader } from '../../src/mail/header.ts'
import { temporaryFolder } from '../support/folder.ts'
import { needPythonDkim, pythonSigns, pythonValidates, pythonVerifies } from '../support/python-dkim.ts'
import { pluginContext } from '../support/services.ts'
import { ed25519Key, recordsOf, rsaKey, type TestKey, writeKey } from '../support/signing.ts'
import { chainMessage, LIMITS, never, textOf } from '../unit/inspect/harness.ts'

/** Signatures of ours as Debian's python3-dkim sees them, and the other way round. */

const RSA = rsaKey('royal.test', 'r2026')
const ED = ed25519Key('royal.test', 'e2026')
const zoneOf = (...keys: TestKey[]) => Object.fromEntries(keys.map(({ name, record }) => [name, { txt: [record] }]))

/** A chain of these plugins, as a configuration would make it. */
async function chainOf(t: TestContext, plugins: Readonly<Record<string, object>>, keys: readonly TestKey[]) {
  const entries = Object.entries(plugins).map(([name, options]) => {
    return { name, module: null, mode: 'enforce' as const, deadlineMs: 30_000, options: { ...options } }
  })
  return loadChain(entries, { ...LIMITS, content: 10_000_000 }, pluginContext(t, zoneOf(...keys)))
}

function signOptions(t: TestContext, keys: readonly TestKey[]): object {
  const folder = temporaryFolder(t)
  const [own, ...more] = keys.map((key) => {
    return { domain: key.domain, selector: key.selector, key: writeKey(join(folder, `${key.selector}.pem`), key) }
  })
  return { ...own, keys: more }
}

const from = { local: 'a', domain: 'royal.test' }

/** A message as accept would hand it over. */
function asMessage(bytes: Buffer, direction: Direction): ChainMessage {
  const header = parseHeader(bytes.subarray(0, bytes.indexOf('\r\n\r\n') + 2))
  return chainMessage('', '', { mailFrom: from, direction, header, content: memoryContent(bytes) })
}

const HEAD =
  'From: Ward 7 <a@royal.test>\r\nTo: b@next.test\r\nSubject:  results  of \r\n\ttoday\r\nDate: Sun, 22 Nov 2026 12:00:00 +0000\r\nMessage-ID: <1@royal.test>\r\n'

// what header and body canonicalisation are about; over SMTP every line has its end (where the last
// has none, python3-dkim leaves white space at its end, which RFC 6376 section 3.4.4 removes)
const bodies = fc
  .array(fc.constantFrom('\r\n', ' ', '\t', 'text', 'é', '\r\n\r\n', '.\r\n', ' \r\n', '-- \r\n', '='), {
    maxLength: 40,
  })
  .map((parts) => `${parts.join('')}\r\n`)
const fields = fc
  .array(
    fc.constantFrom(
      'X-One: 1',
      'Cc: c@next.test,\r\n\td@next.test',
      'Reply-To:',
      'To:  second@next.test ',
      'List-Id: <a.b>',
    ),
    {
      maxLength: 4,
    },
  )
  .map((lines) => lines.map((line) => `${line}\r\n`).join(''))
const messages = fc.sample(
  fc.tuple(fields, bodies).map(([more, body]) => Buffer.from(`${more}${HEAD}\r\n${body}`)),
  { numRuns: 150, seed: 6376 },
)

test('python3-dkim verifies what we sign with RSA', async (t) => {
  if (!needPythonDkim(t)) return
  const chain = await chainOf(t, { sign: signOptions(t, [RSA]) }, [])
  const signed = await Promise.all(messages.map((bytes) => chain.data(asMessage(bytes, 'outbound'), never)))
  const texts = await Promise.all(signed.map(async (outcome) => Buffer.from(await textOf(outcome))))
  assert.ok(texts.every((text) => text.includes('DKIM-Signature: v=1; a=rsa-sha256')))
  assert.deepEqual(
    pythonVerifies(texts, recordsOf(RSA)),
    texts.map(() => true),
  )
})

test('python3-dkim verifies both signatures where RSA and Ed25519 sign, and sees what was changed', async (t) => {
  if (!needPythonDkim(t, 'nacl')) return
  const chain = await chainOf(t, { sign: signOptions(t, [RSA, ED]) }, [])
  const [bytes = Buffer.alloc(0)] = messages
  const text = await textOf(await chain.data(asMessage(bytes, 'outbound'), never))
  assert.equal(text.match(/^DKIM-Signature:/gm)?.length, 2)
  const changes: [string, boolean][] = [
    [text, true],
    [text.replace('Subject:  results', 'Subject:  no results'), false],
    [`${text}more\r\n`, false],
    [`Subject: another\r\n${text}`, false],
    [`From: other@royal.test\r\n${text}`, false],
    [`X-Trace: not signed\r\n${text}`, true],
  ]
  assert.deepEqual(
    pythonVerifies(
      changes.map(([changed]) => Buffer.from(changed)),
      recordsOf(RSA, ED),
    ),
    changes.map(([, expected]) => expected),
  )
})

for (const canon of [
  ['relaxed', 'relaxed'],
  ['relaxed', 'simple'],
  ['simple', 'relaxed'],
  ['simple', 'simple'],
] as const) {
  test(`what python3-dkim signs with ${canon.join('/')} passes here`, async (t) => {
    if (!needPythonDkim(t)) return
    const key = { ...RSA, key: String(RSA.key.export({ type: 'pkcs1', format: 'pem' })) }
    const chain = await chainOf(t, { authentication: { unclearAuthor: 'off' } }, [RSA])
    const signed = pythonSigns(messages.slice(0, 60), key, canon)
    for (const bytes of signed) {
      const { results } = await chain.data(asMessage(bytes, 'inbound'), never)
      assert.deepEqual(
        authenticationFacts(results)?.dkim.map(({ result }) => result),
        ['pass'],
        bytes.toString(),
      )
    }
  })
}

test('python3-dkim validates the ARC chain of what we verified and sealed', async (t) => {
  if (!needPythonDkim(t)) return
  const relay = rsaKey('relay.test', 'arc')
  const plugins = { authentication: {}, sign: { ...signOptions(t, [relay]), seal: ['inbound'] } }
  const chain = await chainOf(t, plugins, [RSA, relay])
  const key = { ...RSA, key: String(RSA.key.export({ type: 'pkcs1', format: 'pem' })) }
  const [once] = pythonSigns(messages.slice(0, 1), key, ['relaxed', 'relaxed'])
  let bytes = once ?? Buffer.alloc(0)
  for (let sets = 1; sets <= 3; sets++) {
    bytes = Buffer.from(await textOf(await chain.data(asMessage(bytes, 'inbound'), never)))
    assert.equal(bytes.toString().match(/^ARC-Seal:/gm)?.length, sets)
    assert.equal(pythonValidates(bytes, recordsOf(RSA, relay)), 'pass')
  }
})
