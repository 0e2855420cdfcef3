import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { DEFAULT_BLOCKED } from '../../../src/inspect/attachments/blocked/list.ts'
import { examineAtOnce } from '../../../src/inspect/plugins/attachments/at-once.ts'
import { examine } from '../../../src/inspect/plugins/attachments/examine.ts'
import { parseAttachmentsOptions } from '../../../src/inspect/plugins/attachments/options.ts'
import { loaded, said } from '../config/support.ts'
import { ENCRYPTED_ZIP } from './attachments/fixtures.ts'
import { multipart, plain } from './attachments-messages.ts'

const { examination } = parseAttachmentsOptions({})

/** What may stand in a body, harmless and not. */
const FRAGMENTS = [
  'The results.',
  '<p>Hello</p>',
  'begin 644 run.exe\r\n#86)C\r\n`\r\nend',
  'begin again',
  '-----BEGIN PGP MESSAGE-----\r\n\r\nwcFMAwAAAAAAAAAAAQ==\r\n-----END PGP MESSAGE-----',
  '-----BEGIN ENCRYPTED PRIVATE KEY-----\r\nAAAA\r\n-----END ENCRYPTED PRIVATE KEY-----',
  '#!/bin/sh',
  '[InternetShortcut]',
  '%PDF-1.4',
  ENCRYPTED_ZIP.toString('latin1'),
  '\u0000\u00ff',
  'MIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\nx',
  '\r\n',
]

const HEADERS = [
  'Content-Type: text/plain',
  'Content-Type: text/html; charset=utf-16',
  'Content-Transfer-Encoding: base64',
  'Content-Transfer-Encoding: quoted-printable',
  'Content-Type: text/plain; name=run.exe',
  'X-Other: yes',
]

const partText = fc
  .tuple(fc.subarray(HEADERS), fc.array(fc.constantFrom(...FRAGMENTS), { maxLength: 6 }))
  .map(([header, body]) => `${header.join('\r\n')}\r\n\r\n${body.join('\r\n')}`)

test('what is judged at once is judged alike in a thread', () => {
  let atOnce = 0
  const message = fc.oneof(
    fc.array(fc.constantFrom(...FRAGMENTS), { maxLength: 6 }).map((body) => plain(body.join('\r\n'))),
    fc.array(partText, { maxLength: 4 }).map((parts) => multipart(parts)),
  )
  fc.assert(
    fc.property(message, (text) => {
      const bytes = Buffer.from(text, 'latin1')
      const found = examineAtOnce(bytes, examination)
      if (found === null) return
      atOnce++
      assert.deepEqual(found, examine(bytes, examination))
    }),
    { numRuns: 300 },
  )
  assert.ok(atOnce > 10, `${atOnce}`)
})

test('only what is small and nothing but text is judged at once', () => {
  const body = 'x'.repeat(64 * 1024 - plain('').length)
  assert.ok(examineAtOnce(Buffer.from(plain(body)), examination))
  assert.equal(examineAtOnce(Buffer.from(plain(`${body}x`)), examination), null)
  const texts = (count: number) => multipart(Array.from({ length: count }, () => 'Content-Type: text/plain\r\n\r\nx'))
  // the multipart itself is one of twenty
  assert.ok(examineAtOnce(Buffer.from(texts(19)), examination))
  assert.equal(examineAtOnce(Buffer.from(texts(20)), examination), null)
})

const optionsOf = (entry: string) => loaded(`inspect: [${entry}]`).inspect[0]?.options

test('the defaults of the configuration are those of the plugin', () => {
  assert.deepEqual(parseAttachmentsOptions(optionsOf('{ attachments: {} }')), parseAttachmentsOptions({}))
})

test('what the configuration takes the plugin takes', () => {
  const { policy, exceptions, examination, maxMessage } = parseAttachmentsOptions(
    optionsOf(
      `{ attachments: { encrypted: hold, allowed: [JAR], blockedKinds: [${DEFAULT_BLOCKED.rules}], maxMessage: 5MiB, ` +
        "maxUnpacked: 1MiB, exceptions: [{ clients: ['*'], recipients: [.a.test], of: [blocked] }], advice: Ask. } }",
    ),
  )
  assert.deepEqual([policy.actions.encrypted, policy.advice, maxMessage], ['hold', 'Ask.', 5 * 1024 * 1024])
  assert.deepEqual([exceptions[0]?.of, exceptions[0]?.senders], [['blocked'], null])
  assert.equal(examination.limits.maxBytes, 1024 * 1024)
  assert.equal(examination.blocked?.extensions.includes('jar'), false)
  assert.equal(examination.blocked?.extensions.length, DEFAULT_BLOCKED.extensions.length - 1)
})

test('what is wrong is refused when the configuration is read', () => {
  for (const entry of ['{ attachments: { action: reject } }', '{ attachments: { alsoBlocked: [.exe] } }']) {
    assert.equal(said(`inspect: [${entry}]`).length, 1, entry)
  }
})
