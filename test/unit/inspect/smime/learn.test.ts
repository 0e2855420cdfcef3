import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import test, { before, type TestContext } from 'node:test'
import fc from 'fast-check'
import { Authorities } from '../../../../src/certificates/chain.ts'
import { loadChain } from '../../../../src/inspect/load.ts'
import type { LearntCertificate } from '../../../../src/inspect/services.ts'
import { smimeMessage } from '../../../../src/inspect/smime/message.ts'
import { signerOf } from '../../../../src/inspect/smime/signed.ts'
import { memoryContent } from '../../../../src/mail/content.ts'
import { parseHeader } from '../../../../src/mail/header.ts'
import { need } from '../../../support/components.ts'
import { temporaryFolder } from '../../../support/folder.ts'
import { AUTHORITY, type Issued, issue, MAIL_USE, openssl } from '../../../support/openssl.ts'
import { pluginContext } from '../../../support/services.ts'
import { chainMessage, LIMITS, never } from '../harness.ts'
import { PLAIN } from './messages.ts'

let folder: string
let authority: Issued
let alice: Issued

before((t) => {
  folder = temporaryFolder(t as TestContext)
  authority = issue(folder, 'authority', { extensions: AUTHORITY })
  alice = issue(folder, 'alice', { by: authority, emails: ['alice@practice.example'], extensions: MAIL_USE })
})

const FROM = 'Alice <alice@practice.example>'

/** A message that openssl signed, with CRLF line ends as mail has. */
function signed(by: Issued = alice, more: readonly string[] = [], from = FROM): Buffer {
  const made = openssl(
    ['cms', '-sign', '-signer', by.pemFile, '-inkey', by.keyFile, '-certfile', authority.pemFile, ...more],
    Buffer.from('Content-Type: text/plain\r\n\r\nThe results.\r\n'),
  )
  return Buffer.from(`From: ${from}\r\n${made.toString('latin1').replace(/\r?\n/g, '\r\n')}`, 'latin1')
}

const why = (message: Buffer): string => {
  const found = signerOf(message)
  return found.signer === null ? found.why : 'signed'
}

test('the certificate of who signed a message is found, and those that came along', (t) => {
  if (!need(t, 'openssl')) return
  const found = signerOf(signed())
  assert.equal(found.signer?.certificate, alice.pem)
  assert.deepEqual(found.signer?.others, [authority.pem])
})

test('signatures without attributes, and with other hashes, are verified too', (t) => {
  if (!need(t, 'openssl')) return
  assert.equal(why(signed(alice, ['-noattr'])), 'signed')
  for (const digest of ['sha384', 'sha512']) assert.equal(why(signed(alice, ['-md', digest])), 'signed')
})

test('what the service itself signs is found to be so', () => {
  const sign = { key: alice.key, certificate: alice.pem, chain: [authority.pem] }
  const made = smimeMessage(PLAIN, { certificates: [alice.pem], sign, outerSubject: null, now: Date.now() })
  const opened = openssl(['cms', '-decrypt', '-inkey', alice.keyFile, '-recip', alice.pemFile], made)
  assert.equal(signerOf(opened).signer?.certificate, alice.pem)
})

test('a changed text, a changed attribute, or a signature from another message does not hold', (t) => {
  if (!need(t, 'openssl')) return
  const text = signed().toString('latin1')
  assert.match(why(Buffer.from(text.replace('The results', 'The Results'), 'latin1')), /of another content/)
  const bare = signed(alice, ['-noattr']).toString('latin1')
  assert.match(why(Buffer.from(bare.replace('The results', 'The Results'), 'latin1')), /does not hold/)
  assert.match(why(Buffer.from('From: a@b.example\r\n\r\ntext')), /not signed/)
})

test('what is not supported is said so', (t) => {
  if (!need(t, 'openssl')) return
  const ec = issue(folder, 'ec', { key: 'ec', by: authority, emails: ['ec@practice.example'] })
  assert.match(why(signed(ec)), /only RSA is/)
  assert.match(why(signed(alice, ['-md', 'sha1'])), /hash is not supported/)
  assert.match(why(signed(alice, ['-keyopt', 'rsa_padding_mode:pss'])), /only RSA is/)
  assert.match(why(signed(alice, ['-nocerts'])), /did not come along/)
  assert.match(why(signed(alice, ['-keyid'])), /did not come along/)
  const bob = issue(folder, 'bob', { by: authority })
  assert.match(why(signed(alice, ['-signer', bob.pemFile, '-inkey', bob.keyFile])), /not exactly one signer/)
})

test('whatever the bytes of a signature are, nothing is thrown, and no certificate is had that its authority did not sign', (t) => {
  if (!need(t, 'openssl')) return
  const authorities = new Authorities([authority.pem])
  const whole = signed()
  const start = whole.indexOf('Content-Type: application/')
  const change = fc.record({
    at: fc.integer({ min: start, max: whole.length - 1 }),
    byte: fc.integer({ min: 32, max: 126 }),
  })
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), (changes) => {
      const bytes = Buffer.from(whole)
      for (const { at, byte } of changes) bytes[at] = byte
      const found = signerOf(bytes)
      if (found.signer === null || found.signer.certificate === alice.pem) return
      // the signature does not cover the certificate: its authority's does
      const altered = new X509Certificate(found.signer.certificate)
      assert.notEqual(authorities.refusal(altered, found.signer.others, Date.now()), null)
    }),
    { numRuns: 200 },
  )
})

/** What the plugin hands to the store, for a message from outside. */
async function learnt(t: TestContext, message: Buffer, { fails = false, direction = 'inbound' as const } = {}) {
  const context = pluginContext(t, {}, { domains: ['royal.test'] })
  const found: LearntCertificate[] = []
  const learn = async (each: LearntCertificate) => {
    found.push(each)
    if (fails) throw new Error('the store is gone')
    return { taken: true, why: null }
  }
  const services = { ...context.services, certificates: { find: () => [], learn } }
  const entry = { name: 'learn-certificates', module: null, mode: 'enforce', deadlineMs: 20_000, options: {} } as const
  const chain = await loadChain([entry], LIMITS, { ...context, services })
  const header = parseHeader(message.subarray(0, message.indexOf('\r\n\r\n') + 2))
  const { verdict } = await chain.data(
    chainMessage('', '', { header, content: memoryContent(message), direction }),
    never,
  )
  assert.equal(verdict.action, 'continue')
  // waits for what is under way
  await chain.close()
  return found
}

test('the plugin hands on what signed mail brings, with its author', async (t) => {
  if (!need(t, 'openssl')) return
  const [found] = await learnt(t, signed())
  assert.equal(found?.certificate, alice.pem)
  assert.deepEqual(found?.address, { local: 'alice', domain: 'practice.example' })
  assert.deepEqual(found?.chain, [authority.pem])
})

test('nothing is learnt of mail that is not signed, is altered, or has several authors', async (t) => {
  if (!need(t, 'openssl')) return
  assert.deepEqual(await learnt(t, PLAIN), [])
  const altered = signed().toString('latin1').replace('The results', 'Other results')
  assert.deepEqual(await learnt(t, Buffer.from(altered, 'latin1')), [])
  assert.deepEqual(await learnt(t, signed(alice, [], `${FROM}, <eve@evil.example>`)), [])
  assert.deepEqual(await learnt(t, signed(alice, [], `${FROM}\r\nFrom: eve@evil.example`)), [])
})

test('a store that fails holds up no message', async (t) => {
  if (!need(t, 'openssl')) return
  assert.equal((await learnt(t, signed(), { fails: true })).length, 1)
})
